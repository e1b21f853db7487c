//! Reading of a line backward, from a value to the name to which the line attributes it.

use super::{names, random};

/// Maximum number of bytes of a line that are read.
const MAX_LINE: usize = 400;

/// Maximum length of a name.
const MAX_NAME: usize = 64;

/// Words between a name and its value that say nothing of another name: types, conversions, and
/// keywords, in lower case and without `_` and `-`.
const NEUTRAL: &[&str] = &[
    "array",
    "as",
    "asstring",
    "atob",
    "b",
    "b64decode",
    "be",
    "box",
    "br",
    "by",
    "byte",
    "bytes",
    "char",
    "const",
    "cstr",
    "e",
    "export",
    "f",
    "field",
    "final",
    "fromstr",
    "fromstring",
    "get",
    "in",
    "init",
    "is",
    "just",
    "l",
    "lazy",
    "let",
    "list",
    "literal",
    "mut",
    "n",
    "new",
    "nil",
    "none",
    "null",
    "of",
    "ok",
    "option",
    "optional",
    "private",
    "protected",
    "public",
    "r",
    "raw",
    "rb",
    "readonly",
    "required",
    "return",
    "returns",
    "secretstr",
    "set",
    "some",
    "static",
    "str",
    "strdup",
    "string",
    "strings",
    "text",
    "to",
    "u",
    "u8",
    "undefined",
    "unwrapor",
    "unwraporelse",
    "var",
    "varchar",
    "vec",
    "void",
    "was",
];

/// Labels of a value whose name is elsewhere in the same call or object.
const LABELS: &[&str] = &[
    "body",
    "content",
    "data",
    "default",
    "defaultvalue",
    "defaults",
    "fallback",
    "initial",
    "initialvalue",
    "literal",
    "plaintext",
    "setvalue",
    "stringvalue",
    "val",
    "value",
    "valuestring",
    "withdefault",
];

/// Parts of the names of functions that return a value of another kind for their argument.
const OTHER_CALLS: &[&str] = &[
    "asset", "check", "compare", "crypt", "digest", "equal", "exist", "file", "find", "get", "has",
    "hash", "id", "import", "load", "log", "lookup", "match", "md5", "open", "path", "query",
    "read", "regex", "require", "select", "sha", "sign", "test", "trans", "uri", "url", "verif",
];

/// Parts of the names of functions whose last argument is returned if there is no other value.
const LOOKUPS: &[&str] = &[
    "coalesce", "config", "default", "env", "fetch", "get", "ifnull", "lookup", "nvl", "option",
    "param", "prop", "setting",
];

/// The starts of the names of functions that return their argument if there is no other value.
const DEFAULTS: &[&str] = &["unwrapor", "orelse", "getor", "ordefault", "ifempty", "valueor"];

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
                    (self.is_member, self.is_expression) = (false, false);
                }
                b';' => return Step::Ended,
                // An index, whose value is in a map.
                b'[' if !self.has_words && at > 0 && is_word(line[at - 1]) => return Step::Ended,
                b':' if at > 0 && line[at - 1] == b':' => at -= 1,
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

    /// Reads the word in the bytes of `line` from `start` to `end`. Returns the result if the word decides
    /// it.
    fn word(&mut self, line: &[u8], start: usize, end: usize) -> Option<Step> {
        let is_first = !std::mem::replace(&mut self.has_words, true);
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
        if is_first
            && LABELS.contains(&last.as_str())
            && (is_label || is_call || start > 0 && line[start - 1] == b' ')
        {
            (self.is_member, self.is_labelled) = (true, true);
            return if is_name(word) { Some(Step::Found) } else { None };
        }
        let is_name = is_name(word)
            || plain.starts_with("key") && names::is_secret(&line[start.saturating_sub(8)..end]);
        // After a name without a mark, a value in quotes can follow.
        let is_marked = !line[end..].trim_ascii().is_empty() || self.is_parent;
        if is_name
            && is_marked
            && !self.is_other
            && !self.is_expression
            && !(self.is_member && is_label)
        {
            return Some(Step::Found);
        }
        // An anchor or a tag of YAML.
        if start > 0 && matches!(line[start - 1], b'&' | b'!') {
            return None;
        }
        if matches!(plain.as_str(), "return" | "returns") {
            self.is_returned = true;
        }
        if matches!(plain.as_str(), "or" | "else" | "if" | "unless" | "then") && !self.is_other {
            self.is_expression = true;
            return None;
        }
        let is_number = plain.bytes().all(|b| b.is_ascii_digit());
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
    word.len() <= MAX_NAME && names::is_secret(word) && !random::is_random(word)
}

fn has_name(group: &[u8]) -> bool {
    group.split(|b| !is_word(*b)).any(is_name)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || !byte.is_ascii()
}
