//! Random values in the rows of SQL: `INSERT INTO t (name, token) VALUES ('a', '…')` and the text after
//! `COPY t (name, token) FROM stdin` (<https://www.postgresql.org/docs/current/sql-copy.html>).

use std::ops::Range;

use super::gaps::count;
use super::names;
use super::tables::is_value;

/// The first words of a statement with rows. The letter case is ignored.
pub(super) const INSERT: &str = "insert ";
pub(super) const REPLACE: &str = "replace into ";
pub(super) const COPY: &str = "copy ";

/// Maximum length of the list of columns and of the text before it.
const MAX_COLUMNS: usize = 1024;
/// Maximum number of bytes between the columns and the rows.
const MAX_WORDS: usize = 96;
/// Number of passes over a row.
const PASSES: usize = 8;

/// Returns the ranges of the random values of columns with the name of a secret, and the number of steps.
/// The first words of the statements are in `starts`, in ascending order. The rows of a statement are read
/// once, up to the next statement at most.
pub(super) fn secrets(bytes: &[u8], starts: &[Range<usize>]) -> (Vec<Range<usize>>, usize) {
    let (mut found, mut steps) = (Vec::new(), 0);
    for (index, word) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(bytes.len(), |next| next.start);
        let rest = &bytes[word.end.min(end)..end];
        let Some((columns, length)) = columns(rest, &mut steps) else { continue };
        let at = word.end + length;
        let is_copy = bytes[word.clone()].eq_ignore_ascii_case(COPY.as_bytes());
        let read = if is_copy { copied } else { inserted };
        let values = read(&bytes[at..end], &columns, &mut steps);
        found.extend(values.into_iter().map(|value| at + value.start..at + value.end));
    }
    (found, steps)
}

/// Returns for each column in the list at the start of `rest` whether its name is that of a secret, and the
/// length of the text up to the end of the list. Returns `None` if no name is.
fn columns(rest: &[u8], steps: &mut usize) -> Option<(Vec<bool>, usize)> {
    let rest = &rest[..rest.len().min(MAX_COLUMNS)];
    let open = count(rest, |b| b.is_ascii_alphanumeric() || b" \t\n\"`'[]._".contains(&b));
    *steps += open;
    let list = rest.get(open..)?.strip_prefix(b"(")?;
    let length = memchr::memchr(b')', list)?;
    *steps += length * PASSES;
    let names = list[..length].split(|b| *b == b',');
    let columns: Vec<bool> = names.map(|name| names::is_secret(name.trim_ascii())).collect();
    columns.contains(&true).then_some((columns, open + length + 2))
}

/// Returns whether a value is a secret. Databases store hashes of passwords in hexadecimal digits.
fn is_secret_value(value: &[u8]) -> bool {
    is_value(value) && !value.iter().all(u8::is_ascii_hexdigit)
}

fn copied(rows: &[u8], columns: &[bool], steps: &mut usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Some(first) = memchr::memchr(b'\n', rows) else { return found };
    // The options of the statement.
    let options = rows[..first.min(MAX_WORDS)].to_ascii_lowercase();
    let separator = if memchr::memmem::find(&options, b"csv").is_some() { b',' } else { b'\t' };
    let mut at = first + 1;
    for line in rows[at..].split(|b| *b == b'\n') {
        *steps += line.len() * PASSES;
        if line.starts_with(b"\\.") {
            break;
        }
        let mut from = at;
        for (column, field) in line.split(|b| *b == separator).enumerate() {
            let value = field.trim_ascii_end();
            if columns.get(column) == Some(&true) && is_secret_value(value) {
                found.push(from..from + value.len());
            }
            from += field.len() + 1;
        }
        at += line.len() + 1;
    }
    found
}

fn inserted(rows: &[u8], columns: &[bool], steps: &mut usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let words = count(&rows[..rows.len().min(MAX_WORDS)], |b| {
        b.is_ascii_alphabetic() || b.is_ascii_whitespace()
    });
    let head = rows[..words].to_ascii_lowercase();
    let (gap, is_selected) =
        match (memchr::memmem::rfind(&head, b"values"), memchr::memmem::find(&head, b"select")) {
            (Some(at), _) => (at, false),
            (None, Some(at)) => (at, true),
            (None, None) => return found,
        };
    let (mut depth, mut column, mut from, mut quote) = (usize::from(is_selected), 0, gap + 6, None);
    let mut is_escaped = false;
    for (at, byte) in rows.iter().enumerate().skip(gap + 6) {
        *steps += 1;
        if quote.is_some() {
            if quote == Some(*byte) && !is_escaped {
                quote = None;
            }
            is_escaped = *byte == b'\\' && !is_escaped;
            continue;
        }
        match byte {
            b'\'' | b'"' => quote = Some(*byte),
            b'(' => {
                depth += 1;
                if depth == 1 {
                    (column, from) = (0, at + 1);
                }
            }
            b',' | b')' | b';' if depth == 1 => {
                if columns.get(column) == Some(&true) {
                    *steps += (at - from) * PASSES;
                    let value = literal(rows, from..at);
                    if is_secret_value(&rows[value.clone()]) {
                        found.push(value);
                    }
                }
                (column, from) = (column + 1, at + 1);
                depth -= usize::from(*byte != b',');
            }
            b')' if depth == 0 => break,
            b')' => depth -= 1,
            b';' if depth == 0 => break,
            _ => {}
        }
    }
    found
}

/// Returns the range of the text of a literal without its quotes and prefix, as in `N'…'`.
fn literal(rows: &[u8], range: Range<usize>) -> Range<usize> {
    let text = &rows[range.clone()];
    let quotes = text.iter().position(|b| matches!(b, b'\'' | b'"'));
    match (quotes, text.iter().rposition(|b| matches!(b, b'\'' | b'"'))) {
        (Some(first), Some(last)) if first < last => range.start + first + 1..range.start + last,
        _ => {
            let before = text.len() - text.trim_ascii_start().len();
            range.start + before..range.start + before + text.trim_ascii().len()
        }
    }
}
