//! The order in which encodings are removed from a text, and the search in each result.

use std::ops::Range;

use super::archive::expand;
use super::blocks::{Base, Blocks, lists};
use super::dumps::dumps;
use super::escapes::{
    backtick_unescaped, css_unescaped, entities_decoded, percent_decoded, quoted_printable,
    unescaped,
};
use super::markup::{folded, without_markup};
use super::matcher::{Text, hits};
use super::meter::{Cancelled, MAX_ARCHIVES, MAX_DEPTH, Meter};
use super::text::View;
use super::views::{joined, lines, literals, unquoted, without_invisible, without_zeros};

/// A secret in the scanned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    /// The range of the scanned bytes that contains the secret, as it is written there.
    pub(super) range: Range<usize>,
    pub(super) format: &'static str,
    /// The secret without its encodings.
    pub(super) value: Vec<u8>,
}

/// Number of encodings and of archives that were removed from a text.
#[derive(Clone, Copy, Debug, Default)]
struct Depth {
    encodings: usize,
    archives: usize,
}

/// Searches `bytes` for secrets in all encodings. Stores the places of secrets only if `mapped` is
/// true.
///
/// # Errors
/// [`Cancelled`] if the scan was cancelled.
pub(super) fn search(
    bytes: &[u8],
    mapped: bool,
    meter: &mut Meter,
) -> Result<Vec<Secret>, Cancelled> {
    let mut found = Vec::new();
    layer(&View::of(bytes, mapped), Depth::default(), meter, &mut found)?;
    Ok(found)
}

fn layer(
    raw: &View,
    depth: Depth,
    meter: &mut Meter,
    found: &mut Vec<Secret>,
) -> Result<(), Cancelled> {
    texts(raw, depth, meter, found)?;
    if depth.encodings >= MAX_DEPTH {
        return Ok(());
    }
    let archives = expand(&raw.bytes, meter)?;
    if depth.archives >= MAX_ARCHIVES {
        meter.incomplete |= archives.iter().any(|found| found.is_real);
        return Ok(());
    }
    for archive in archives {
        let mut view = raw.like();
        view.extend(&archive.bytes, raw, archive.start..archive.end);
        let deeper = Depth { encodings: depth.encodings + 1, archives: depth.archives + 1 };
        meter.inspect(&archive.bytes)?;
        layer(&view, deeper, meter, found)?;
    }
    Ok(())
}

/// The escapes that are removed one after the other. References and escapes can be doubled, for
/// example in JSON that is a string in JSON.
const DECODERS: [fn(&View) -> Option<View>; 9] = [
    without_zeros,
    percent_decoded,
    entities_decoded,
    entities_decoded,
    backtick_unescaped,
    unescaped,
    unescaped,
    without_invisible,
    folded,
];

/// Searches a text, the text without its escapes, the text joined of its parts, and the blocks in
/// it.
fn texts(
    raw: &View,
    depth: Depth,
    meter: &mut Meter,
    found: &mut Vec<Secret>,
) -> Result<(), Cancelled> {
    check(raw, Text::Plain, meter, found)?;
    // These escapes have another meaning in most texts, so the other views are made without them.
    if let Some(view) = css_unescaped(raw) {
        check(&view, Text::Joined, meter, found)?;
    }
    if let Some((view, is_whole)) = quoted_printable(raw) {
        check(&view, if is_whole { Text::Plain } else { Text::Joined }, meter, found)?;
    }
    let mut decoded = None;
    for decode in DECODERS {
        if let Some(view) = decode(decoded.as_ref().unwrap_or(raw)) {
            check(&view, Text::Plain, meter, found)?;
            decoded = Some(view);
        }
    }
    let text = decoded.as_ref().unwrap_or(raw);
    let backwards = text.reversed();
    check(&backwards, Text::Plain, meter, found)?;
    for view in [literals(text), unquoted(text)].into_iter().flatten() {
        check(&view, Text::Joined, meter, found)?;
    }
    let bare = without_markup(text);
    if let Some(view) = &bare {
        check(view, Text::Joined, meter, found)?;
    }
    let one = joined(bare.as_ref().unwrap_or(text));
    if let Some(view) = &one {
        check(view, Text::Split, meter, found)?;
    }
    let line = lines(one.as_ref().unwrap_or(text));
    if let Some(view) = &line {
        check(view, Text::Joined, meter, found)?;
    }
    if depth.encodings < MAX_DEPTH {
        blocks_of(text, depth, meter, found)?;
        if let Some(view) = dumps(text) {
            let deeper = Depth { encodings: depth.encodings + 1, ..depth };
            layer(&view, deeper, meter, found)?;
        }
        if let Some(view) = line.or(one) {
            blocks_of(&view, depth, meter, found)?;
        }
        if depth.encodings == 0 {
            blocks_of(&backwards, depth, meter, found)?;
        }
    }
    Ok(())
}

/// Searches the blocks of base64, base32 and hex in `text`, and the lists of bytes.
fn blocks_of(
    text: &View,
    depth: Depth,
    meter: &mut Meter,
    found: &mut Vec<Secret>,
) -> Result<(), Cancelled> {
    let deeper = Depth { encodings: depth.encodings + 1, ..depth };
    let blocks = Blocks::of(text);
    let aligned = [blocks.base64(0), blocks.base32(0), blocks.hex(0)];
    let lists = [Base::Decimal, Base::Hex].map(|base| lists(text, base));
    for view in aligned.into_iter().chain(lists).flatten() {
        meter.inspect(&view.bytes)?;
        layer(&view, deeper, meter, found)?;
    }
    for phase in 1..8 {
        let shifted = [
            (phase < 4).then(|| blocks.base64(phase)).flatten(),
            blocks.base32(phase),
            (phase == 1).then(|| blocks.hex(1)).flatten(),
        ];
        for view in shifted.into_iter().flatten() {
            check(&view, Text::Plain, meter, found)?;
        }
    }
    // Two lists, 14 blocks of base64, base32 or hex, and the searches for their starts.
    meter.add(text.bytes.len().saturating_mul(20))
}

fn check(
    view: &View,
    text: Text,
    meter: &mut Meter,
    found: &mut Vec<Secret>,
) -> Result<(), Cancelled> {
    meter.add(view.bytes.len())?;
    for hit in hits(&view.bytes, text, meter)? {
        let range = view.original(hit.start..hit.end);
        found.push(Secret { range, format: hit.format, value: hit.value });
    }
    Ok(())
}
