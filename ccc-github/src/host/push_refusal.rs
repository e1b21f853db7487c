//! GitHub's reasons for refusing a push (spec: G7c).

use ccc_core::untrusted_text::one_line;

/// Maximum length of all reasons together, in characters. Each is a line of GitHub's output.
const MAX_REASONS: usize = 1_000;

/// The beginnings of lines without a reason: headings, links, and lists of commits and files.
const NO_REASONS: &[&str] = &[
    "review all repository rules",
    "found ",
    "locations:",
    "blob id:",
    "(?)",
    "learn how to",
    "trace:",
    "see http",
    "http",
    "resolve the following",
    "to push, remove secret",
    "to github.com",
    "this repository moved",
];

/// The words of GitHub's rules for the texts of commits and the names of branches.
const PATTERNS: [&str; 4] = ["must match", "must not match", "must not contain", "must start with"];

/// Returns why GitHub refused a push and what the user can do about it. `output` is the output of
/// git. Returns `None` if `output` contains no reason.
pub(super) fn explain(output: &str) -> Option<String> {
    let reasons = reasons(output);
    let advice = advice(&format!("{}\n{}", output.to_lowercase(), reasons.to_lowercase()));
    match (reasons.is_empty(), advice) {
        (true, None) => None,
        (true, Some(advice)) => Some(advice),
        (false, None) => Some(format!("the host refused the run's branch: {reasons}")),
        (false, Some(advice)) => {
            Some(format!("the host refused the run's branch: {reasons}; {advice}"))
        }
    }
}

/// Returns the lines of GitHub, and of hooks, in `output` that contain reasons, separated by
/// semicolons. Reasons that do not fit are counted.
fn reasons(output: &str) -> String {
    let mut in_places = false;
    let lines: Vec<String> = output
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("remote:"))
        .map(|line| one_line(line, MAX_REASONS))
        .map(|line| {
            let line = line.strip_prefix("error: ").unwrap_or(&line);
            line.trim_start_matches(['-', '*', '—', ' '])
                .trim_end_matches(['-', '—', ' '])
                .to_owned()
        })
        .filter(|line| {
            // The commits and paths of a secret are no reasons. A line of a hook can begin with the
            // same words.
            in_places |= line.to_lowercase().starts_with("locations:");
            let place = line.starts_with("commit:") || line.starts_with("path:");
            is_reason(line) && !(in_places && place)
        })
        .collect();
    let mut shown = String::new();
    for (index, line) in lines.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        if shown.chars().count() + line.chars().count() > MAX_REASONS {
            shown.push_str(&format!("{separator}{} more reasons", lines.len() - index));
            break;
        }
        shown.push_str(separator);
        shown.push_str(line.trim_end_matches('.'));
    }
    shown
}

/// Returns whether `line` contains a reason. Other lines are links, ids of commits, and frames.
fn is_reason(line: &str) -> bool {
    let lower = line.to_lowercase();
    let words = line.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
    words.count() >= 2 && !NO_REASONS.iter().any(|start| lower.starts_with(start))
}

/// Returns what the user can do about the reasons in `output`, whose letters are in lower case.
/// Returns `None` if the reasons need no further advice, or are not known.
fn advice(output: &str) -> Option<String> {
    let says = |text: &str| output.contains(text);
    let advice = if says("refusing to allow") && says("workflow") {
        "the run changes a workflow file, but the GitHub App is not allowed to push such a change: a \
         person must change the workflow files"
            .to_owned()
    } else if says("cannot contain secrets") || says("gh009") || says("push protection") {
        "a person must check whether the change contains a secret".to_owned()
    } else if says("verified signature") {
        "the commits of a run have no signature: add the GitHub App to the bypass list of this rule"
            .to_owned()
    } else if says("gh013") && PATTERNS.into_iter().any(says) {
        "the texts of a run have a fixed form: add the GitHub App to the bypass list of this rule"
            .to_owned()
    } else if says("gh001")
        || says("large files detected")
        || says("exceeds github's file size limit")
    {
        "a person must remove the large files from the change, or store them with Git LFS"
            .to_owned()
    } else if says("gh007") || says("private email") {
        "the commits of a run have the address of the GitHub App: allow this address".to_owned()
    } else if says("creations being restricted") || says("gh006") || says("protected branch") {
        "allow the GitHub App to create the branches of runs".to_owned()
    } else if says("cannot lock ref") {
        "a branch of the repository prevents the branches of runs: rename that branch".to_owned()
    } else {
        return None;
    };
    Some(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "\
remote: error: GH013: Repository rule violations found for refs/heads/claude/issue-1-0a1b2c3d.
remote: Review all repository rules at https://github.com/octo-org/hello/rules?ref=x
remote:
";

    /// Checks that the explanation of `output` contains `reasons` and ends with `advice`.
    fn check(output: &str, reasons: &[&str], advice: &str) {
        let explained = explain(output).unwrap_or_default();
        for reason in reasons {
            assert!(explained.contains(reason), "{reason}: {explained}");
        }
        assert!(explained.ends_with(advice), "{advice}: {explained}");
        assert!(!explained.contains('\n') && explained.len() < 1_500, "{explained}");
    }

    #[test]
    fn the_reasons_of_the_host_are_shown_with_advice_that_fits() {
        // spec: G7c
        let rules = |list: &str| format!("{RULES}{list}");
        check(
            &rules(
                "remote: - Commits must have verified signatures.\nremote:   Found 1 violation:\nremote:   c0ffee\n",
            ),
            &["GH013", "Commits must have verified signatures"],
            "have no signature: add the GitHub App to the bypass list of this rule",
        );
        check(
            &rules(
                "remote: - Commit message must match a given regex pattern: ^(feat|fix):\nremote:   c0ffee\n",
            ),
            &["Commit message must match a given regex pattern: ^(feat|fix):"],
            "add the GitHub App to the bypass list of this rule",
        );
        check(
            &rules(
                "remote: - GITHUB PUSH PROTECTION\nremote:   —————\nremote:     - Push cannot contain secrets\n\
                 remote:       —— Some Service API Key ——————\nremote:        locations:\n\
                 remote:          - commit: c0ffee\nremote:            path: src/config.py:3\n",
            ),
            &["GITHUB PUSH PROTECTION; Push cannot contain secrets; Some Service API Key"],
            "a person must check whether the change contains a secret",
        );
        check(
            &rules("remote: - Cannot create ref due to creations being restricted.\n"),
            &["Cannot create ref due to creations being restricted"],
            "allow the GitHub App to create the branches of runs",
        );
        check(
            &rules("remote: - Changes must be made through a pull request.\n"),
            &["GH013"],
            "Changes must be made through a pull request",
        );
        check(
            "remote: error: GH006: Protected branch update failed for refs/heads/claude/x.\n \
             ! [remote rejected] a -> claude/x (protected branch hook declined)",
            &["GH006: Protected branch update failed for refs/heads/claude/x"],
            "allow the GitHub App to create the branches of runs",
        );
        check(
            "remote: error: Trace: 1b2c3d\nremote: error: See https://gh.io/lfs for more information.\n\
             remote: error: File a.bin is 101.00 MB; this exceeds GitHub's file size limit of 100.00 MB\n\
             remote: error: GH001: Large files detected. You may want to try Git LFS.\n",
            &["File a.bin is 101.00 MB", "GH001"],
            "a person must remove the large files from the change, or store them with Git LFS",
        );
        check(
            "remote: error: GH007: Your push would publish a private email address.\n",
            &["GH007"],
            "the commits of a run have the address of the GitHub App: allow this address",
        );
        check(
            " ! [remote rejected] a -> b (refusing to allow a GitHub App to create or update workflow \
             `.github/workflows/ci.yml` without `workflows` permission)",
            &[],
            "a person must change the workflow files",
        );
    }

    #[test]
    fn the_lines_of_a_hook_are_shown_whole_and_without_advice() {
        // spec: G7c
        let hook = "remote: The project is frozen until Monday.\nremote: Ask in #releases.\n \
                    ! [remote rejected] a -> b (pre-receive hook declined)";
        let explained = explain(hook).unwrap_or_default();
        let expected = "the host refused the run's branch: The project is frozen until Monday; Ask in \
                        #releases";
        assert_eq!(explained, expected);
        assert_eq!(explain(" ! [remote rejected] a -> b (hook declined)"), None);
        let own = "remote: commit: the message must match TICKET-1\n";
        let expected = "the host refused the run's branch: commit: the message must match TICKET-1";
        assert_eq!(explain(own).as_deref(), Some(expected));
        check(
            &"remote: One more line of a hook.\n".repeat(1_000),
            &["more reasons"],
            "more reasons",
        );
    }
}
