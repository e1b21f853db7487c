//! The attributes of the commit that a run is based on, as one attributes file (spec: X6e).
//!
//! Git on the host machine must not read the `.gitattributes` files of a workspace, because the
//! agent can change them. The attributes that convert line ends come from the files of the base
//! instead. They are written to `info/attributes`, which takes precedence over all other files.

use std::collections::HashMap;

/// The first line: resets all attributes that have an effect in a git without configuration. Later
/// lines take precedence over it.
const RESET: &str = "* !text !eol !crlf -ident !filter !working-tree-encoding !diff !merge\n";

/// The name of the attribute that stands for `filter`. Git does not know it, so it runs no program.
pub(super) const FILTER: &str = "ccc-filter";

/// Maximum depth of macros in macros. Git has no limit, but no repository needs a deeper one.
const MAX_DEPTH: usize = 8;
/// Maximum length of a line, in bytes. Git ignores longer lines.
const MAX_LINE: usize = 2_048;

/// The contents of one `.gitattributes` file.
#[derive(Debug)]
pub(super) struct AttributesFile {
    /// The directory that contains the file; empty for the root of the repository.
    pub(super) directory: Vec<u8>,
    /// The contents.
    pub(super) content: Vec<u8>,
}

/// The macros that the attributes file in the root of the repository defines.
type Macros<'a> = HashMap<&'a [u8], Vec<&'a [u8]>>;

/// Returns an attributes file for the root of the repository with the effect of `files` on line ends,
/// and with the attribute [`FILTER`] in place of `filter`. All other attributes are reset.
pub(super) fn render(files: &mut [AttributesFile]) -> Vec<u8> {
    // A file in a directory takes precedence over the files above it, and a later line over an
    // earlier one.
    files.sort_by_cached_key(|file| {
        let depth = file.directory.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        (depth.count(), file.directory.clone())
    });
    let mut macros: Macros<'_> = HashMap::from([(&b"binary"[..], vec![&b"-text"[..]])]);
    for file in files.iter().filter(|file| file.directory.is_empty()) {
        for (name, attributes) in lines(&file.content) {
            if let Some(name) = name.strip_prefix(b"[attr]") {
                macros.insert(name, attributes.collect());
            }
        }
    }
    let mut rendered = RESET.as_bytes().to_vec();
    for file in files.iter() {
        for (name, attributes) in lines(&file.content) {
            let mut kept = Vec::new();
            for attribute in attributes {
                expand(attribute, &macros, MAX_DEPTH, &mut kept);
            }
            if let (Some(pattern), false) = (pattern(name, &file.directory), kept.is_empty()) {
                quote(&pattern, &mut rendered);
                for attribute in kept {
                    rendered.push(b' ');
                    rendered.extend_from_slice(&attribute);
                }
                rendered.push(b'\n');
            }
        }
    }
    rendered
}

/// Splits the lines of an attributes file into the pattern, or the name of a macro, and the
/// attributes.
fn lines(content: &[u8]) -> impl Iterator<Item = (&[u8], impl Iterator<Item = &[u8]>)> {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    content.split(|byte| *byte == b'\n').filter(|line| line.len() < MAX_LINE).filter_map(|line| {
        let line = line.trim_ascii();
        let end = match line.first()? {
            b'#' => return None,
            b'"' => closing_quote(line).unwrap_or_else(|| end_of_word(line)),
            _ => end_of_word(line),
        };
        let words = line[end..].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        Some((&line[..end], words))
    })
}

fn end_of_word(line: &[u8]) -> usize {
    line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len())
}

/// Returns the position after the quote that closes the quoted pattern at the start of `line`.
fn closing_quote(line: &[u8]) -> Option<usize> {
    let mut at = 1;
    while let Some(byte) = line.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// Appends `attribute` to `kept` if it has an effect on line ends, and its substitute if it names a
/// filter. Appends the attributes of a macro instead of the macro.
fn expand<'a>(attribute: &'a [u8], macros: &Macros<'a>, depth: usize, kept: &mut Vec<Vec<u8>>) {
    let (sign, rest) = match attribute {
        [b'-' | b'!', rest @ ..] => (&attribute[..1], rest),
        _ => (&attribute[..0], attribute),
    };
    let (name, value) = match memchr::memchr(b'=', rest) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    match (name, value) {
        (b"text" | b"eol" | b"crlf", None)
        | (b"text", Some(b"auto" | b"input"))
        | (b"eol", Some(b"lf" | b"crlf"))
        | (b"crlf", Some(b"input")) => kept.push(attribute.to_vec()),
        (b"filter", None) => kept.push([sign, FILTER.as_bytes()].concat()),
        (b"filter", Some(value)) => {
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
            let value = if value.iter().all(plain) { value } else { b"other" };
            kept.push([FILTER.as_bytes(), b"=", value].concat());
        }
        _ => {}
    }
    // A macro can have the name of an attribute.
    if sign.is_empty() && value.is_none() && depth > 0 {
        for attribute in macros.get(name).into_iter().flatten() {
            expand(attribute, macros, depth - 1, kept);
        }
    }
}

/// Returns the pattern for the root of the repository that matches the same files as `name` in the
/// attributes file of `directory`. Returns `None` if `name` matches no file.
fn pattern(name: &[u8], directory: &[u8]) -> Option<Vec<u8>> {
    let name = unquote(name).unwrap_or_else(|| name.to_vec());
    if name.starts_with(b"!") || name.starts_with(b"[attr]") || name.ends_with(b"/") {
        return None;
    }
    let is_path = memchr::memchr(b'/', &name).is_some();
    if directory.is_empty() {
        return Some(name);
    }
    let mut pattern = vec![b'/'];
    for byte in directory {
        if b"*?[\\".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern.extend_from_slice(if is_path { b"/" } else { b"/**/" });
    pattern.extend_from_slice(name.strip_prefix(b"/").unwrap_or(&name));
    Some(pattern)
}

/// Returns the pattern that `quoted` contains, or `None` if `quoted` is not a valid quoted pattern.
fn unquote(quoted: &[u8]) -> Option<Vec<u8>> {
    let inner = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut bytes = inner.iter().copied();
    let mut pattern = Vec::new();
    while let Some(byte) = bytes.next() {
        pattern.push(match byte {
            b'\\' => match bytes.next()? {
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                escaped @ (b'"' | b'\\') => escaped,
                high @ b'0'..=b'3' => {
                    let mut digit = || bytes.next().filter(|d| (b'0'..=b'7').contains(d));
                    let (middle, low) = (digit()?, digit()?);
                    (high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0')
                }
                _ => return None,
            },
            b'"' => return None,
            byte => byte,
        });
    }
    Some(pattern)
}

/// Appends `pattern` in quotes to `to`. A pattern can contain spaces and line breaks.
fn quote(pattern: &[u8], to: &mut Vec<u8>) {
    to.push(b'"');
    for byte in pattern {
        match byte {
            b'"' | b'\\' => to.extend_from_slice(&[b'\\', *byte]),
            b' '..=b'~' => to.push(*byte),
            _ => to.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    to.push(b'"');
}

#[cfg(test)]
mod tests;
