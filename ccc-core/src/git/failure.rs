//! Errors derived from git's output.

use crate::untrusted_text::one_line;
use crate::{Error, ErrorKind};

/// Returns the error of a failed call of `git <subcommand>`. Known phrases in git's output `stderr`
/// determine the error kind. The message contains the last three lines of the output.
pub(super) fn failure(subcommand: &str, stderr: &str) -> Error {
    let output_contains = |what: &str| stderr.contains(what);
    // Other commands use no network. Their output can contain any words, in the names of files.
    let uses_network = matches!(subcommand, "fetch" | "ls-remote" | "push");
    let kind = if output_contains("Authentication failed")
        || output_contains("could not read Username")
        || output_contains("error: 401")
    {
        ErrorKind::Unauthenticated
    } else if output_contains("error: 403")
        || output_contains("[remote rejected]")
        || output_contains("pre-receive hook declined")
    {
        ErrorKind::PermissionDenied
    } else if output_contains("not a git repository")
        || output_contains("is not a valid ")
        || output_contains("not found")
        || output_contains("does not exist")
        || output_contains("does not appear to be a git")
    {
        ErrorKind::NotFound
    } else if output_contains("No space left")
        || output_contains("Disk quota")
        || output_contains("File name too long")
        || output_contains("Too many levels of symbolic links")
    {
        ErrorKind::LimitExceeded
    } else if uses_network
        && (output_contains("Could not resolve")
            || output_contains("Failed to connect")
            || output_contains("Couldn't connect")
            || output_contains("Connection")
            || output_contains("timed out")
            || output_contains("early EOF")
            || output_contains("RPC failed")
            || output_contains("error: 5")
            || output_contains("unable to access"))
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
            ("error: unable to create file a/b: File name too long", ErrorKind::LimitExceeded),
            ("fatal: cannot create directory: No space left on device", ErrorKind::LimitExceeded),
        ] {
            let error = failure("fetch", words);
            assert_eq!(error.kind(), kind, "{words}");
            assert!(!error.to_string().contains('\n'));
        }
        // The name of a file is not the cause of a failure.
        let error = failure("read-tree", "error: unable to create file Connection/timed out");
        assert_eq!(error.kind(), ErrorKind::Unexpected);
    }
}
