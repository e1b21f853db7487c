//! The decision whether a change may touch a path.

use std::collections::{BTreeMap, BTreeSet};

use super::TrustPolicy;
use super::class::ProtectedClass;
use super::protected::{Pattern, classes_of};
use crate::file_name::fold_path;

/// The reason why a change must not touch a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// The path belongs to a protected class.
    Class(ProtectedClass),
    /// The path matches one of the names in [`TrustPolicy::protected_names`].
    Name,
}

/// Maximum number of paths in one line of [`TrustPolicy::permitted_changes`].
const MAX_PATHS: usize = 5;

impl TrustPolicy {
    /// Returns whether a change must not touch `path`. `path` is relative to the repository's root,
    /// and `/` separates its names.
    ///
    /// # Examples
    ///
    /// ```
    /// use ccc_core::policy::TrustPolicy;
    ///
    /// let policy = TrustPolicy::default();
    /// assert!(policy.protects("packages/web/.github/workflows/release.yml"));
    /// assert!(!policy.protects("src/main.rs"));
    /// ```
    #[must_use]
    pub fn protects(&self, path: &str) -> bool {
        self.protection(path, false).is_some()
    }

    /// Returns why a change must not touch `path`, or `None` if it may. `is_symlink` is true if the
    /// change makes `path` a symlink. A symlink must not take the place of a hidden directory that
    /// contains protected files, such as `.config`. Symlinks with ordinary names, such as `bin`, are
    /// permitted; the caller checks the paths of the files in their targets.
    ///
    /// Names are compared as file systems compare them: without differences of case, in Unicode's
    /// compatibility form, and including the short names of NTFS (spec: X17a).
    ///
    /// # Examples
    ///
    /// ```
    /// use ccc_core::policy::{ProtectedClass, Protection, TrustPolicy};
    ///
    /// let policy = TrustPolicy::default();
    /// let protection = policy.protection("docs/CLAUDE.md", false);
    /// assert_eq!(protection, Some(Protection::Class(ProtectedClass::Agents)));
    /// ```
    #[must_use]
    pub fn protection(&self, path: &str, is_symlink: bool) -> Option<Protection> {
        let is_hidden = fold_path(path).last().is_some_and(|name| name.starts_with('.'));
        self.protection_in(path, is_symlink && is_hidden)
    }

    /// Returns whether a file can get a protected path through a symlink at `path`.
    #[cfg(feature = "git")]
    pub(crate) fn protects_in(&self, path: &str) -> bool {
        self.protection_in(path, true).is_some()
    }

    /// Returns why a change must not touch `path`, or, if `or_below` is true, a path in it.
    fn protection_in(&self, path: &str, or_below: bool) -> Option<Protection> {
        let classes = classes_of(path, or_below);
        let class = self.effective_classes().into_iter().find(|class| classes.contains(class));
        class.map(Protection::Class).or_else(|| {
            let names = fold_path(path);
            let is_named = self
                .protected_names
                .iter()
                .any(|name| Pattern::parse(name).matches(&names, or_below));
            is_named.then_some(Protection::Name)
        })
    }

    /// Returns one line for each class that is not protected, if one of the changed `paths` belongs
    /// to the class. A run's record and its pull request contain these lines (spec: X17c).
    #[must_use]
    pub fn permitted_changes<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut found: BTreeMap<ProtectedClass, BTreeSet<&str>> = BTreeMap::new();
        let protected = self.effective_classes();
        for path in paths {
            for class in classes_of(path, false) {
                if !protected.contains(&class) {
                    found.entry(class).or_default().insert(path);
                }
            }
        }
        found
            .into_iter()
            .map(|(class, paths)| {
                let shown: Vec<String> =
                    paths.iter().take(MAX_PATHS).map(|p| p.escape_default().to_string()).collect();
                let more = match paths.len().saturating_sub(MAX_PATHS) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                format!(
                    "the operator permits changes to files that configure {}, and this change \
                     contains such files: {}{more}",
                    class.configures(),
                    shown.join(", ")
                )
            })
            .collect()
    }
}
