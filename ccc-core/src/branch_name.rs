//! The names of the branches that runs create.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::checked_text;
use crate::{Error, Result, RunId};

/// The name of a branch, such as `claude/issue-42-1a2b3c4d`.
///
/// # Examples
///
/// ```
/// use ccc_core::BranchName;
///
/// assert!(BranchName::new("feature/greeting").is_ok());
/// // Git could take this for an option.
/// assert!(BranchName::new("--force").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

checked_text!(
    BranchName,
    "branch name",
    "at most 200 characters (letters, digits and `-_./`) in a form that `git check-ref-format \
     --branch` accepts; each part before or after a `/` must not begin with `-` or `.`, and must \
     not end with `.` or `.lock`",
    |text| {
        // These names are a subset of the names that git permits (git-check-ref-format(1)). They
        // contain none of the characters with a meaning in a shell, a refspec or a command line.
        (1..=200).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
            && text.split('/').all(|part| {
                !part.is_empty()
                    && !part.starts_with(['.', '-'])
                    && !part.ends_with('.')
                    && !part.to_ascii_lowercase().ends_with(".lock")
                    && !part.contains("..")
            })
            && text != "HEAD"
    }
);

impl BranchName {
    /// Returns the name of the branch that `run` creates for the issue with the number `issue`:
    /// `<prefix>issue-<issue>-<digits>`, where `<digits>` is the result of [`RunId::short`]. Without a
    /// number, the name is `<prefix>run-<digits>`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the name is too long.
    pub fn for_run(prefix: &BranchPrefix, issue: Option<u64>, run: RunId) -> Result<Self> {
        let digits = run.short();
        Self::new(match issue {
            Some(issue) => format!("{prefix}issue-{issue}-{digits}"),
            None => format!("{prefix}run-{digits}"),
        })
    }
}

/// The prefix of the branches that runs create. The default is `claude/`.
///
/// # Examples
///
/// ```
/// use ccc_core::BranchPrefix;
///
/// assert_eq!(BranchPrefix::default().as_str(), "claude/");
/// assert!(BranchPrefix::new("bots/fix-").is_ok());
/// assert!(BranchPrefix::new("/bots").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchPrefix(String);

checked_text!(
    BranchPrefix,
    "branch prefix",
    "at most 100 characters (letters, digits and `-_./`) that begin the name of a branch, such as \
     `claude/`; each part before or after a `/` must not begin with `-` or `.`, and must not end \
     with `.` or `.lock`",
    |text| text.len() <= 100 && BranchName::new(format!("{text}issue")).is_ok()
);

impl Default for BranchPrefix {
    fn default() -> Self {
        Self("claude/".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure fails the test")]

    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    #[test]
    fn ambiguous_branch_names_are_refused() {
        for bad in [
            "", "-x", "a/-x", "a..b", "a.lock", "a/b.LOCK", "a//b", "/a", "a/", "a b", "a:b",
            "a\nb", "a~1", "a^", "a@{1}", "ä", "$(id)", ".a", "a.", "HEAD", "+a",
        ] {
            assert!(BranchName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["main", "claude/issue-1-0a1b2c3d", "a.b-c_d/e"] {
            assert!(BranchName::new(good).is_ok(), "{good:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_130), ..ProptestConfig::with_cases(1_000) })]

        #[test]
        fn any_text_is_a_branch_name_or_refused_in_one_short_line(text in any::<String>()) {
            if let Err(error) = BranchName::new(text) {
                let line = error.to_string();
                prop_assert!(!line.contains('\n') && line.len() < 1_000, "{}", line);
            }
        }

        #[test]
        fn the_name_of_a_run_is_a_ref_with_the_prefix_and_stays_the_same(
            prefix in "[a-zA-Z0-9._/-]{0,24}|(claude|bots|x)[-/.]|[a-z]{90,110}|[ -~]{0,8}",
            issue: Option<u64>,
            id: u128,
        ) {
            let id = format!("{id:032x}").parse().unwrap();
            if let Ok(prefix) = BranchPrefix::new(prefix) {
                let name = BranchName::for_run(&prefix, issue, id).unwrap();
                prop_assert_eq!(&BranchName::for_run(&prefix, issue, id).unwrap(), &name);
                prop_assert_eq!(&BranchName::new(name.as_str()).unwrap(), &name);
                let text = name.as_str();
                prop_assert!(text.starts_with(prefix.as_str()) && text.ends_with(&id.short()));
                prop_assert!(text.len() <= 200 && !text.contains("..") && !text.contains("//"));
                let is_part = |part: &str| {
                    !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock")
                };
                prop_assert!(text.split('/').all(is_part));
                let other = BranchName::for_run(&prefix, issue.map_or(Some(1), |_| None), id).unwrap();
                prop_assert_ne!(other, name);
            }
        }

        #[test]
        fn an_accepted_name_contains_nothing_with_a_meaning_for_git_or_a_shell(text in "[a-c./@{~^:?*\\[ \\-]{1,8}|[ -~]{1,12}") {
            if let Ok(name) = BranchName::new(&text) {
                let special = |c: char| " ~^:?*[\\@{}$`'\"<>|&;()!#".contains(c);
                prop_assert!(!name.as_str().contains(special), "{:?}", name);
                prop_assert!(!text.ends_with(['/', '.']) && !text.starts_with(['/', '-', '.']));
            }
        }
    }
}
