//! Errors of calls about an issue: the reasons for which GitHub refuses such a call.

use ccc_core::Error;
use ccc_core::event::RepoRef;
use http::StatusCode;

use crate::client::ApiError;
use crate::errors::{not_found, permission_denied};

/// Converts the error of a call about the issue `number` of `repo` to an error with the reason of
/// GitHub. The status 410 has two reasons, and only the message distinguishes them. The reasons are
/// described in the GitHub docs: "Locking conversations", "Deleting an issue", "Transferring an issue
/// to another repository", "Disabling issues".
pub(super) fn explain(error: ApiError, repo: &RepoRef, number: u64) -> Error {
    let issue = format!("issue #{number} of {repo}");
    if error.is_redirect() {
        return not_found(format!("{issue} was transferred to another repository ({error})"));
    }
    match error.status() {
        Some(StatusCode::GONE) if error.message_contains("disabled") => permission_denied(format!(
            "issues are disabled in {repo}: enable them in the repository's settings, and request a new \
             run ({error})"
        )),
        Some(StatusCode::GONE) => not_found(format!("{issue} was deleted ({error})")),
        Some(StatusCode::NOT_FOUND) => not_found(format!("{issue} does not exist ({error})")),
        Some(StatusCode::FORBIDDEN) if error.message_contains("locked") => permission_denied(
            format!("{issue} is locked: unlock the conversation, and request a new run ({error})"),
        ),
        Some(StatusCode::FORBIDDEN) if error.message_contains("archived") => {
            permission_denied(format!(
                "the repository {repo} is archived: unarchive it, and request a new run ({error})"
            ))
        }
        _ => error.into(),
    }
}
