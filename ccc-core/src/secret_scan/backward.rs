//! Reading of a line backward, from a value to the name to which the line attributes it.

use super::attribution_words::{
    CONVERSIONS, DEFAULTS, LABELS, LOOKUPS, NEUTRAL, OTHER_CALLS, VERBS,
};
use super::{names, random};

/// Maximum number of bytes of a line that are read.
const MAX_LINE: usize = 400;

/// Maximum length of a name.
const MAX_NAME: usize = 64;

/// The result of reading a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The line attributes the value to the name of a secret.
    Found,
    /// The line attributes the value to another name, or to none.
    Ended,
    /// Nothing before the value names it.
    Continued,
}

/// The state of reading backward from a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Whether a word was read that is another name.
    is_other: bool,
    /// Whether words are a condition or an expression, up to the next assignment.
    is_expression: bool,
    /// Whether the value has a label of [`LABELS`], so that the words of the call or object are other
    /// members.
    is_member: bool,
    /// Whether the value had such a label.
    is_labelled: bool,
    /// Whether the value is returned.
    is_returned: bool,
    /// Whether a word was read.
    has_words: bool,
    /// Whether the line is above that of the value.
    is_parent: bool,
}

impl Reading {
    /// Returns the state at the end of a line above that of the value.
    pub(super) fn of_parent() -> Self {
        Self { is_parent: true, ..Self::default() }
    }

    /// Returns whether the value is an argument with a label, so that another argument can be its name.
    pub(super) fn is_argument(&self) -> bool {
        self.is_labelled
    }

    /// Returns whether other statements or members can be between the value and the line that names it.
    pub(super) fn skips_statements(&self) -> bool {
        self.is_labelled || self.is_returned
    }

    /// Reads `line` backward.
    pub(super) fn line(&mut self, line: &[u8]) -> Step {
        let line = &line[line.len().saturating_sub(MAX_LINE)..];
        let mut at = line.len();
        while at > 0 {
            let byte = line[at - 1];
            if is_word(byte) {
                let start = line[..at].iter().rposition(|b| !is_word(*b)).map_or(0, |at| at + 1);
                if let Some(step) = self.word(line, start, at) {
                    return step;
                }
                at = start;
                continue;
            }
            at -= 1;
            match byte {
                b')' => {
                    let group = group(line, at, b'(', b')');
                    if self.is_labelled && !self.is_other && has_name(&line[group..at]) {
                        return Step::Found;
                    }
                    at = group;
                }
                b']' => at = group(line, at, b'[', b']'),
                b'}' => at = group(line, at, b'{', b'}'),
                b'(' => at = self.call(line, at),
                b'{' => {
                    if self.is_other {
                        return Step::Ended;
                    }
                    // A branch of a conditional expression, as in Rust.
                    let statement = memchr::memrchr(b'=', &line[..at])
                        .map_or(&b""[..], |start| &line[start..at]);
                    self.is_expression = memchr::memmem::find(statement, b" if ").is_some();
                    self.is_member = false;
                }
                b';' => return Step::Ended,
                // An index, whose value is in a map.
                b'[' if !self.has_words && at > 0 && is_word(line[at - 1]) => return Step::Ended,
                b':' if at > 0 && line[at - 1] == b':' => at -= 1,
                b'=' | b'!' | b'<' | b'>' if is_comparison(line, at) => {
                    at = line[..at]
                        .iter()
                        .rposition(|b| !b"=!<>".contains(b))
                        .map_or(0, |at| at + 1);
                }
                b':' if !self.has_words && !self.is_other => self.conditional(&mut at, line),
                b'=' | b':' if !self.is_member => self.is_expression = false,
                b'?' if !self.is_other => self.is_expression = true,
                b'|' if !self.is_other && at > 0 && line[at - 1] == b'|' => {
                    self.is_expression = true;
                }
                _ => {}
            }
        }
        if self.is_other { Step::Ended } else { Step::Continued }
    }

    /// Reads a colon before the value: of the second branch of `a ? b : c`, or after a name.
    fn conditional(&mut self, at: &mut usize, line: &[u8]) {
        let condition = memchr::memrchr(b'?', &line[..*at]);
        self.is_expression = condition.is_some();
        *at = condition.unwrap_or(*at);
    }

    /// Returns the state for the line above, whose expression continues on the line that was read.
    pub(super) fn expression(&mut self) -> &mut Self {
        self.is_expression |= !self.is_other;
        self
    }

    pub(super) fn is_returned(&self) -> bool {
        self.is_returned
    }

    /// Reads the word in the bytes of `line` from `start` to `end`. Returns the result if the word decides
    /// it.
    fn word(&mut self, line: &[u8], start: usize, end: usize) -> Option<Step> {
        let is_first = !std::mem::replace(&mut self.has_words, true);
        if self.is_other {
            return None;
        }
        let word = &line[start..end];
        let after = line[end..].trim_ascii_start();
        let after = after.strip_prefix(b"\"").or(after.strip_prefix(b"'")).unwrap_or(after);
        let is_label = matches!(after.trim_ascii_start().first(), Some(b':' | b'='));
        let plain: String = word
            .iter()
            .filter(|b| b.is_ascii_alphanumeric())
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
        let last = word.rsplit(|b| *b == b'.').next().unwrap_or_default();
        let last: String = last
            .iter()
            .filter(|b| b.is_ascii_alphanumeric())
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
        let is_call = line.get(end) == Some(&b'(');
        let is_variable = is_label && is_declared(&line[..start]);
        let names_value = LABELS.contains(&last.as_str()) || last.ends_with("value");
        if is_first
            && names_value
            && !is_variable
            && (is_label || is_call || start > 0 && line[start - 1] == b' ')
        {
            (self.is_member, self.is_labelled) = (true, true);
            return if is_name(word) { Some(Step::Found) } else { None };
        }
        let is_name = is_name(word)
            || plain.starts_with("key") && names::is_secret(&line[start.saturating_sub(8)..end]);
        // After a name without a mark, a value in quotes can follow.
        let is_marked = !line[end..].trim_ascii().is_empty() || self.is_parent;
        if is_name && is_marked && !self.is_expression && !(self.is_member && is_label) {
            return Some(Step::Found);
        }
        // An anchor or a tag of YAML.
        if start > 0 && matches!(line[start - 1], b'&' | b'!') {
            return None;
        }
        if matches!(plain.as_str(), "return" | "returns") {
            self.is_returned = true;
        }
        if matches!(plain.as_str(), "or" | "else" | "if" | "unless" | "then") {
            self.is_expression = true;
            return None;
        }
        let is_number = plain.is_empty() || word.iter().all(u8::is_ascii_digit);
        let is_neutral = is_number || NEUTRAL.contains(&last.as_str());
        if !is_neutral && !self.is_member && !self.is_expression {
            self.is_other = true;
        }
        None
    }

    /// Reads the name of the function whose arguments begin after the index `at`, and returns the index
    /// of its first byte.
    fn call(&mut self, line: &[u8], at: usize) -> usize {
        let is_path = |b: &u8| is_word(*b) || matches!(b, b':' | b'!' | b'<' | b'>');
        let start = line[..at].iter().rposition(|b| !is_path(b)).map_or(0, |at| at + 1);
        let path = line[start..at].to_ascii_lowercase();
        let path = String::from_utf8_lossy(&path);
        let last = path.rsplit(['.', ':']).next().unwrap_or_default();
        let calls = |parts: &[&str]| parts.iter().any(|part| last.contains(part));
        if self.is_member {
            // The label excuses the function, which can be any constructor.
            self.is_member = false;
            return start;
        }
        if self.is_other {
            if calls(LOOKUPS) {
                (self.is_other, self.is_expression) = (false, true);
                return start;
            }
            return at;
        }
        let plain: String = last.chars().filter(char::is_ascii_alphanumeric).collect();
        if LABELS.contains(&plain.as_str()) || DEFAULTS.iter().any(|name| plain.starts_with(name)) {
            (self.is_labelled, self.is_expression) = (true, true);
            return start;
        }
        if names::is_secret(path.as_bytes()) {
            return at;
        }
        if CONVERSIONS.contains(&plain.as_str()) {
            return start;
        }
        if calls(OTHER_CALLS) || last == "t" {
            self.is_other = true;
        }
        start
    }
}

/// Returns the index of the bracket that opens the group that is closed at the index `at`, or 0.
fn group(line: &[u8], at: usize, open: u8, close: u8) -> usize {
    let mut depth = 1_usize;
    line[..at]
        .iter()
        .rposition(|byte| {
            depth += usize::from(*byte == close);
            depth -= usize::from(*byte == open);
            depth == 0
        })
        .unwrap_or(0)
}

/// Returns whether a word is the name of a secret, and not itself random.
pub(super) fn is_name(word: &[u8]) -> bool {
    let lower = word.to_ascii_lowercase();
    let is_action = |verb: &&str| {
        let rest = lower.strip_prefix(verb.as_bytes());
        rest.is_some_and(|rest| {
            rest.first() == Some(&b'_') || word.get(verb.len()).is_some_and(u8::is_ascii_uppercase)
        })
    };
    !VERBS.iter().any(is_action)
        && word.len() <= MAX_NAME
        && names::is_secret(word)
        && !random::is_random(word)
}

/// Returns whether the character at the index `at` belongs to an operator of comparison.
fn is_comparison(line: &[u8], at: usize) -> bool {
    at > 0 && matches!(&line[at - 1..=at], b"==" | b"!=" | b"<=" | b">=")
}

/// Returns whether `before` ends with a word that declares a variable.
fn is_declared(before: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[b"let", b"const", b"var", b"auto", b"final", b"my", b"local", b"mut"];
    let before = before.trim_ascii_end();
    let word = before.rsplit(|b| !b.is_ascii_alphanumeric()).next().unwrap_or_default();
    WORDS.contains(&word)
}

fn has_name(group: &[u8]) -> bool {
    group.split(|b| !is_word(*b)).any(is_name)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || !byte.is_ascii()
}
