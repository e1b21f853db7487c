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
    use super::*;
    use proptest::prelude::*;

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
        #[test]
        fn any_text_is_a_branch_name_or_refused_in_one_short_line(text in any::<String>()) {
            if let Err(error) = BranchName::new(text) {
                let line = error.to_string();
                prop_assert!(!line.contains('\n') && line.len() < 1_000, "{}", line);
            }
        }
    }
}
