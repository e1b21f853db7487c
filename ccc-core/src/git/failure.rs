//! Errors derived from git's output.

use crate::untrusted_text::one_line;
use crate::{Error, ErrorKind};

/// Returns the error of a failed call of `git <subcommand>`. Known phrases in git's output `stderr`
/// determine the error kind. The message contains the last three lines of the output.
pub(super) fn failure(subcommand: &str, stderr: &str) -> Error {
    let output_contains = |what: &str| stderr.contains(what);
    if stderr.lines().any(|line| is_disk_full(subcommand, line)) {
        let line = format!(
            "a disk of the service is full or fails, so that `git {subcommand}` failed: free space on the disk of the \
             data directory: {}",
            one_line(&last_lines(stderr), 500)
        );
        return Error::new(ErrorKind::DiskFull, line);
    }
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
    } else if output_contains("File name too long")
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
    let words = format!("`git {subcommand}` failed: {}", one_line(&last_lines(stderr), 500));
    Error::new(kind, words)
}

/// Returns whether the line `line` of the output of `git <subcommand>` reports that a disk of the
/// service is full.
fn is_disk_full(subcommand: &str, line: &str) -> bool {
    // When git writes a workspace, it does not print the cause of a failed write. The line ends with the
    // name of the file, which can be any text.
    if line.starts_with("error: unable to write file ") && subcommand == "read-tree" {
        return true;
    }
    // Lines of the remote begin with `remote: `: its disk is not a disk of the service.
    ["fatal: ", "error: "].iter().any(|start| line.starts_with(start))
        && [": No space left on device", ": Disk quota exceeded", " Out of diskspace"]
            .iter()
            .any(|cause| line.trim_end().ends_with(cause))
}

/// Returns the last three lines of git's output, without its hints.
fn last_lines(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
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
            ("fatal: cannot create directory: No space left on device", ErrorKind::DiskFull),
            (
                "remote: fatal: write error: No space left on device\nfatal: early EOF",
                ErrorKind::Unavailable,
            ),
        ] {
            let error = failure("fetch", words);
            assert_eq!(error.kind(), kind, "{words}");
            assert!(!error.to_string().contains('\n'));
        }
        // The name of a file is not the cause of a failure.
        let error = failure("read-tree", "error: unable to create file Connection/timed out");
        assert_eq!(error.kind(), ErrorKind::Unexpected);
    }

    #[test]
    fn a_full_disk_of_the_service_is_no_fault_of_the_repository() {
        // spec: X20c
        for (subcommand, words, expected) in [
            ("read-tree", "error: unable to write file a\nfatal: x", ErrorKind::DiskFull),
            (
                "fetch",
                "fatal: write error: No space left on device\nfatal: index-pack failed",
                ErrorKind::DiskFull,
            ),
            (
                "read-tree",
                "error: unable to create file a: Disk quota exceeded",
                ErrorKind::DiskFull,
            ),
            (
                "pack-objects",
                "fatal: sha1 file 'x' write error. Out of diskspace",
                ErrorKind::DiskFull,
            ),
            // Lines that name a file, or that the remote printed.
            (
                "read-tree",
                "error: unable to create file No space left on device: File name too long",
                ErrorKind::LimitExceeded,
            ),
            ("add", "error: unable to write file a: Permission denied", ErrorKind::Unexpected),
            ("push", "remote: error: x: No space left on device", ErrorKind::Unexpected),
            ("fetch", "fatal: something new", ErrorKind::Unexpected),
        ] {
            let error = failure(subcommand, words);
            assert_eq!(error.kind(), expected, "{subcommand}: {words}: {error}");
            let advice = error.to_string().contains("free space on the disk");
            assert_eq!(advice, expected == ErrorKind::DiskFull, "{error}");
        }
    }
}
