//! The table of the names that cause programs to run outside the review of a change, by class
//! (spec: X7).
//!
//! The directory `protected` has one file for each class. Each line of a file is a [pattern](Pattern)
//! and the page on which the tool describes the files that the pattern matches.

mod pattern;

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::class::ProtectedClass;
use crate::file_name::{ShortName, fold_path};
pub(super) use pattern::Pattern;

/// The table of each class.
const TABLES: [(ProtectedClass, &str); 6] = [
    (ProtectedClass::Ci, include_str!("protected/ci.txt")),
    (ProtectedClass::Agents, include_str!("protected/agents.txt")),
    (ProtectedClass::Editors, include_str!("protected/editors.txt")),
    (ProtectedClass::Hooks, include_str!("protected/hooks.txt")),
    (ProtectedClass::Tools, include_str!("protected/tools.txt")),
    (ProtectedClass::Ownership, include_str!("protected/ownership.txt")),
];

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// Returns the classes that contain `path`. If `is_symlink` is true, also returns the classes that
/// contain a path in `path`.
pub(super) fn classes_of(path: &str, is_symlink: bool) -> BTreeSet<ProtectedClass> {
    let names = fold_path(path);
    let mut found = BTreeSet::new();
    for (start, name) in names.iter().enumerate() {
        for (class, pattern) in INDEX.candidates(name) {
            if !found.contains(class)
                && pattern.matches_at(&names, start, is_symlink)
                && pattern.permits_spelling(path)
            {
                found.insert(*class);
            }
        }
    }
    found
}

/// Returns the pattern and the source in each line of `table`. Empty lines and lines that begin
/// with `#` are comments.
fn lines(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(pattern, source)| (pattern, source.trim()))
}

/// All patterns, with indexes of their first names. Without the indexes, each name of a path would
/// be compared with hundreds of patterns, and an agent can create long paths.
#[derive(Default)]
struct Index {
    patterns: Vec<(ProtectedClass, Pattern)>,
    by_first_name: HashMap<String, Vec<usize>>,
    /// The patterns by the first character of the short names that they match.
    by_first_character: HashMap<char, Vec<usize>>,
    /// The patterns whose first name contains a `*`.
    wild: Vec<usize>,
}

impl Index {
    fn new() -> Self {
        let mut index = Self::default();
        for (class, table) in TABLES {
            for (text, _) in lines(table) {
                let (pattern, number) = (Pattern::parse(text), index.patterns.len());
                if let Some(first) = pattern.first_character() {
                    index.by_first_character.entry(first).or_default().push(number);
                }
                match pattern.first_name() {
                    Some(name) => {
                        index.by_first_name.entry(name.to_owned()).or_default().push(number);
                    }
                    None => index.wild.push(number),
                }
                index.patterns.push((class, pattern));
            }
        }
        index
    }

    /// Returns the patterns that can match a path at the [folded](crate::file_name::fold) name
    /// `name`.
    fn candidates(&self, name: &str) -> impl Iterator<Item = &(ProtectedClass, Pattern)> {
        let first = ShortName::parse(name).and_then(ShortName::first_character);
        let short = first.and_then(|first| self.by_first_character.get(&first));
        let named = self.by_first_name.get(name);
        let numbers = short.into_iter().chain(named).flatten().chain(&self.wild);
        numbers.map(|number| &self.patterns[*number])
    }
}

#[cfg(test)]
mod tests;
