//! GitHub's reasons for refusing a push (spec: G7c).

use ccc_core::BranchName;

/// Returns why GitHub refused a push and what a person does about it, or `None` when the output
/// names no rule.
pub(super) fn explain(output: &str) -> Option<String> {
    let output = output.to_lowercase();
    let says = |text: &str| output.contains(text);
    if says("refusing to allow") && says("workflow") {
        return Some(
            "the work changes a workflow file, which we may not push: a person has to make that \
             part of the change"
                .to_owned(),
        );
    }
    let rules = ["protected branch", "branch protection", "rule violations", "repository rules"];
    rules.into_iter().any(says).then(|| {
        format!(
            "the repository's rules do not take this branch: let our account make branches that \
             begin with `{}`",
            BranchName::RUN_PREFIX
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_of_the_host_is_named_with_what_to_do() {
        // spec: G7c
        for (output, expected) in [
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
            let explained = explain(output).unwrap();
            assert!(explained.contains(expected), "{explained}");
        }
        let plain = explain(" ! [remote rejected] a -> b (hook declined)");
        assert_eq!(plain, None);
    }
}
