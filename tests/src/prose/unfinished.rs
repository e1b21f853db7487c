//! The list of files whose prose is not finished.

use std::collections::BTreeMap;

/// For each file whose prose breaks rules, how often it does so at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished(BTreeMap<String, usize>);

impl Unfinished {
    /// Makes the list of files with findings.
    #[must_use]
    pub fn new(found: &BTreeMap<String, usize>) -> Self {
        let files = found.iter().filter(|(_, number)| **number > 0);
        Self(files.map(|(path, number)| (path.clone(), *number)).collect())
    }

    /// Reads lines of a number and a path.
    ///
    /// # Errors
    /// The first line of another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let entries = lines.map(|line| {
            let (number, path) = line.trim_start().split_once(' ')?;
            Some((path.to_owned(), number.parse().ok().filter(|number| *number > 0)?))
        });
        entries
            .collect::<Option<_>>()
            .map(Self)
            .ok_or_else(|| "a line is no number and path".to_owned())
    }

    /// Returns the list as [`parse`](Self::parse) reads it.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().map(|(path, number)| format!("{number:4} {path}\n")).collect()
    }

    /// Returns the number of findings in all files.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Returns how the findings in the tree differ from the list, file by file. Fewer findings in a
    /// file are no problem while there are any.
    #[must_use]
    pub fn problems(&self, found: &BTreeMap<String, usize>) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        for (path, number) in found {
            let listed = self.0.get(path).copied().unwrap_or(0);
            if *number > listed {
                problems.push((
                    path.clone(),
                    format!("{number} sentences to mend, {listed} are listed"),
                ));
            }
        }
        for path in self.0.keys() {
            if found.get(path).copied().unwrap_or(0) == 0 {
                problems.push((path.clone(), "passes or is gone: take it off the list".to_owned()));
            }
        }
        problems
    }
}
