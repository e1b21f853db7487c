//! The attributes of the files of a repository, as one attributes file (spec: X6e, X6h).
//!
//! Git on the host machine must not read the `.gitattributes` files of a workspace, because the
//! agent can change them. The attributes that convert line ends come from the files of the base
//! instead. They are written to `info/attributes`, which takes precedence over all other files.
//!
//! Macros stay macros, under other names, because git gives a macro a value as it does an attribute:
//! after `-lfs` or `!lfs`, an earlier `lfs` has no effect on the same file.

use std::collections::HashSet;

use super::attributes_line::{MAX_LINE, Subject, lines, name_of};
use crate::untrusted_text::one_line;
use crate::{Error, ErrorKind, Result};

/// The names in a rendered file. Git knows no attribute with these names, so it runs no program.
#[derive(Debug)]
pub(super) struct Names {
    /// The first lines. The first one resets all attributes that have an effect in a git without
    /// configuration. Later lines take precedence.
    reset: &'static str,
    /// The name of the attribute that stands for `filter`.
    pub(super) filter: &'static str,
    /// The start of the names of macros.
    macros: &'static str,
    /// Whether the attributes of line ends are included.
    line_ends: bool,
}

/// The names for the attributes of the base.
pub(super) const BASE: Names = Names {
    reset: "* !text !eol !crlf -ident !filter !working-tree-encoding !diff !merge\n\
            [attr]ccc-macro.binary -ccc-macro.diff -ccc-macro.merge -text\n",
    filter: "ccc-filter",
    macros: "ccc-macro.",
    line_ends: true,
};

/// The names for the attributes after the agent's change. They differ from those of the base, so that
/// git reads both files at the same time and neither takes precedence.
pub(super) const CHANGED: Names = Names {
    reset: "[attr]ccc-changed.binary -ccc-changed.diff -ccc-changed.merge -ccc-changed.text\n",
    filter: "ccc-changed-filter",
    macros: "ccc-changed.",
    line_ends: false,
};

/// The contents of one `.gitattributes` file.
#[derive(Debug)]
pub(super) struct AttributesFile {
    /// The directory that contains the file; empty for the root of the repository.
    pub(super) directory: Vec<u8>,
    /// The contents.
    pub(super) content: Vec<u8>,
}

/// The names of the macros that the attributes file in the root of the repository defines, and those
/// of git.
type Macros = HashSet<Vec<u8>>;

/// Returns an attributes file for the root of the repository with the effect of `files` on line ends,
/// and with the attribute `names.filter` in place of `filter`. All other attributes are reset.
///
/// # Errors
/// [`ErrorKind::LimitExceeded`] if a line, with the directory of its file, becomes so long that git
/// ignores it.
pub(super) fn render(files: &mut [AttributesFile], names: &Names) -> Result<Vec<u8>> {
    // A file in a directory takes precedence over the files above it, and a later line over an
    // earlier one.
    files.sort_by_cached_key(|file| {
        let depth = file.directory.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        (depth.count(), file.directory.clone())
    });
    let mut macros: Macros = HashSet::from([b"binary".to_vec()]);
    for file in files.iter().filter(|file| file.directory.is_empty()) {
        macros.extend(lines(&file.content).filter_map(|line| match line.subject {
            Subject::Macro(name) => Some(name),
            Subject::Pattern(_) => None,
        }));
    }
    let mut rendered = names.reset.as_bytes().to_vec();
    for file in files.iter() {
        for line in lines(&file.content) {
            let kept: Vec<_> =
                line.attributes.iter().filter_map(|a| names.rename(a, &macros)).collect();
            let start = match line.subject {
                // A macro without attributes replaces an earlier one.
                Subject::Macro(name) if file.directory.is_empty() => {
                    [&b"[attr]"[..], &names.new_name(&name)].concat()
                }
                Subject::Pattern(name) if !kept.is_empty() => {
                    match pattern(&name, &file.directory) {
                        Some(pattern) => quoted(&pattern),
                        None => continue,
                    }
                }
                _ => continue,
            };
            if !append(&mut rendered, &start, &kept) {
                return Err(too_long(&file.directory));
            }
        }
    }
    Ok(rendered)
}

/// Appends a line that begins with `start` and sets `attributes`. If the line of a pattern is too long,
/// appends several lines with the same effect. Returns `false` if a line is still too long.
fn append(to: &mut Vec<u8>, start: &[u8], attributes: &[Vec<u8>]) -> bool {
    let mut line = start.to_vec();
    for attribute in attributes {
        if line.len() + 1 + attribute.len() >= MAX_LINE && line.len() > start.len() {
            if !start.starts_with(b"\"") {
                return false;
            }
            to.append(&mut line);
            to.push(b'\n');
            line.extend_from_slice(start);
        }
        line.push(b' ');
        line.extend_from_slice(attribute);
        if line.len() >= MAX_LINE {
            return false;
        }
    }
    to.append(&mut line);
    to.push(b'\n');
    true
}

fn too_long(directory: &[u8]) -> Error {
    let directory = one_line(&String::from_utf8_lossy(directory), 300);
    let line = format!(
        "the file .gitattributes in the directory {directory:?} has a line that, together with this directory, has \
         {MAX_LINE} or more bytes: shorten the pattern, or move the line to a directory further up"
    );
    Error::new(ErrorKind::LimitExceeded, line)
}

impl Names {
    /// Returns the attribute that stands for `attribute`, or `None` if it is neither an attribute of
    /// line ends, nor a filter, nor a macro.
    fn rename(&self, attribute: &[u8], macros: &Macros) -> Option<Vec<u8>> {
        let (sign, name, value) = name_of(attribute);
        let of_line_ends = self.line_ends && matches!(name, b"text" | b"eol" | b"crlf");
        if !of_line_ends && name != b"filter" && !macros.contains(name) {
            return None;
        }
        let renamed = self.new_name(name);
        // Git ignores the value after a sign.
        let Some(value) = value.filter(|_| sign.is_empty()) else {
            return Some([sign, &renamed].concat());
        };
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let value = match (name, value) {
            (b"text", b"auto" | b"input") | (b"eol", b"lf" | b"crlf") | (b"crlf", b"input") => {
                value
            }
            (b"filter", b"") => return Some([&b"!"[..], &renamed].concat()),
            (b"filter", value) if value.iter().all(plain) => value,
            (b"filter", _) => b"other",
            // A value that git does not know has the effect of no value, and an earlier line none.
            _ => return Some([&b"!"[..], &renamed].concat()),
        };
        Some([&*renamed, b"=", value].concat())
    }

    /// Returns the name that stands for the attribute or the macro `name`. A macro can have the name of
    /// an attribute.
    fn new_name(&self, name: &[u8]) -> Vec<u8> {
        match name {
            b"text" | b"eol" | b"crlf" if self.line_ends => name.to_vec(),
            b"filter" => self.filter.as_bytes().to_vec(),
            _ => [self.macros.as_bytes(), name].concat(),
        }
    }
}

/// Returns the pattern for the root of the repository that matches the same files as `name` in the
/// attributes file of `directory`. Returns `None` if `name` matches no file.
fn pattern(name: &[u8], directory: &[u8]) -> Option<Vec<u8>> {
    if name.starts_with(b"!") || name.ends_with(b"/") {
        return None;
    }
    let is_path = memchr::memchr(b'/', name).is_some();
    if directory.is_empty() {
        return Some(name.to_vec());
    }
    let mut pattern = vec![b'/'];
    for byte in directory {
        if b"*?[\\".contains(byte) {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern.extend_from_slice(if is_path { b"/" } else { b"/**/" });
    pattern.extend_from_slice(name.strip_prefix(b"/").unwrap_or(name));
    Some(pattern)
}

/// Returns `pattern` in quotes. A pattern can contain spaces and line breaks.
fn quoted(pattern: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in pattern {
        match byte {
            b'"' | b'\\' => quoted.extend_from_slice(&[b'\\', *byte]),
            0..b' ' | 0x7f => quoted.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    quoted
}

/// Returns the directory of the attributes file at `path`, or `None` for every other path.
pub(super) fn directory_of_attributes(path: &[u8]) -> Option<&[u8]> {
    match path.strip_suffix(b".gitattributes")? {
        b"" => Some(b""),
        directory => directory.strip_suffix(b"/"),
    }
}

#[cfg(test)]
mod tests;
