//! Separation of Rust source into code, comments and literals, and detection of test code.
//!
//! This is not a parser: it recognizes comments, literals and brackets, but no macros.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A source text in two copies: one without comments and literals, and one with only the comments.
/// Removed text is replaced by blanks, so both have the length and the line breaks of the original.
#[derive(Clone, Debug)]
pub struct Source {
    /// The code. Comments and literals are blanks.
    pub code: String,
    /// The comments, including doc comments. All other text is blanks.
    pub comments: String,
    /// The byte ranges of string and character literals, including their quotes.
    pub literals: Vec<Range<usize>>,
}

impl Source {
    /// Separates the text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut code, mut comments) = (blank(bytes), blank(bytes));
        let mut literals = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let (end, kind) = next_piece(text, at);
            match kind {
                Piece::Code => code[at..end].copy_from_slice(&bytes[at..end]),
                Piece::Comment => comments[at..end].copy_from_slice(&bytes[at..end]),
                Piece::Literal => literals.push(at..end),
            }
            at = end;
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: text(code), comments: text(comments), literals }
    }

    /// Returns the byte ranges of tests with their attributes. Tests are functions with an
    /// attribute whose path ends in `test`; ignored tests are excluded.
    #[must_use]
    pub fn tests(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(start) = self.code[at..].find("#[").map(|i| at + i) {
            let (names, end) = self.attributes(start);
            let is_test = names.iter().any(|name| name.rsplit("::").next() == Some("test"));
            at = end;
            let ignored = names.iter().any(|name| name == "ignore");
            if is_test
                && !ignored
                && let Some(body) = self.body(end)
            {
                at = body.end;
                found.push(start..body.end);
            }
        }
        found
    }

    /// Returns the byte ranges of items under `#[cfg(test)]` with their attributes.
    #[must_use]
    pub fn test_modules(&self) -> Vec<Range<usize>> {
        let starts = self.code.match_indices("#[cfg(test)]");
        starts
            .filter_map(|(at, _)| {
                let (_, end) = self.attributes(at);
                Some(at..self.body(end)?.end)
            })
            .collect()
    }

    /// Returns the byte ranges of the bodies of public async functions, which are the cases of a
    /// conformance suite.
    #[must_use]
    pub fn public_async_functions(&self) -> Vec<Range<usize>> {
        self.code.match_indices("pub async fn ").filter_map(|(at, _)| self.body(at)).collect()
    }

    /// Returns the line, counted from 1, that contains a byte.
    #[must_use]
    pub fn line(&self, at: usize) -> usize {
        self.code.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    /// Returns the names of consecutive attributes, and the end of the last one.
    fn attributes(&self, start: usize) -> (Vec<String>, usize) {
        let (mut names, mut end) = (Vec::new(), start);
        loop {
            let rest = &self.code[end..];
            let next = end + rest.len() - rest.trim_start().len();
            if !self.code[next..].starts_with("#[") {
                return (names, end);
            }
            let close = self.matching(next + 1).unwrap_or(self.code.len());
            let inner: String =
                self.code[next + 2..close].chars().filter(|c| !c.is_whitespace()).collect();
            names.push(inner.split(['(', '=', ']']).next().unwrap_or_default().to_owned());
            end = close;
        }
    }

    /// Finds the next pair of braces outside of other brackets. Returns `None` if the item ends
    /// before.
    fn body(&self, from: usize) -> Option<Range<usize>> {
        let bytes = self.code.as_bytes();
        let mut at = from;
        while at < bytes.len() {
            match bytes[at] {
                b'(' | b'[' => at = self.matching(at)?,
                b'{' => return Some(at..self.matching(at)?),
                b';' | b'}' => return None,
                _ => at += 1,
            }
        }
        None
    }

    /// Returns the position after the bracket that closes the one at `open`.
    fn matching(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (at, byte) in self.code.bytes().enumerate().skip(open) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
                _ => continue,
            }
            if depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }
}

#[derive(Clone, Copy)]
enum Piece {
    Code,
    Comment,
    Literal,
}

fn blank(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }).collect()
}

/// Returns the end and the kind of the piece that begins at `at`.
fn next_piece(text: &str, at: usize) -> (usize, Piece) {
    let (bytes, rest) = (text.as_bytes(), &text.as_bytes()[at..]);
    if rest.starts_with(b"//") {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |i| at + i);
        return (end, Piece::Comment);
    }
    if rest.starts_with(b"/*") {
        return (block_comment(bytes, at), Piece::Comment);
    }
    if rest[0] == b'"' {
        return (quoted(bytes, at + 1, b'"'), Piece::Literal);
    }
    if rest[0] == b'\'' {
        // A character literal ends with a quote after one character or an escape; a lifetime does
        // not.
        let mut chars = text[at + 1..].chars();
        let (first, second) = (chars.next(), chars.next());
        if first == Some('\\') || second == Some('\'') {
            return (quoted(bytes, at + 1, b'\''), Piece::Literal);
        }
        return (at + 1, Piece::Code);
    }
    let word = rest.iter().take_while(|byte| is_word(**byte)).count();
    if matches!(&rest[..word], b"r" | b"br" | b"cr")
        && let Some(end) = raw_string(bytes, at + word)
    {
        return (end, Piece::Literal);
    }
    (at + word.max(1), Piece::Code)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn block_comment(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if bytes[at..].starts_with(b"*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn quoted(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Returns the end of a raw string whose hashes or quote begin at `at`, or `None` if there is no
/// raw string.
fn raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &bytes[at..at + hashes]].concat();
    let body = at + hashes + 1;
    let end = bytes[body..].windows(close.len()).position(|window| window == close);
    Some(end.map_or(bytes.len(), |i| body + i + close.len()))
}

/// Returns the root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Reads the files of the workspace with this extension, and returns their paths and texts. Paths
/// are relative to the root and `/`-separated. Hidden directories and build output are excluded.
///
/// # Errors
/// Returns the error of the first directory or file that cannot be read.
pub fn files(extension: &str) -> std::io::Result<Vec<(String, String)>> {
    let root = root();
    let (mut found, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if entry?.is_dir() {
                if !name.starts_with('.') && !matches!(&*name, "target" | "node_modules") {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                let shown = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy();
                found.push((shown.replace('\\', "/"), std::fs::read_to_string(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_comments_and_literals_are_separated() {
        // Each `c` is in a comment, each `k` is code, and each `s` is inside a literal.
        for text in [
            "k // c \" c\nk",
            "k /* c /* c */ c \" */ k",
            "k \"s // s\" k // c",
            "k \"s \\\" s\" k",
            "k r\"s \\\" k",
            "k r#\"s \" s // s\"# k // c",
            "k br##\"s \"# s\"## k",
            "k '\"' k // c",
            "k '\\'' k // c",
            "k<'k> k // c '",
            "k 'k: k // c",
            "/// c\nk",
            "k \"ä s\" k // ä c",
            "k b\"s\" c_k",
        ] {
            let source = Source::new(text);
            let of = |text: &str, c: char| text.matches(c).count();
            assert_eq!(source.code.len(), text.len(), "{text}");
            assert_eq!(of(&source.code, 'k'), of(text, 'k'), "{text}");
            assert_eq!(of(&source.code, 's') + of(&source.comments, 's'), 0, "{text}");
            assert_eq!(of(&source.comments, 'k'), 0, "{text}");
        }
    }

    #[test]
    fn tests_are_found_by_their_attribute_and_end_with_their_braces() {
        for (text, expected) in [
            ("#[test]\nfn a() { { } }\nfn b() {}", vec!["#[test]\nfn a() { { } }"]),
            (
                "#[tokio::test(flavor = \"x\")] async fn a() {}",
                vec!["#[tokio::test(flavor = \"x\")] async fn a() {}"],
            ),
            (
                "#[test] fn a() { \"}\"; '}'; /* } */ }",
                vec!["#[test] fn a() { \"}\"; '}'; /* } */ }"],
            ),
            (
                "proptest! { #[test] fn a(x in f(|y| { y })) { x } }",
                vec!["#[test] fn a(x in f(|y| { y })) { x }"],
            ),
            ("#[test] #[ignore = \"slow\"] fn a() {}", vec![]),
            ("#[ignore]\n#[test] fn a() {}", vec![]),
            ("#[cfg(test)] mod tests { fn a() {} }", vec![]),
            ("#[cfg(feature = \"test\")] fn a() {}", vec![]),
            ("// #[test]\nfn a() {}", vec![]),
            ("\"#[test]\"; fn a() {}", vec![]),
            ("#[test] const A: u8;", vec![]),
        ] {
            let found: Vec<_> =
                Source::new(text).tests().into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
