//! Numbers in the place of labels that a page does not show.

use std::collections::HashSet;

/// Numbers that occur nowhere in a text.
#[derive(Debug)]
pub(super) struct FreshNumbers {
    used: HashSet<u32>,
    last: u32,
}

impl FreshNumbers {
    /// Creates numbers that do not occur in `text`.
    pub(super) fn new(text: &str) -> Self {
        let digits = text.split(|c: char| !c.is_ascii_digit());
        let used =
            digits.filter(|run| (1..=7).contains(&run.len())).filter_map(|run| run.parse().ok());
        Self { used: used.collect(), last: 0 }
    }

    /// Returns the next number.
    pub(super) fn next(&mut self) -> String {
        loop {
            self.last += 1;
            if !self.used.contains(&self.last) {
                return self.last.to_string();
            }
        }
    }
}

/// Returns whether `label` is a number. A number cannot contain an instruction.
pub(super) fn is_number(label: &str) -> bool {
    (1..=7).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_digit())
}

/// Returns the position of the first `]` in `text` that no backslash escapes.
pub(super) fn label_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let end = b == b']' && !escaped;
        escaped = b == b'\\' && !escaped;
        end
    })
}
