//! The lines of a `.gitattributes` file, as git reads them (gitattributes(5)).

/// Minimum length of a line that git ignores, in bytes.
pub(super) const MAX_LINE: usize = 2_048;

/// A line of an attributes file.
pub(super) struct Line<'a> {
    pub(super) subject: Subject,
    /// Valid attributes, with `-`, `!` or a value.
    pub(super) attributes: Vec<&'a [u8]>,
}

pub(super) enum Subject {
    /// The name of a macro that the line defines.
    Macro(Vec<u8>),
    /// A pattern of paths, without quotes.
    Pattern(Vec<u8>),
}

/// Returns the lines that git does not ignore. A file in a directory can define no macro.
pub(super) fn lines(content: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    content.split(|byte| *byte == b'\n').filter_map(line)
}

fn line(line: &[u8]) -> Option<Line<'_>> {
    // Git reads a line up to the first NUL.
    let line = line.split(|byte| *byte == 0).next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() >= MAX_LINE {
        return None;
    }
    let line = &line[line.iter().position(|byte| !is_blank(byte))?..];
    if line.starts_with(b"#") {
        return None;
    }
    let closed = closing_quote(line).and_then(|end| Some((end, unquote(&line[..end])?)));
    let (end, pattern) = closed.unwrap_or_else(|| {
        let end = line.iter().position(is_blank).unwrap_or(line.len());
        (end, line[..end].to_vec())
    });
    let words = line[end..].split(is_blank).filter(|word| !word.is_empty());
    let attributes: Vec<_> = words.collect();
    if !attributes.iter().all(|attribute| is_valid(name_of(attribute).1)) {
        return None;
    }
    let subject = match pattern.strip_prefix(b"[attr]") {
        Some(rest) if !rest.is_empty() => {
            let name = rest.split(is_blank).find(|word| !word.is_empty())?;
            Subject::Macro(Some(name).filter(|name| is_valid(name))?.to_vec())
        }
        _ => Subject::Pattern(pattern),
    };
    Some(Line { subject, attributes })
}

fn is_blank(byte: &u8) -> bool {
    b" \t\r\n".contains(byte)
}

/// Returns whether git accepts `name` as the name of an attribute or a macro.
fn is_valid(name: &[u8]) -> bool {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    !name.is_empty()
        && !name.starts_with(b"-")
        && !name.starts_with(b"builtin_")
        && name.iter().all(known)
}

/// Splits `attribute` into its sign, its name and its value.
pub(super) fn name_of(attribute: &[u8]) -> (&[u8], &[u8], Option<&[u8]>) {
    let (sign, rest) = match attribute {
        [b'-' | b'!', rest @ ..] => (&attribute[..1], rest),
        _ => (&attribute[..0], attribute),
    };
    match memchr::memchr(b'=', rest) {
        Some(at) => (sign, &rest[..at], Some(&rest[at + 1..])),
        None => (sign, rest, None),
    }
}

/// Returns the position after the quote that closes the quoted pattern at the start of `line`.
fn closing_quote(line: &[u8]) -> Option<usize> {
    let mut at = 1;
    line.strip_prefix(b"\"")?;
    while let Some(byte) = line.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
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
