//! Extraction of the passages of a file that people read.

use std::ops::Range;

use crate::source::Source;

/// The place of a passage, on which its rules depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The documentation of a function or method.
    Function,
    /// The documentation of a type, trait, constant, field or variant.
    Item,
    /// The documentation of a module or crate.
    Module,
    /// A string literal outside of tests.
    Message,
    /// A part of a page: a paragraph, heading, list item or cell of a table.
    Page,
}

/// Consecutive text with one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The place of the passage.
    pub kind: Kind,
    /// The line of the file, counted from 1, on which the passage begins.
    pub line: usize,
    /// The text without its comment marks.
    pub text: String,
}

/// Returns the passages of a Markdown page.
#[must_use]
pub fn page(text: &str) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut in_code = false;
    // Whether the previous line belongs to the same paragraph.
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            in_code = !in_code;
            open = false;
            continue;
        }
        if in_code || trimmed.is_empty() || trimmed.starts_with("|--") {
            open = false;
            continue;
        }
        let new =
            |text: &str| Passage { kind: Kind::Page, line: number + 1, text: text.to_owned() };
        if trimmed.starts_with('|') {
            let cells = trimmed.trim_matches('|').split(" | ").map(str::trim);
            found.extend(cells.filter(|cell| !cell.is_empty()).map(new));
            open = false;
            continue;
        }
        let (rest, begins) = without_mark(trimmed);
        if trimmed.starts_with('#') {
            found.push(new(rest));
            open = false;
        } else if let (true, false, Some(last)) = (open, begins, found.last_mut()) {
            last.text = format!("{}\n{rest}", last.text);
        } else {
            found.push(new(rest));
            open = true;
        }
    }
    found
}

/// Removes the mark of a heading, quote or list item from a line, and reports whether it had one.
fn without_mark(line: &str) -> (&str, bool) {
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = if numbered.len() < line.len() && numbered.starts_with(". ") {
        &numbered[2..]
    } else if line.starts_with("- ") || line.starts_with("* ") || line.starts_with("> ") {
        &line[2..]
    } else {
        line.trim_start_matches('#')
    };
    (rest.trim_start(), rest.len() < line.len())
}

/// Returns the passages of a Rust file; its messages only if `messages` is true.
#[must_use]
pub fn rust(text: &str, messages: bool) -> Vec<Passage> {
    let source = Source::new(text);
    let mut found = line_comments(&source);
    found.extend(block_comments(&source));
    found.extend(attributes(&source, text));
    if messages {
        let tests = source.test_modules();
        let outside = |range: &&Range<usize>| {
            !tests.iter().any(|test| test.contains(&range.start))
                && !is_documentation(&source, range)
        };
        found.extend(source.literals.iter().filter(outside).filter_map(|range| {
            let text = message(&text[range.clone()])?;
            Some(Passage { kind: Kind::Message, line: source.line(range.start), text })
        }));
    }
    found.sort_by_key(|passage| passage.line);
    found
}

/// Returns the passages of `///` and `//!`.
fn line_comments(source: &Source) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut at = 0;
    let mut before = "";
    for (number, line) in source.comments.split_inclusive('\n').enumerate() {
        at += line.len();
        let trimmed = line.trim();
        let mark = ["///", "//!"].into_iter().find(|mark| trimmed.starts_with(mark));
        let Some(mark) = mark.filter(|_| !trimmed.starts_with("////")) else {
            before = "";
            continue;
        };
        let rest = &trimmed[mark.len()..];
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let kind = if mark == "//!" { Kind::Module } else { item_at(source, at) };
        match found.last_mut() {
            Some(last) if before == mark => {
                last.text = format!("{}\n{rest}", last.text);
                last.kind = kind;
            }
            _ => found.push(Passage { kind, line: number + 1, text: rest.to_owned() }),
        }
        before = mark;
    }
    found
}

/// Returns the passages of `/** */` and `/*! */`.
fn block_comments(source: &Source) -> Vec<Passage> {
    let comments = &source.comments;
    let starts = comments.match_indices("/*").filter_map(|(at, _)| {
        let third = comments[at + 2..].chars().next()?;
        let end = at + comments[at..].find("*/")?;
        let doc = (third == '*' || third == '!') && end > at + 3;
        doc.then(|| {
            let lines = comments[at + 3..end].lines();
            let text: Vec<_> = lines.map(|line| line.trim().trim_start_matches("* ")).collect();
            let kind = if third == '!' { Kind::Module } else { item_at(source, end + 2) };
            Passage { kind, line: source.line(at), text: text.join("\n").trim().to_owned() }
        })
    });
    starts.collect()
}

/// Returns the passages of `#[doc = "…"]`.
fn attributes(source: &Source, text: &str) -> Vec<Passage> {
    let documented = source.literals.iter().filter_map(|range| {
        let doc = is_documentation(source, range);
        let literal = message(&text[range.clone()])?;
        let kind = item_at(source, source.code[range.end..].find(']').map(|i| range.end + i + 1)?);
        doc.then(|| Passage { kind, line: source.line(range.start), text: literal })
    });
    documented.collect()
}

/// Checks whether a literal stands in `#[doc = "…"]`.
fn is_documentation(source: &Source, literal: &Range<usize>) -> bool {
    let before = source.code[..literal.start].trim_end().strip_suffix('=');
    before.is_some_and(|before| before.trim_end().ends_with("[doc"))
}

/// Returns the kind of the item whose documentation ends at a byte.
fn item_at(source: &Source, at: usize) -> Kind {
    let mut rest = source.code[at..].trim_start();
    while rest.starts_with("#[") {
        let mut depth = 0_usize;
        let end = rest.find(|c| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => return false,
            }
            depth == 0
        });
        rest = end.map_or("", |end| &rest[end + 1..]).trim_start();
    }
    loop {
        let word = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("");
        rest = rest[word.len()..].trim_start();
        match word {
            "fn" => return Kind::Function,
            "pub" if rest.starts_with('(') => {
                rest = rest.find(')').map_or("", |end| &rest[end + 1..]).trim_start();
            }
            "pub" | "async" | "const" | "unsafe" | "extern" | "default" => {}
            _ => return Kind::Item,
        }
    }
}

/// Returns the text of a literal if people read it, which means that it has more than two words.
fn message(literal: &str) -> Option<String> {
    let start = literal.find('"')?;
    let text = literal[start + 1..].trim_end_matches('#').strip_suffix('"')?;
    let mut lines = text.split("\\\n");
    let mut joined = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        joined += line.trim_start();
    }
    let words = joined.split_whitespace().filter(|word| word.chars().all(char::is_alphabetic));
    (words.count() > 2).then_some(joined)
}
