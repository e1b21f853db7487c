//! Lookup and creation of pull requests.

use ccc_core::event::RepoRef;
use ccc_core::vcs::{Grant, NewPullRequest, PullRequest};
use ccc_core::{BranchName, Error, ErrorKind, Result};
use http::{Method, StatusCode};
use serde::Deserialize;

use crate::client::{ApiError, Call};
use crate::host::github::GitHub;
use crate::host::truncate::truncated;

/// The maximum length of a pull request's title on GitHub, in characters.
const MAX_TITLE: usize = 256;
/// The maximum length of a pull request's body on GitHub, in characters.
const MAX_BODY: usize = 65_536;

#[derive(Deserialize)]
struct RestPull {
    number: u64,
    html_url: String,
    state: String,
    head: Head,
    /// `None` if the account was deleted.
    user: Option<Author>,
}

#[derive(Deserialize)]
struct Author {
    id: u64,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "ref")]
    branch: String,
    /// The repository of the branch, or `None` if the branch is from a fork that was deleted.
    repo: Option<HeadRepository>,
}

#[derive(Deserialize)]
struct HeadRepository {
    id: u64,
}

impl GitHub {
    /// Finds the pull request of the branch `new.head`, or opens one if none exists. Searches again
    /// if GitHub reports that the pull request already exists, or if it is unclear whether a
    /// failed request opened the pull request (spec: G7a).
    pub(super) async fn find_or_open(
        &self,
        repo: &RepoRef,
        new: &NewPullRequest,
    ) -> Result<PullRequest> {
        let body = serde_json::json!({
            "head": new.head.as_str(),
            "base": new.base,
            "title": new.title.chars().take(MAX_TITLE).collect::<String>(),
            "body": truncated(&new.body, MAX_BODY),
            "draft": new.draft,
        });
        let mut round = 1;
        loop {
            let found = self.find_pull(repo, &new.head, None).await;
            if let Some(pull) = found.map_err(|error| explain(error, repo, new))? {
                return Ok(pull);
            }
            let call = Call::json(Method::POST, self.url(repo, &["pulls"])?, &body)?;
            let error = match self.call::<RestPull>(repo, Grant::Publish, &call).await {
                Ok(pull) => return Ok(pull_request(pull, &new.head)),
                Err(error) => error,
            };
            if error.message_contains("already exists")
                && let Ok(Some(pull)) = self.find_pull(repo, &new.head, None).await
            {
                return Ok(pull);
            }
            match self.tokens.client.backoff(&error, round) {
                Some(wait)
                    if round < self.tokens.client.tries(&error) && error.is_outcome_unclear() =>
                {
                    self.tokens.client.sleep(wait).await;
                }
                _ => return Err(explain(error, repo, new)),
            }
            round += 1;
        }
    }

    /// Finds the pull request of the branch `head`. Prefers an open pull request to a closed one,
    /// and a newer pull request to an older one. If `author` is given, other pull requests are ignored.
    pub(super) async fn find_pull(
        &self,
        repo: &RepoRef,
        head: &BranchName,
        author: Option<u64>,
    ) -> Result<Option<PullRequest>, ApiError> {
        let mut url = self.url(repo, &["pulls"])?;
        url.query_pairs_mut()
            .append_pair("head", &format!("{}:{head}", self.tokens.current(repo).owner))
            .append_pair("state", "all");
        let pulls: Vec<RestPull> = self.pages(repo, Grant::Publish, url).await?;
        // The result is filtered again, because GitHub ignores a filter that it does not
        // understand, and a fork can have a branch of the same name.
        Ok(pulls
            .into_iter()
            .filter(|pull| pull.head.branch == head.as_str())
            .filter(|pull| pull.head.repo.as_ref().is_some_and(|from| from.id == repo.id))
            .filter(|pull| {
                let by = pull.user.as_ref().map(|user| user.id);
                author.is_none() || by == author
            })
            .max_by_key(|pull| (pull.state == "open", pull.number))
            .map(|pull| pull_request(pull, head)))
    }
}

/// Converts a pull request in a REST API response to a [`PullRequest`] of the branch `head`.
fn pull_request(pull: RestPull, head: &BranchName) -> PullRequest {
    PullRequest::new(pull.html_url, head.clone()).with_number(pull.number)
}

/// Converts `error` to an error that tells the user what to do. `error` is the reason why the pull
/// request `new` was not opened (GitHub docs, "Create a pull request").
fn explain(error: ApiError, repo: &RepoRef, new: &NewPullRequest) -> Error {
    let (base, head) = (&new.base, &new.head);
    let kind_and_line = match error.status() {
        Some(StatusCode::UNPROCESSABLE_ENTITY) if error.has_problem("base", "invalid") => Some((
            ErrorKind::NotFound,
            format!(
                "the base branch `{base}` no longer exists: restore it or choose another default \
                 branch, then open a pull request from the branch `{head}` ({error})"
            ),
        )),
        Some(StatusCode::UNPROCESSABLE_ENTITY) if error.has_problem("head", "invalid") => Some((
            ErrorKind::NotFound,
            format!("the branch `{head}` no longer exists on GitHub: request a new run ({error})"),
        )),
        Some(StatusCode::UNPROCESSABLE_ENTITY) if error.message_contains("no commits between") => {
            Some((
                ErrorKind::Conflict,
                format!(
                    "the base branch `{base}` already contains all commits of the branch `{head}`: \
                     no pull request is needed ({error})"
                ),
            ))
        }
        Some(StatusCode::UNPROCESSABLE_ENTITY) if error.message_contains("already exists") => {
            Some((
                ErrorKind::Conflict,
                format!(
                    "a pull request from the branch `{head}` already exists, but GitHub's list of \
                     pull requests does not contain it: open the branch on GitHub to find the pull \
                     request ({error})"
                ),
            ))
        }
        Some(StatusCode::FORBIDDEN) if error.message_contains("archived") => Some((
            ErrorKind::PermissionDenied,
            format!(
                "the repository {repo} was archived: unarchive it, and request a new run ({error})"
            ),
        )),
        Some(StatusCode::FORBIDDEN) if error.rate_limit_wait().is_none() => Some((
            ErrorKind::PermissionDenied,
            format!(
                "the GitHub App is not allowed to open pull requests on {repo}, so the change is \
                 only on the branch `{head}`: give the App the permission `Pull requests: write`, \
                 and accept this permission on the installation ({error})"
            ),
        )),
        Some(StatusCode::NOT_FOUND) => Some((
            ErrorKind::NotFound,
            format!(
                "the repository {repo} does not allow pull requests, or no longer exists: no pull \
                 request was opened for the branch `{head}` ({error})"
            ),
        )),
        _ => None,
    };
    match kind_and_line {
        Some((kind, line)) => Error::new(kind, line),
        None => error.into(),
    }
}
