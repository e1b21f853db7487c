//! Errors derived from git's output.

use crate::untrusted_text::one_line;
use crate::{Error, ErrorKind};

/// Returns the error of a failed call of `git <subcommand>`. Known phrases in git's output `stderr`
/// determine the error kind. The message contains the last three lines of the output.
pub(super) fn failure(subcommand: &str, stderr: &str) -> Error {
    let said = |what: &str| stderr.contains(what);
    let kind = if said("Authentication failed")
        || said("could not read Username")
        || said("error: 401")
    {
        ErrorKind::Unauthenticated
    } else if said("error: 403") || said("[remote rejected]") || said("pre-receive hook declined") {
        ErrorKind::PermissionDenied
    } else if said("not a git repository")
        || said("is not a valid ")
        || said("not found")
        || said("does not exist")
        || said("does not appear to be a git")
    {
        ErrorKind::NotFound
    } else if said("No space left") || said("Disk quota") {
        ErrorKind::LimitExceeded
    } else if said("Could not resolve")
        || said("Failed to connect")
        || said("Couldn't connect")
        || said("Connection")
        || said("timed out")
        || said("early EOF")
        || said("RPC failed")
        || said("error: 5")
        || said("unable to access")
    {
        ErrorKind::Unavailable
    } else {
        ErrorKind::Unexpected
    };
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    let words = format!("`git {subcommand}` failed: {}", one_line(&last, 500));
    Error::new(kind, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_messages_map_to_error_kinds() {
        for (words, kind) in [
            ("fatal: Authentication failed for 'https://h/'", ErrorKind::Unauthenticated),
            (
                "fatal: unable to access 'u': The requested URL returned error: 403",
                ErrorKind::PermissionDenied,
            ),
            (
                " ! [remote rejected] a -> b (protected branch hook declined)",
                ErrorKind::PermissionDenied,
            ),
            ("fatal: repository 'http://h/r.git/' not found", ErrorKind::NotFound),
            ("fatal: unable to access 'u': Failed to connect to h port 1", ErrorKind::Unavailable),
            (
                "fatal: unable to access 'u': The requested URL returned error: 502",
                ErrorKind::Unavailable,
            ),
            ("fatal: something new", ErrorKind::Unexpected),
        ] {
            let error = failure("fetch", words);
            assert_eq!(error.kind(), kind, "{words}");
            assert!(!error.to_string().contains('\n'));
        }
    }
}
