//! The text that can stand between a name and the value that is assigned to it.

use super::random::MIN_RANDOM;

/// Maximum number of bytes of a type or of an expression before a value.
pub(super) const MAX_EXPRESSION: usize = 96;
/// Maximum number of bytes of the function whose first argument is a value.
const MAX_CALL: usize = 40;
/// Maximum number of bytes of XML between a name and its value.
const MAX_ELEMENTS: usize = 120;

/// The effect of a mark on the reading of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// A value follows.
    Assigns,
    /// A value in quotes follows.
    AssignsQuoted,
    /// A mark of assignment must follow, because the name was an index, an argument or a type.
    Closes,
    /// A list begins, if a mark of assignment is before it.
    Opens,
}

/// The marks after which a value or another mark can follow. A mark stands before those that it begins
/// with.
const MARKS: &[(&[u8], Effect)] = &[
    (b"||=", Effect::AssignsQuoted),
    (b"||", Effect::AssignsQuoted),
    (b"??=", Effect::AssignsQuoted),
    (b"??", Effect::AssignsQuoted),
    (b"?:", Effect::AssignsQuoted),
    (b"+=", Effect::AssignsQuoted),
    (b"->", Effect::AssignsQuoted),
    (b"<-", Effect::AssignsQuoted),
    (b"{", Effect::AssignsQuoted),
    (b"|", Effect::Assigns),
    (b":-", Effect::Assigns),
    (b"=", Effect::Assigns),
    (b":", Effect::Assigns),
    (b">", Effect::Assigns),
    (b",", Effect::Assigns),
    (b"(", Effect::Assigns),
    (b". ", Effect::AssignsQuoted),
    (b"[", Effect::Opens),
    (b"]", Effect::Closes),
    (b"}", Effect::Closes),
    (b")", Effect::Closes),
    (b"!", Effect::Closes),
    (b"?", Effect::Closes),
];

/// Words that assign the value in quotes after them: `"token" to "…"` in Kotlin, `return "…"`.
const WORDS: &[&[u8]] = &[b"to", b"is", b"return", b"or"];

/// Functions that return their first argument in another type.
const CALLS: &[&[u8]] = &[
    b"from",
    b"fromstring",
    b"from_str",
    b"new",
    b"some",
    b"just",
    b"ok",
    b"of",
    b"string",
    b"str",
    b"secretstring",
    b"secretstr",
    b"secret",
    b"bytes",
    b"byte",
    b"strdup",
    b"atob",
    b"b64decode",
    b"decode64",
    b"text",
];

/// Returns the effect and the length of the mark at the start of `rest`.
pub(super) fn mark(rest: &[u8]) -> Option<(Effect, usize)> {
    let found = MARKS.iter().find(|(mark, _)| rest.starts_with(mark));
    found.map(|(mark, effect)| (*effect, mark.len()))
}

/// Returns the length of the word at the start of `rest` that assigns a value in quotes. The word ends
/// with spaces.
pub(super) fn word(rest: &[u8]) -> Option<usize> {
    let word = WORDS.iter().find(|word| rest.starts_with(word))?;
    let length = word.len() + count(&rest[word.len()..], |b| b == b' ');
    (length > word.len() && opens(&rest[length..]).is_some()).then_some(length)
}

/// Returns the length of the text before the opening quote of a literal: spaces, operators of
/// references, the start of a list, a function of [`CALLS`], and the prefix of a literal, such as `b` or `r#`.
pub(super) fn opens(rest: &[u8]) -> Option<usize> {
    let mut at = count(rest, |b| matches!(b, b' ' | b'*' | b'&'));
    if rest[at..].starts_with(b"new ") {
        at += 4;
    }
    // The start of a list, but not the type of one, as in `[]string{`.
    while rest.get(at) == Some(&b'[') && rest.get(at + 1) != Some(&b']') {
        at += 1;
    }
    let call = &rest[at..rest.len().min(at + MAX_CALL)];
    let path = count(call, |b| b.is_ascii_alphanumeric() || b"_.:[]".contains(&b));
    if matches!(call.get(path), Some(b'(' | b'{')) && is_conversion(&call[..path]) {
        at += path + 1;
    }
    let literal = &rest[at..rest.len().min(at + 6)];
    let letters = count(literal, |b| b"bBrRuUfFlLnNeE8@$".contains(&b)).min(2);
    let hashes = count(&literal[letters..], |b| b == b'#');
    let quote = literal.get(letters + hashes)?;
    matches!(quote, b'"' | b'\'' | b'`').then_some(at + letters + hashes)
}

fn is_conversion(path: &[u8]) -> bool {
    let last = path.rsplit(|b| matches!(b, b'.' | b':' | b']')).next().unwrap_or_default();
    CALLS.iter().any(|call| last.eq_ignore_ascii_case(call))
}

/// Returns the length of the type or expression at the start of `rest` and of the mark after it, if a
/// literal follows: `&str = "…"`, or `env.KEY || "…"`. Also returns the length of the type of a function
/// and of `{`. A type is read only if `is_typed` is true. Reads at most [`MAX_EXPRESSION`] bytes.
pub(super) fn expression(rest: &[u8], is_typed: bool) -> Option<usize> {
    let line = &rest[..rest.len().min(MAX_EXPRESSION)];
    let (mut depth, mut word, mut at) = (0_usize, 0, 0);
    while let Some(byte) = line.get(at) {
        word = if byte.is_ascii_alphanumeric() { word + 1 } else { 0 };
        if word >= MIN_RANDOM {
            // This is no name, but a value without quotes.
            return None;
        }
        let next = line.get(at + 1).copied();
        let length = match byte {
            b'=' if is_typed && depth == 0 && !matches!(next, Some(b'=' | b'>')) => 1,
            b'|' if next == Some(b'|') => 2,
            b'?' if matches!(next, Some(b'?' | b':')) => 2,
            b'o' if at > 0 && line[at - 1] == b' ' && line[at..].starts_with(b"or ") => 2,
            b'(' | b'[' | b'<' => {
                depth += 1;
                0
            }
            b')' | b']' | b'>' => {
                depth = depth.checked_sub(1)?;
                0
            }
            b'{' if is_typed && depth == 0 => return Some(at + 1),
            b',' if depth == 0 => return None,
            b'=' | b';' | b'{' | b'}' | b'\n' | b'\r' | b'#' => return None,
            _ => 0,
        };
        if length > 0 {
            let end = at + length;
            return opens(&rest[end..]).map(|gap| end + gap);
        }
        at += 1;
    }
    None
}

/// Returns the length of the type between the name of a variable and `=` in languages without a colon,
/// as in Go, Visual Basic and C. The first byte of `rest` is a space or `[`.
pub(super) fn bare_type(rest: &[u8]) -> Option<usize> {
    const TYPES: &[&[u8]] = &[b" string", b" []byte", b" As String", b" *string", b" text"];
    let named = TYPES.iter().find(|name| rest.starts_with(name)).map(|name| name.len());
    let length = match named {
        Some(length) => length,
        None => {
            let digits = count(rest.get(1..)?, |b| b.is_ascii_digit()).min(6);
            (rest[0] == b'[' && rest.get(digits + 1) == Some(&b']')).then_some(digits + 2)?
        }
    };
    let spaces = count(&rest[length..], |b| b == b' ').min(4);
    (rest.get(length + spaces) == Some(&b'=')).then_some(length + spaces)
}

/// Elements of XML and of property lists whose text is a value, and elements with a name before them.
const VALUES: &[&[u8]] = &[b"string", b"value", b"data"];
const NAMES: &[&[u8]] = &[b"key", b"name"];

/// Returns the length of the XML at the start of `rest` before the text of an element: the start of
/// CDATA, `<value>`, or `</key>` and `<string>`.
pub(super) fn elements(rest: &[u8]) -> Option<usize> {
    const CDATA: &[u8] = b"<![CDATA[";
    let rest = &rest[..rest.len().min(MAX_ELEMENTS)];
    if rest.starts_with(CDATA) {
        return Some(CDATA.len());
    }
    let mut at = 0;
    if rest.starts_with(b"</") {
        at = 2 + tag(&rest[2..], NAMES)?;
        at += count(&rest[at..], |b| b.is_ascii_whitespace());
    }
    let value = rest.get(at..)?.strip_prefix(b"<")?;
    let end = at + 1 + tag(value, VALUES)?;
    Some(end + if rest[end..].starts_with(CDATA) { CDATA.len() } else { 0 })
}

/// Returns the length of the name of one of `elements` and `>` at the start of `rest`.
fn tag(rest: &[u8], elements: &[&[u8]]) -> Option<usize> {
    let length = count(rest, |b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_' | b':'));
    // A prefix is common, as in `<param-value>`.
    let word =
        rest[..length].rsplit(|b| matches!(b, b'-' | b'_' | b':')).next().unwrap_or_default();
    let known = elements.iter().any(|name| word.eq_ignore_ascii_case(name));
    (known && rest.get(length) == Some(&b'>')).then_some(length + 1)
}

/// Returns the length of the attributes and of the `>` after the attribute that contains a name, as in
/// `<string name="token" translatable="false">`.
pub(super) fn attributes(rest: &[u8]) -> Option<usize> {
    let rest = &rest[..rest.len().min(MAX_ELEMENTS)];
    let mut at = 0;
    loop {
        let name =
            count(&rest[at..], |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':'));
        let value = rest[at + name..].strip_prefix(b"=\"").filter(|_| name > 0)?;
        let length = value.iter().position(|b| matches!(b, b'"' | b'<' | b'>' | b'\n'))?;
        at += name + 2 + length + 1;
        if value[length] != b'"' {
            return None;
        }
        at += count(&rest[at..], |b| b == b' ');
        if rest.get(at) == Some(&b'>') {
            return Some(at + 1);
        }
    }
}

/// Returns the length of the indicator of a block scalar at the start of `rest`, with the line break
/// and the indentation after it ([YAML 1.2](https://yaml.org/spec/1.2.2/#81-block-scalar-styles)).
pub(super) fn block_scalar(rest: &[u8]) -> Option<usize> {
    if !matches!(rest.first()?, b'|' | b'>') {
        return None;
    }
    let indicators = count(&rest[1..], |b| matches!(b, b'+' | b'-' | b'1'..=b'9'));
    let end = 1 + indicators + count(&rest[1 + indicators..], |b| matches!(b, b' ' | b'\r'));
    let indentation = count(rest.get(end + 1..)?, |b| matches!(b, b' ' | b'\t'));
    (rest[end] == b'\n' && indentation > 0).then_some(end + 1 + indentation)
}

/// Returns whether `rest` begins with the word `value`, after spaces and a quote.
pub(super) fn begins_with_value(rest: &[u8]) -> bool {
    let rest = &rest[count(rest, |b| matches!(b, b' ' | b'\t' | b'"' | b'\''))..];
    rest.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"value"))
        && rest.get(5).is_none_or(|b| !is_name(*b))
}

pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

pub(super) fn count(rest: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    rest.iter().take_while(|b| belongs(**b)).count()
}
