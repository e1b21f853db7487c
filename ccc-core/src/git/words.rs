//! What git says, and what it means.

use crate::text::one_line;
use crate::{Error, ErrorKind};

/// What git's words mean for the caller.
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
    let words = format!("git {subcommand}: {}", one_line(&last, 500));
    match rule(stderr) {
        Some(what) => Error::new(ErrorKind::PermissionDenied, format!("{what} ({words})")),
        None => Error::new(kind, words),
    }
}

/// The rule that a host's hook refused a push by, and what a person does about it (spec: G7c). The
/// words are those of the hosts that people use.
fn rule(stderr: &str) -> Option<&'static str> {
    let stderr = stderr.to_lowercase();
    let said = |what: &str| stderr.contains(what);
    if said("refusing to allow") && said("workflow") {
        return Some(
            "the work changes a workflow file, which we may not push: a person has to make that \
             part of the change",
        );
    }
    let rules = ["protected branch", "branch protection", "rule violations", "repository rules"];
    rules.into_iter().any(said).then_some(
        "the repository's rules do not take this branch: let our account make branches that begin \
         with `claude/`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_of_the_host_is_named_with_what_to_do() {
        // spec: G7c
        for (words, expected) in [
            (
                "remote: error: GH006: Protected branch update failed for refs/heads/claude/x.\n \
                 ! [remote rejected] a -> claude/x (protected branch hook declined)",
                "let our account make branches",
            ),
            (
                "remote: error: GH013: Repository rule violations found for refs/heads/claude/x.",
                "let our account make branches",
            ),
            (
                " ! [remote rejected] a -> b (refusing to allow a GitHub App to create or update \
                 workflow `.github/workflows/ci.yml` without `workflows` permission)",
                "changes a workflow file",
            ),
        ] {
            let error = failure("push", words);
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{words}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        let plain = failure("push", " ! [remote rejected] a -> b (hook declined)");
        assert!(!plain.to_string().contains("rules"), "{plain}");
    }

    #[test]
    fn git_s_words_become_kinds() {
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
