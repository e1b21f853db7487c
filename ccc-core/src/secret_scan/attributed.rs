//! Random values that are not assigned directly to the name of a secret: as a default, an item of a list,
//! an argument, or a member `value` of an object. The text is read backward from the value to the name.

use std::ops::Range;

use super::backward::{Reading, Step, is_name};
use super::checksums::Checksums;
use super::gaps::{self, count};
use super::random::{MIN_HEX, MIN_RANDOM, is_fingerprint, is_path, is_random_hex, is_secret};
use super::shape::Class::Value;

/// Maximum number of bytes between a name and its value.
const MAX_DISTANCE: usize = 400;
/// Maximum number of lines between a name and its value.
const MAX_LINES: usize = 40;
/// Maximum number of bytes of a value that are judged.
const MAX_VALUE: usize = 256;
/// Number of passes over a value that decide whether it is a secret.
const JUDGE_PASSES: usize = 8;

/// The parts of a text in which values of secrets can be: the bytes after each name of a secret.
#[derive(Debug, Default)]
pub(super) struct Areas(Vec<Range<usize>>);

impl Areas {
    /// Adds the bytes after a name that ends at `end`. The ends are added in ascending order.
    pub(super) fn add(&mut self, end: usize) {
        let until = end + MAX_DISTANCE;
        match self.0.last_mut() {
            Some(last) if end <= last.end => last.end = until.max(last.end),
            _ => self.0.push(end..until),
        }
    }

    /// Returns the ranges of the secrets in `bytes`, and the number of steps.
    pub(super) fn secrets(&self, bytes: &[u8]) -> (Vec<Range<usize>>, usize) {
        let (mut found, mut steps) = (Vec::new(), 0);
        let mut checksums = Checksums::default();
        for area in &self.0 {
            // The rest of the name.
            let name = count(&bytes[area.start.min(bytes.len())..], gaps::is_name);
            let mut at = area.start + name;
            steps += name;
            while at < area.end.min(bytes.len()) {
                if !Value.has(bytes[at]) {
                    at += 1;
                    steps += 1;
                    continue;
                }
                let run = at..at + count(&bytes[at..], |b| Value.has(b));
                steps += run.len();
                at = run.end;
                if run.len() < MIN_RANDOM {
                    continue;
                }
                let value = value_in(bytes, run);
                steps += value.len().min(MAX_VALUE) * JUDGE_PASSES;
                if is_value(bytes, &value, &mut checksums, &mut steps)
                    && is_attributed(bytes, &value, &mut steps)
                {
                    found.push(value);
                }
            }
        }
        (found, steps)
    }
}

/// Returns the part of a run of characters that is the value: `--body=…` begins with an option.
fn value_in(bytes: &[u8], run: Range<usize>) -> Range<usize> {
    let text = &bytes[run.clone()];
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let text = &text[..text.len() - padding];
    let option = memchr::memrchr(b'=', text).map_or(0, |at| at + 1);
    let marks = count(&text[option..], |b| matches!(b, b'-' | b'.' | b'~'));
    run.start + option + marks..run.end
}

/// Returns whether the bytes in `range` are random and can be a value. Adds the number of bytes that are
/// read to `steps`.
fn is_value(
    bytes: &[u8],
    range: &Range<usize>,
    checksums: &mut Checksums,
    steps: &mut usize,
) -> bool {
    let value = &bytes[range.start..range.end.min(range.start + MAX_VALUE)];
    let before = range.start.checked_sub(1).map(|at| bytes[at]);
    let quoted = before.is_some_and(|b| matches!(b, b'"' | b'\'' | b'`'));
    let follows =
        bytes.get(range.end).is_none_or(|b| !matches!(b, b'(' | b'[' | b'{' | b':' | b'@'));
    before.is_none_or(|b| !b.is_ascii_alphanumeric() && !b"/@#$+%*}\\".contains(&b))
        && follows
        && (quoted || !is_path(value))
        && (is_secret(value)
            || is_random_hex(value, MIN_HEX)
                && !is_fingerprint(value)
                && !checksums.contain(bytes, range.start, steps))
}

/// Returns whether the text before the value in `range` attributes the value to the name of a secret.
fn is_attributed(bytes: &[u8], range: &Range<usize>, steps: &mut usize) -> bool {
    let least = range.start.saturating_sub(MAX_DISTANCE);
    let before = &bytes[least..range.start];
    let first = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let own = &before[first..];
    let mut reading = Reading::default();
    *steps += 2 * own.len();
    match reading.line(own) {
        Step::Found => return true,
        Step::Ended => return false,
        Step::Continued => {}
    }
    let mut line = Line::new(own);
    let is_quoted = own.last().is_some_and(|b| matches!(b, b'"' | b'\'' | b'`'));
    let is_bare = own.trim_ascii().is_empty() && !is_quoted;
    let mut is_continued = continues(own);
    let mut rest = &before[..first];
    for distance in 0..MAX_LINES {
        let Some(text) = rest.strip_suffix(b"\n") else { return false };
        let start = memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
        rest = &text[..start];
        let text = &text[start..];
        *steps += 2 * text.len();
        let above = Line::new(text);
        if above.is_blank || text.trim_ascii() == b"{" {
            continue;
        }
        if is_continued {
            // The line begins with an operator, so that the line above belongs to the expression.
            is_continued = continues(text);
            match reading.expression().line(text.trim_ascii_end()) {
                Step::Found => return true,
                Step::Ended => return false,
                Step::Continued => line = above,
            }
            continue;
        }
        if !line.is_below(&above) {
            if reading.is_argument() && is_lone_name(text)
                || distance == 0 && above.is_item && is_lone_name(text) && is_option(text)
            {
                return true;
            }
            if !(reading.skips_statements() || above.is_item) {
                return false;
            }
            continue;
        }
        let text = text.trim_ascii_end();
        let opens = opens(text, line.is_deeper(&above));
        if !opens && above.is_item && reading.skips_statements() {
            // The first member of an object in a list.
            line = above;
            continue;
        }
        if reading.is_returned() && is_branch(text) {
            line = above;
            continue;
        }
        let is_function = rest.is_empty() || reading.is_returned();
        if !(opens || is_function && text.ends_with(b")")) || is_bare && text.ends_with(b"{") {
            return false;
        }
        return !is_type(text) && Reading::of_parent().line(text) == Step::Found;
    }
    false
}

/// Returns whether a line continues the expression of the line before it.
fn continues(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    [&b"? "[..], b": \"", b": '", b"||", b"??", b"or ", b"else "]
        .iter()
        .any(|mark| line.starts_with(mark))
}

/// Returns whether a line begins a branch or an accessor, whose name is further above.
fn is_branch(line: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"if", b"else", b"elif", b"for", b"while", b"switch", b"case", b"default", b"match",
        b"when", b"try", b"catch", b"with", b"get", b"do", b"unsafe", b"}",
    ];
    let line = line.trim_ascii_start();
    let length = count(line, |b| b.is_ascii_alphabetic()).max(1).min(line.len());
    WORDS.contains(&&line[..length]) || line.ends_with(b"=> {") && !line.contains(&b'=')
}

/// Returns whether a line begins a type, a module or a test, whose name is not that of a value.
fn is_type(line: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"class",
        b"struct",
        b"enum",
        b"interface",
        b"trait",
        b"impl",
        b"module",
        b"mod",
        b"namespace",
        b"describe",
        b"it",
        b"test",
    ];
    let mut words = line.split(|b| !b.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.by_ref().take(3).any(|word| WORDS.contains(&word))
}

/// Returns whether a line consists of the option of a command, as in a list of arguments.
fn is_option(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"--").is_some() || memchr::memmem::find(line, b"\"-").is_some()
}

/// Returns whether more text belongs to the text of a line: a block, a list, an element, a string of many
/// lines, or an expression. Only a list in YAML needs no deeper indentation.
fn opens(line: &[u8], is_deeper: bool) -> bool {
    const ENDS: &[&[u8]] =
        &[b"{", b"[", b"(", b"=", b"|", b"|-", b">-", b",", b"\\", b"`", b"\"\"\"", b"\'\'\'"];
    let element = line.ends_with(b">") && memchr::memmem::find(line, b"</").is_none();
    line.ends_with(b":")
        || line.trim_ascii_start().starts_with(b"? ")
        || is_deeper && (element || ENDS.iter().any(|end| line.ends_with(end)))
}

/// Returns whether a line consists of the name of a secret: the argument `"--token",` of a call.
fn is_lone_name(line: &[u8]) -> bool {
    let around = |b: &&u8| b.is_ascii_whitespace() || b"\"'`,-".contains(b);
    let before = line.iter().take_while(around).count();
    let after = line[before..].iter().rev().take_while(around).count();
    let name = &line[before..line.len() - after];
    name.iter().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b)) && is_name(name)
}

/// The form of a line.
#[derive(Clone, Copy, Debug)]
struct Line {
    indentation: usize,
    /// Whether the line is an item of a list.
    is_item: bool,
    is_blank: bool,
    /// Whether the line is a key after `?` or a value after `:` in YAML
    /// (<https://yaml.org/spec/1.2.2/#822-block-mappings>).
    is_key: bool,
    is_value: bool,
}

impl Line {
    fn new(line: &[u8]) -> Self {
        let indentation = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let text = line[indentation..].trim_ascii();
        let is_item = line[indentation..].starts_with(b"- ")
            || text.first().is_some_and(|b| b"\"'`[{0123456789*".contains(b));
        Self {
            indentation,
            is_item,
            is_blank: text.is_empty(),
            is_key: text.starts_with(b"? "),
            is_value: text.starts_with(b":"),
        }
    }

    fn is_deeper(&self, above: &Self) -> bool {
        self.indentation > above.indentation
    }

    /// Returns whether this line belongs to the line `above`. The items of a list in YAML can have the
    /// indentation of its name.
    fn is_below(&self, above: &Self) -> bool {
        self.is_deeper(above)
            || self.indentation == above.indentation
                && (self.is_item && !above.is_item || self.is_value && above.is_key)
    }
}
