//! Texts in which a credential is split by markup or written with other characters. Each function
//! makes one pass over its input.

use unicode_normalization::char::decompose_compatible;

use super::text::View;

/// Maximum length of a comment or of an element that splits a credential.
const MAX_MARKUP: usize = 64;

/// Returns `text` without comments such as `/* … */`, and without the tags and comments of HTML, if they
/// are short and in one line. Returns `None` if there are none.
pub(super) fn without_markup(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    let (mut view, mut copied) = (text.like(), 0);
    for at in memchr::memchr2_iter(b'/', b'<', bytes) {
        if at < copied {
            continue;
        }
        let window = &bytes[at..bytes.len().min(at + MAX_MARKUP)];
        let length = match window {
            [b'/', b'*', rest @ ..] => memchr::memmem::find(rest, b"*/").map(|end| end + 4),
            [b'<', b'!' | b'/' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
                memchr::memchr(b'>', window).map(|end| end + 1)
            }
            _ => None,
        };
        // A tag contains no other tag.
        let is_one = |length: &usize| {
            let inside = &window[1..*length];
            !inside.contains(&b'\n') && (window[0] == b'/' || !inside.contains(&b'<'))
        };
        if let Some(length) = length.filter(is_one) {
            view.copy_range(text, copied..at);
            copied = at + length;
        }
    }
    view.copy_range(text, copied..bytes.len());
    (copied > 0).then_some(view)
}

/// Returns `text` with the characters of Unicode whose compatibility decomposition is one character of
/// ASCII replaced by it, such as fullwidth and mathematical letters
/// ([UAX #15](https://www.unicode.org/reports/tr15/)). Returns `None` if it has none.
pub(super) fn folded(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    if bytes.is_ascii() {
        return None;
    }
    let (mut view, mut copied, mut start) = (text.like(), 0, 0);
    for chunk in bytes.utf8_chunks() {
        for (at, character) in chunk.valid().char_indices().filter(|(_, c)| !c.is_ascii()) {
            let (mut ascii, mut count) = (None, 0);
            decompose_compatible(character, |part| {
                ascii = u8::try_from(part).ok().filter(u8::is_ascii_graphic);
                count += 1;
            });
            if let Some(byte) = ascii.filter(|_| count == 1) {
                let at = start + at;
                view.copy_range(text, copied..at);
                copied = at + character.len_utf8();
                view.push(byte, text, at..copied);
            }
        }
        start += chunk.valid().len() + chunk.invalid().len();
    }
    view.copy_range(text, copied..bytes.len());
    (copied > 0).then_some(view)
}
