//! The list of files whose prose still breaks rules.

use std::collections::BTreeMap;

/// Files whose prose breaks rules, each with its maximum number of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished(BTreeMap<String, usize>);

impl Unfinished {
    /// Creates the list of files with findings.
    #[must_use]
    pub fn new(found: &BTreeMap<String, usize>) -> Self {
        let files = found.iter().filter(|(_, number)| **number > 0);
        Self(files.map(|(path, number)| (path.clone(), *number)).collect())
    }

    /// Parses lines of a number and a path.
    ///
    /// # Errors
    /// Returns a description if a line is invalid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let entries = lines.map(|line| {
            let (number, path) = line.trim_start().split_once(' ')?;
            Some((path.to_owned(), number.parse().ok().filter(|number| *number > 0)?))
        });
        entries
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| "a line does not consist of a number and a path".to_owned())
    }

    /// Formats the list so that [`parse`](Self::parse) can read it.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().map(|(path, number)| format!("{number:4} {path}\n")).collect()
    }

    /// Returns the number of findings in all files.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Returns the differences between the findings and the list, file by file. Fewer findings than
    /// listed are accepted as long as there are any.
    #[must_use]
    pub fn problems(&self, found: &BTreeMap<String, usize>) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        for (path, number) in found {
            let listed = self.0.get(path).copied().unwrap_or(0);
            if *number > listed {
                problems.push((
                    path.clone(),
                    format!("{number} sentences to fix, {listed} are listed"),
                ));
            }
        }
        for path in self.0.keys() {
            if found.get(path).copied().unwrap_or(0) == 0 {
                problems.push((
                    path.clone(),
                    "has no findings or does not exist: remove it from the list".to_owned(),
                ));
            }
        }
        problems
    }
}
