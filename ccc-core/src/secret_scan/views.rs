//! Texts in which a credential is written in another way: escaped, split, or reversed. Each
//! function makes one pass over its input.

use super::text::View;

/// Maximum length of the text between two parts of a split string.
const MAX_GAP: usize = 96;

/// Returns `text` without zero bytes, so that UTF-16 and UTF-32 become ASCII. Returns `None` if
/// `text` has no zero byte.
pub(super) fn without_zeros(text: &View) -> Option<View> {
    memchr::memchr(0, &text.bytes)?;
    let (mut view, mut start) = (text.like(), 0);
    for at in memchr::memchr_iter(0, &text.bytes).chain([text.bytes.len()]) {
        view.copy_range(text, start..at);
        start = at + 1;
    }
    Some(view)
}

/// Returns `text` without zero-width and other invisible characters. Returns `None` if it has none.
pub(super) fn without_invisible(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    if bytes.is_ascii() {
        return None;
    }
    let (mut view, mut copied, mut at) = (text.like(), 0, 0);
    while at < bytes.len() {
        let length = if bytes[at] < 0x80 { 0 } else { invisible(&bytes[at..]) };
        if length > 0 {
            view.copy_range(text, copied..at);
            copied = at + length;
        }
        at += length.max(1);
    }
    view.copy_range(text, copied..bytes.len());
    (copied > 0).then_some(view)
}

/// Returns the length of the invisible character at the start of `rest`, in UTF-8; otherwise 0.
fn invisible(rest: &[u8]) -> usize {
    match rest {
        // Soft hyphen, and combining grapheme joiner.
        [0xc2, 0xad, ..] | [0xcd, 0x8f, ..] => 2,
        // U+180E, U+200B to U+200F, U+202A to U+202E, U+2060 to U+206F.
        [0xe1, 0xa0, 0x8e, ..]
        | [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae, ..]
        | [0xe2, 0x81, 0xa0..=0xaf, ..]
        // Variation selectors, and the byte order mark.
        | [0xef, 0xb8, 0x80..=0x8f, ..]
        | [0xef, 0xbb, 0xbf, ..] => 3,
        // Tags, and more variation selectors.
        [0xf3, 0xa0, 0x80..=0x87, 0x80..=0xbf, ..] => 4,
        _ => 0,
    }
}

/// Returns `text` without quotes and without backslashes before letters and digits, as a shell joins
/// the parts of `g"hp_"1'2'`. Returns `None` if it has none.
pub(super) fn unquoted(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    let (mut view, mut copied) = (text.like(), 0);
    for at in memchr::memchr3_iter(b'"', b'\'', b'\\', bytes) {
        let next = bytes.get(at + 1);
        if bytes[at] == b'\\' && !next.is_some_and(u8::is_ascii_alphanumeric) {
            continue;
        }
        view.copy_range(text, copied..at);
        copied = at + 1;
    }
    view.copy_range(text, copied..bytes.len());
    (copied > 0).then_some(view)
}

/// Returns `text` without the punctuation between adjacent string literals, such as `" + "`, and
/// without escaped line breaks. Returns `None` if there is none.
pub(super) fn joined(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    let (mut view, mut copied, mut at) = (text.like(), 0, 0);
    let mut quotes = memchr::memchr3_iter(b'"', b'\'', b'`', bytes).peekable();
    let mut backslashes = memchr::memchr_iter(b'\\', bytes).peekable();
    loop {
        while quotes.next_if(|mark| *mark < at).is_some() {}
        while backslashes.next_if(|mark| *mark < at).is_some() {}
        let Some(mark) = [quotes.peek(), backslashes.peek()].into_iter().flatten().min() else {
            break;
        };
        let window = &bytes[*mark..bytes.len().min(mark + MAX_GAP)];
        let gap = if window[0] == b'\\' { line_gap(window) } else { literal_gap(window) };
        if gap > 0 {
            view.copy_range(text, copied..*mark);
            copied = mark + gap;
        }
        at = mark + gap.max(1);
    }
    view.copy_range(text, copied..bytes.len());
    (copied > 0).then_some(view)
}

/// Returns the length of the text from a closing quote to the next opening quote, if only spaces
/// and punctuation are between them; otherwise 0. A literal before a colon is the key of a member, and no
/// part of the literal before it.
fn literal_gap(window: &[u8]) -> usize {
    let is_glue = |b: u8| b.is_ascii_whitespace() || b"+.&,\\()|<>~[]{}$".contains(&b);
    let glue = window[1..].iter().take_while(|b| is_glue(**b)).count();
    let rest = &window[1 + glue..];
    // The prefix of a literal, as in `b"…"`.
    let is_prefix = |b: &&u8| glue > 0 && b"bBrRuUfFlL@$".contains(b);
    let prefix = rest.iter().take(2).take_while(is_prefix).count();
    match rest.get(prefix) {
        Some(quote @ (b'"' | b'\'' | b'`')) if !is_key(&rest[prefix + 1..], *quote) => {
            1 + glue + prefix + 1
        }
        _ => 0,
    }
}

/// Returns whether the literal at the start of `rest` is followed by a colon.
fn is_key(rest: &[u8], quote: u8) -> bool {
    let literal = &rest[..rest.len().min(MAX_GAP)];
    memchr::memchr(quote, literal)
        .is_some_and(|end| literal[end + 1..].trim_ascii_start().starts_with(b":"))
}

/// Returns the length of an escaped line break with the indentation after it; otherwise 0.
fn line_gap(window: &[u8]) -> usize {
    let rest = &window[1..];
    let spaces = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
    if rest[..spaces].contains(&b'\n') { 1 + spaces } else { 0 }
}

/// Returns the contents of the string literals of `text`, one after the other. Literals that are
/// far from each other are separated by a line break. Returns `None` if there are fewer than two.
pub(super) fn literals(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    let (mut view, mut last, mut count, mut at) = (text.like(), 0, 0, 0);
    while let Some(open) = bytes.get(at..).and_then(|rest| memchr::memchr3(b'"', b'\'', b'`', rest))
    {
        let open = at + open;
        count += 1;
        if open > last + MAX_GAP {
            view.push(b'\n', text, open..open + 1);
        }
        let (quote, rest) = (bytes[open], &bytes[open + 1..]);
        let length = match quote {
            b'`' => memchr::memchr(b'`', rest),
            _ => memchr::memchr2(quote, b'\n', rest),
        };
        let end = open + 1 + length.unwrap_or(rest.len());
        view.copy_range(text, open + 1..end);
        (last, at) = (end, end + 1);
    }
    (count > 1).then_some(view)
}

/// Returns `text` without line breaks, without the indentation, comment marks, list marks and numbers
/// at the starts of lines, and without continuation marks and ends of comments at their ends. Returns
/// `None` if `text` is one line.
pub(super) fn lines(text: &View) -> Option<View> {
    memchr::memchr(b'\n', &text.bytes)?;
    let (mut view, mut start) = (text.like(), 0);
    for end in memchr::memchr_iter(b'\n', &text.bytes).chain([text.bytes.len()]) {
        let line = &text.bytes[start..end];
        let marks = marks_of(line);
        let line = &line[marks..];
        let line = line.trim_ascii_end();
        let line = [&b"*/"[..], b"-->", b"\\"].iter().find_map(|end| line.strip_suffix(*end));
        let line = line.unwrap_or(&text.bytes[start + marks..end]).trim_ascii_end();
        view.copy_range(text, start + marks..start + marks + line.len());
        start = end + 1;
    }
    Some(view)
}

/// Returns the length of the marks and of the number at the start of `line`.
fn marks_of(line: &[u8]) -> usize {
    // A PEM header begins with hyphens, which are no list mark.
    if line.trim_ascii_start().starts_with(b"---") {
        return 0;
    }
    let is_mark = |b: &&u8| b.is_ascii_whitespace() || b"#/*;>|+-<!%'".contains(b);
    let marks = |rest: &[u8]| rest.iter().take_while(is_mark).count();
    let first = marks(line);
    // A number of a line, such as `12:` or `3. `. A credential has none of these marks.
    let digits = line[first..].iter().take(6).take_while(|b| b.is_ascii_digit()).count();
    let rest = line[first + digits..].trim_ascii_start();
    let is_tab = line.get(first + digits) == Some(&b'\t');
    match rest.first() {
        Some(b':' | b'.' | b')' | b'|' | b']') if digits > 0 => {
            let number = line.len() - rest.len() + 1;
            number + marks(&line[number..])
        }
        Some(_) if digits > 0 && is_tab => line.len() - rest.len(),
        _ => first,
    }
}
