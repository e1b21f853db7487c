//! Random values in columns of tables: of files with separators, and of Markdown
//! (<https://github.github.com/gfm/#tables-extension->). The header of the column is the name of a
//! secret.

use std::ops::Range;

use super::gaps::is_name;
use super::names;
use super::random::{MIN_HEX, MIN_RANDOM, is_path, is_random_hex, is_secret};
use super::shape::Class::Value;

/// Maximum length of a header, and of the part of a row that is read.
const MAX_HEADER: usize = 1024;
/// Maximum length of the name of a column.
const MAX_CELL: usize = 128;
/// Maximum number of columns with secrets in one table.
const MAX_COLUMNS: usize = 4;
/// Number of passes over a header or a row.
const PASSES: usize = 8;
/// Separators of columns. The first that a header contains counts.
const SEPARATORS: &[u8] = b"|\t,;";

/// The lines that can be headers of tables, which are found in ascending order.
#[derive(Debug, Default)]
pub(super) struct Headers {
    /// The start of the line that contains the place `searched`.
    line: usize,
    searched: usize,
    /// The starts of the lines.
    found: Vec<usize>,
}

impl Headers {
    /// Adds the line with the name of a secret in the bytes from `start` to `end`, if the name can be
    /// the header of a column. Searches each byte once.
    pub(super) fn add(&mut self, bytes: &[u8], start: usize, end: usize) {
        if start > self.searched {
            let between = &bytes[self.searched..start];
            self.line =
                memchr::memrchr(b'\n', between).map_or(self.line, |at| self.searched + at + 1);
            self.searched = start;
        }
        let is_edge = |byte: Option<&u8>| {
            byte.is_none_or(|b| SEPARATORS.contains(b) || b" \"'`\r\n".contains(b) || is_name(*b))
        };
        let before = start.checked_sub(1).and_then(|at| bytes.get(at));
        if is_edge(before) && is_edge(bytes.get(end)) && self.found.last() != Some(&self.line) {
            self.found.push(self.line);
        }
    }

    /// Returns the ranges of random values in the columns of the tables, and the number of steps. Reads
    /// each line as a header at most once, and as a row at most once.
    pub(super) fn secrets(&self, bytes: &[u8]) -> (Vec<Range<usize>>, usize) {
        let (mut found, mut done, mut steps) = (Vec::new(), 0, 0);
        for line in &self.found {
            if *line >= done {
                done = rows(bytes, *line, &mut found, &mut steps).unwrap_or(done);
            }
        }
        (found, steps)
    }
}

/// Adds the secrets of the table whose header is at `header`, and returns the end of the table.
/// Returns `None` if the line is no header.
fn rows(
    bytes: &[u8],
    header: usize,
    found: &mut Vec<Range<usize>>,
    steps: &mut usize,
) -> Option<usize> {
    let line = &bytes[header..bytes.len().min(header + MAX_HEADER)];
    let end = memchr::memchr(b'\n', line);
    *steps += end.unwrap_or(line.len()) * PASSES;
    let end = end?;
    let line = line[..end].trim_ascii_end();
    let separator = *SEPARATORS.iter().find(|separator| line.contains(separator))?;
    let names: Vec<&[u8]> =
        line.split(|b| *b == separator).map(|cell| &cell[content(cell)]).collect();
    let is_bar = separator == b'|';
    let outer = |at: usize| is_bar && (at == 0 || at + 1 == names.len());
    let is_header = names.iter().enumerate().all(|(at, name)| {
        name.len() <= MAX_CELL && !is_value(name) && (!name.is_empty() || outer(at))
    });
    let columns = names.iter().enumerate().filter(|(_, name)| names::is_secret(name));
    let columns: Vec<usize> = columns.map(|(at, _)| at).take(MAX_COLUMNS).collect();
    if !is_header || columns.is_empty() {
        return None;
    }
    let mut at = header + end + 1;
    if is_bar {
        // The line between the header and the rows.
        let rest = &bytes[at..];
        let between = &rest[..memchr::memchr(b'\n', rest)?];
        *steps += between.len();
        if !between.iter().all(|b| b" \t\r|:-+=".contains(b)) || between.is_empty() {
            return None;
        }
        at += between.len() + 1;
    }
    while let Some(rest) = bytes.get(at..) {
        let row = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        // A border between two rows.
        if is_bar && row.starts_with(b"+-") {
            *steps += row.len();
            at += row.len() + 1;
            continue;
        }
        if row.iter().filter(|b| **b == separator).count() + 1 < names.len() {
            break;
        }
        *steps += row.len() * PASSES;
        let mut start = at;
        for (column, cell) in row.split(|b| *b == separator).enumerate() {
            let inside = content(cell);
            if columns.contains(&column) && is_value(&cell[inside.clone()]) {
                found.push(start + inside.start..start + inside.end);
            }
            start += cell.len() + 1;
        }
        at += row.len() + 1;
    }
    Some(at.min(bytes.len()))
}

/// Returns whether the content of a cell is a secret.
pub(super) fn is_value(cell: &[u8]) -> bool {
    (MIN_RANDOM..=256).contains(&cell.len())
        && cell.iter().all(|b| Value.has(*b))
        && !is_path(cell)
        && (is_secret(cell) || is_random_hex(cell, MIN_HEX))
}

/// Returns the range of the content of a cell, without spaces and quotes around it.
fn content(cell: &[u8]) -> Range<usize> {
    let is_around = |b: &&u8| b.is_ascii_whitespace() || b"\"'`*".contains(b);
    let before = cell.iter().take_while(is_around).count();
    let after = cell[before..].iter().rev().take_while(is_around).count();
    before..cell.len() - after
}
