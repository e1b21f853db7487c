//! GitHub's reasons for refusing a push (spec: G7c).

use ccc_core::BranchName;

/// Returns why GitHub refused a push and what the user can do about it. `output` is the output of
/// git. Returns `None` if `output` contains no known reason.
pub(super) fn explain(output: &str) -> Option<String> {
    let output = output.to_lowercase();
    let says = |text: &str| output.contains(text);
    if says("refusing to allow") && says("workflow") {
        return Some(
            "the run changes a workflow file, but the GitHub App is not allowed to push such a \
             change: a person must change the workflow files"
                .to_owned(),
        );
    }
    let rules = ["protected branch", "branch protection", "rule violations", "repository rules"];
    rules.into_iter().any(says).then(|| {
        format!(
            "the branch rules of the repository reject the run's branch: allow the GitHub App to \
             create branches that begin with `{}`",
            BranchName::RUN_PREFIX
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_refused_by_a_rule_is_explained() {
        // spec: G7c
        for (output, expected) in [
            (
                "remote: error: GH006: Protected branch update failed for refs/heads/claude/x.\n \
                 ! [remote rejected] a -> claude/x (protected branch hook declined)",
                "allow the GitHub App to create branches",
            ),
            (
                "remote: error: GH013: Repository rule violations found for refs/heads/claude/x.",
                "allow the GitHub App to create branches",
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
