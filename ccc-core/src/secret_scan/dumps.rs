//! Dumps of bytes in hexadecimal, as the programs `xxd`, `hexdump` and `od` print them.

use super::text::View;

/// Maximum number of bytes in one line of a dump.
const MAX_ROW: usize = 64;
/// Maximum length of the line that is read.
const MAX_LINE: usize = 320;
/// Minimum number of bytes of a dump.
const MIN_DUMP: usize = 8;

/// Returns the bytes of the dumps in `text`, and also with the bytes of each word in the other order.
/// Returns `None` if there are none. Makes one pass over `text`.
pub(super) fn dumps(text: &View) -> Option<View> {
    let bytes = &text.bytes;
    let mut view = text.like();
    let (mut dump, mut swapped, mut from, mut start) = (Vec::new(), Vec::new(), 0, 0);
    for end in memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        let row = row(&bytes[start..end.min(start + MAX_LINE)]);
        if row.is_empty() {
            flush(&mut view, text, &mut dump, &mut swapped, from..start);
        }
        if dump.is_empty() {
            from = start;
        }
        for word in row {
            swapped.extend(word.iter().rev());
            dump.extend(word);
        }
        start = end + 1;
    }
    flush(&mut view, text, &mut dump, &mut swapped, from..bytes.len());
    (!view.bytes.is_empty()).then_some(view)
}

fn flush(
    view: &mut View,
    text: &View,
    dump: &mut Vec<u8>,
    swapped: &mut Vec<u8>,
    range: std::ops::Range<usize>,
) {
    if dump.len() >= MIN_DUMP {
        let separator = &b"\n"[..];
        let both = if dump == swapped {
            [&**dump, separator].concat()
        } else {
            [&**dump, separator, &**swapped, separator].concat()
        };
        view.extend(&both, text, range);
    }
    dump.clear();
    swapped.clear();
}

/// Returns the words of a line of a dump: an offset, and words with two or four digits or more. Returns
/// nothing for another line.
fn row(line: &[u8]) -> Vec<Vec<u8>> {
    let line = line.trim_ascii_start();
    let offset = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let is_offset = (4..=16).contains(&offset) && matches!(line.get(offset), Some(b':' | b' '));
    let mut rest = if is_offset { &line[offset + 1..] } else { return Vec::new() };
    let (mut words, mut count) = (Vec::<Vec<u8>>::new(), 0);
    loop {
        let spaces = rest.iter().take_while(|b| **b == b' ').count();
        rest = &rest[spaces..];
        let digits = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let ends = rest.get(digits).is_none_or(|b| matches!(b, b' ' | b'\r' | b'|'));
        let first = words.first().map_or(digits / 2, Vec::len);
        let fits = digits == 2 * first || !words.is_empty() && digits < 2 * first;
        // The text column follows after two spaces, and can consist of digits.
        let is_text = spaces > 1 && first > 1 && !words.is_empty();
        if !ends || !fits || !digits.is_multiple_of(2) || !(2..=16).contains(&digits) || is_text {
            return words;
        }
        let digit = |b: u8| (b as char).to_digit(16).unwrap_or_default();
        let word = rest[..digits].chunks(2).map(|p| (digit(p[0]) << 4 | digit(p[1])) as u8);
        words.push(word.collect());
        count += digits / 2;
        rest = &rest[digits..];
        if count >= MAX_ROW {
            return words;
        }
    }
}
