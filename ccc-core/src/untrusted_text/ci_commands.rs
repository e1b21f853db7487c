//! Commands in commit subjects that switch off the checks of a commit.

/// Commands outside brackets, in lower case.
///
/// - `skip-checks`: <https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs>
/// - `no_ci`: <https://learn.microsoft.com/en-us/azure/devops/pipelines/repos/azure-repos-git>
const WITHOUT_BRACKETS: &[&str] = &["skip-checks", "no_ci"];

/// Maximum length of the text between the brackets of a command, in bytes.
const MAX_COMMAND: usize = 40;

/// Returns `text` in a form that switches off no check of a commit or pull request. Continuous
/// integration skips a commit if its subject contains a command such as `[skip ci]` or `[no ci]`.
/// The function inserts a zero-width space into each such command. The displayed text looks the same.
#[must_use]
pub(crate) fn deactivate_ci_commands(text: &str) -> String {
    let mut places: Vec<usize> = text
        .match_indices('[')
        .map(|(at, _)| at + 1)
        .filter(|at| is_command(&text[*at..]))
        .collect();
    let lower = text.to_ascii_lowercase();
    for command in WITHOUT_BRACKETS {
        places.extend(lower.match_indices(command).map(|(at, _)| at + 2));
    }
    places.sort_unstable();
    let mut inactive = String::with_capacity(text.len() + 3 * places.len());
    let mut copied = 0;
    for place in places {
        inactive.push_str(&text[copied..place]);
        inactive.push('\u{200b}');
        copied = place;
    }
    inactive.push_str(&text[copied..]);
    inactive
}

/// Returns whether `text`, which follows an opening bracket, begins with a command and a closing
/// bracket. The vendors of continuous integration use many commands, which all have one of three
/// words.
fn is_command(text: &str) -> bool {
    let Some(end) = text.bytes().take(MAX_COMMAND + 1).position(|byte| byte == b']') else {
        return false;
    };
    let command = text[..end].to_ascii_lowercase();
    command
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| matches!(word, "no" | "ci") || word.contains("skip"))
}

#[cfg(test)]
mod tests {
    use super::deactivate_ci_commands;

    #[test]
    fn commands_of_continuous_integration_are_made_inactive() {
        // spec: X13c
        for command in [
            "skip ci",
            "ci skip",
            "no ci",
            "skip actions",
            "actions skip",
            "SKIP CI",
            "ci-skip",
            "skip azurepipelines",
            "skip netlify",
            "CF-Pages-Skip",
            "skip travis",
            " skip  ci ",
        ] {
            let text = format!("a [{command}] b");
            let expected = format!("a [\u{200b}{command}] b");
            assert_eq!(deactivate_ci_commands(&text), expected);
        }
        for (text, expected) in [
            ("***NO_CI***", "***NO\u{200b}_CI***"),
            ("Skip-Checks: true", "Sk\u{200b}ip-Checks: true"),
            ("[[skip ci]]", "[\u{200b}[\u{200b}skip ci]]"),
            ("[skip ci][skip cd]", "[\u{200b}skip ci][\u{200b}skip cd]"),
        ] {
            assert_eq!(deactivate_ci_commands(text), expected);
        }
    }

    #[test]
    fn other_titles_stay_unchanged() {
        for text in [
            "",
            "[",
            "[bug] Skip empty rows",
            "skip ci",
            "[RFC] now",
            "[notes] x",
            "ä[é]ö",
            "[a very long text that only happens to contain the words skip ci]",
        ] {
            assert_eq!(deactivate_ci_commands(text), text);
        }
    }
}
