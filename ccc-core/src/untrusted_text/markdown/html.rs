//! The parts of raw HTML in Markdown that a page does not show.

use std::ops::Range;

use super::elements::{is_known, removes_contents};
use super::mark::{ATTRIBUTE, COMMENT};
use super::names::is_plain;
use super::url::is_ordinary;

/// A part of raw HTML that differs from what a page shows, or a tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Markup that a page does not show, such as a comment.
    Hidden,
    /// An entity for a character that is not displayed.
    InvisibleCharacter,
    /// Markup without an end. A page shows nothing of the document after the beginning of this
    /// part.
    Unended,
    /// A start tag or an end tag of an element whose contents a page does not show.
    Element { name: String, end: bool },
    /// A tag, with the text that replaces the tag.
    Tag { with: String },
    /// A [plain](super::names::is_plain) tag of an unknown element. The fields are its name, the
    /// text that replaces the tag if it does not stay, and whether it is an end tag.
    Plain { name: String, with: String, end: bool },
}

/// Returns the hidden parts of the raw HTML `html`, with their byte ranges, in order. A tag of an
/// element with hidden contents gives a [`Part::Element`], and also a [`Part::Tag`] if the tag has
/// hidden attributes. The number of steps is linear in the length of `html`.
pub(super) fn hidden_parts(html: &str) -> Vec<(Range<usize>, Part)> {
    let mut parts = Vec::new();
    let mut at = 0;
    // Without these, each beginning of such markup would search the rest of the text again.
    let (mut instruction_ends, mut section_ends) = (true, true);
    while let Some(found) = html[at..].find(['<', '&']) {
        let start = at + found;
        let rest = &html[start..];
        let end = if rest.starts_with('&') {
            if let Some(length) = invisible_entity(rest) {
                parts.push((start..start + length, Part::InvisibleCharacter));
            }
            at = start + 1;
            continue;
        } else if rest.starts_with("<!--") {
            comment_end(rest)
        } else if rest.starts_with("<?") {
            markup_end(rest, "?>", &mut instruction_ends)
        } else if rest.starts_with("<![CDATA[") {
            markup_end(rest, "]]>", &mut section_ends)
        } else if rest.starts_with("<!") || rest.starts_with("</") && !is_tag(rest) {
            rest.find('>').map(|end| end + 1)
        } else if is_tag(rest) {
            let Some(tag) = Tag::parse(rest) else {
                parts.push((start..html.len(), Part::Unended));
                return parts;
            };
            let range = start..start + tag.length;
            if removes_contents(&tag.name) {
                parts.push((range.clone(), Part::Element { name: tag.name.clone(), end: tag.end }));
            }
            if let Some(with) = tag.cleaned() {
                let source = &rest[..tag.length];
                let part = match is_plain(source, &tag.name) && !is_known(&tag.name) {
                    true => Part::Plain { name: tag.name, with, end: tag.end },
                    false => Part::Tag { with },
                };
                parts.push((range.clone(), part));
            }
            at = range.end;
            continue;
        } else {
            at = start + 1;
            continue;
        };
        let Some(end) = end else {
            parts.push((start..html.len(), Part::Unended));
            return parts;
        };
        if &rest[..end] != COMMENT {
            parts.push((start..start + end, Part::Hidden));
        }
        at = start + end;
    }
    parts
}

/// Returns whether `rest`, which starts with `<`, starts with a tag.
fn is_tag(rest: &str) -> bool {
    let name = rest[1..].strip_prefix('/').unwrap_or(&rest[1..]);
    name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Returns the length of the comment at the start of `rest`, or `None` if the comment has no end.
fn comment_end(rest: &str) -> Option<usize> {
    if rest[4..].starts_with('>') {
        return Some(5);
    }
    if rest[4..].starts_with("->") {
        return Some(6);
    }
    let mut at = 4;
    loop {
        let dashes = at + rest[at..].find("--")?;
        for end in ["-->", "--!>"] {
            if rest[dashes..].starts_with(end) {
                return Some(dashes + end.len());
            }
        }
        at = dashes + 1;
    }
}

/// Returns the length of the markup at the start of `rest`, which ends with `ending`. A browser
/// ends such markup at the first `>`; this end counts if `ending` does not follow. `follows`
/// becomes false if `ending` does not occur.
fn markup_end(rest: &str, ending: &str, follows: &mut bool) -> Option<usize> {
    if *follows {
        if let Some(end) = rest.find(ending) {
            return Some(end + ending.len());
        }
        *follows = false;
    }
    rest.find('>').map(|end| end + 1)
}

/// Entities without a number for characters that are not displayed.
const INVISIBLE: [&str; 17] = [
    "zerowidthspace",
    "negativeverythinspace",
    "negativethinspace",
    "negativemediumspace",
    "negativethickspace",
    "zwnj",
    "zwj",
    "lrm",
    "rlm",
    "shy",
    "nobreak",
    "invisibletimes",
    "it",
    "invisiblecomma",
    "ic",
    "applyfunction",
    "af",
];

/// Returns the length of the entity at the start of `rest`, if the entity stands for a character
/// that is not displayed.
fn invisible_entity(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let length = bytes.iter().take(40).position(|b| *b == b';')?;
    let name = rest.get(1..length)?;
    let hidden = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            code.ok()
                .and_then(char::from_u32)
                .is_some_and(crate::untrusted_text::visible::is_invisible)
        }
        None => INVISIBLE.contains(&name.to_ascii_lowercase().as_str()),
    };
    hidden.then_some(length + 1)
}

/// A start tag or an end tag.
struct Tag<'a> {
    name: String,
    end: bool,
    /// Whether the tag ends with `/>`.
    closes: bool,
    attributes: Vec<(&'a str, Option<&'a str>)>,
    length: usize,
}

impl<'a> Tag<'a> {
    /// Parses the tag at the start of `text`, as a browser does. Returns `None` if the tag has no
    /// end.
    fn parse(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let skip = |mut at: usize, wanted: fn(u8) -> bool| {
            while bytes.get(at).is_some_and(|b| wanted(*b)) {
                at += 1;
            }
            at
        };
        let space = |b: u8| b.is_ascii_whitespace();
        let end = bytes.get(1) == Some(&b'/');
        let name_start = 1 + usize::from(end);
        let mut at = skip(name_start, |b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>'));
        let name = text[name_start..at].to_ascii_lowercase();
        let mut attributes = Vec::new();
        loop {
            at = skip(at, |b| b.is_ascii_whitespace() || b == b'/');
            if *bytes.get(at)? == b'>' {
                let closes = bytes[at - 1] == b'/';
                return Some(Self { name, end, closes, attributes, length: at + 1 });
            }
            let start = at;
            // An equals sign at the start is part of the name.
            at = skip(at + 1, |b| !b.is_ascii_whitespace() && !matches!(b, b'/' | b'>' | b'='));
            let attribute = &text[start..at];
            let equals = skip(at, space);
            if bytes.get(equals) != Some(&b'=') {
                attributes.push((attribute, None));
                continue;
            }
            let start = skip(equals + 1, space);
            match *bytes.get(start)? {
                quote @ (b'"' | b'\'') => {
                    let length = text[start + 1..].find(char::from(quote))?;
                    attributes.push((attribute, Some(&text[start + 1..start + 1 + length])));
                    at = start + length + 2;
                }
                _ => {
                    at = skip(start, |b| !b.is_ascii_whitespace() && b != b'>');
                    attributes.push((attribute, Some(&text[start..at])));
                }
            }
        }
    }

    /// Returns the text that replaces the tag, or `None` if the tag has no hidden text.
    fn cleaned(&self) -> Option<String> {
        let slash = if self.end { "/" } else { "" };
        if !is_known(&self.name) && self.name != ATTRIBUTE {
            return Some(format!("<{slash}{ATTRIBUTE}>"));
        }
        let stays = |(name, value): &&(&str, Option<&str>)| is_harmless(name, *value);
        if self.attributes.iter().all(|attribute| stays(&attribute)) {
            return None;
        }
        let mut tag = format!("<{slash}{}", self.name);
        for (name, value) in self.attributes.iter().filter(stays) {
            match value {
                _ if *name == ATTRIBUTE => {}
                Some(value) => tag.push_str(&format!(" {name}=\"{value}\"")),
                None => tag.push_str(&format!(" {name}")),
            }
        }
        tag.push_str(&format!(" {ATTRIBUTE}{}>", if self.closes { " /" } else { "" }));
        Some(tag)
    }
}

/// Returns whether an attribute can contain no text for a reader: an address, a size, an alignment
/// or a switch.
fn is_harmless(name: &str, value: Option<&str>) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(value) = value else {
        return matches!(name.as_str(), ATTRIBUTE | "open" | "checked" | "disabled" | "reversed");
    };
    match name.as_str() {
        "href" | "src" => is_ordinary(value),
        "width" | "height" | "colspan" | "rowspan" | "start" => {
            let digits = value.trim_end_matches("px").trim_end_matches('%');
            digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit())
        }
        "align" | "valign" => {
            ["left", "right", "center", "top", "middle", "bottom"].contains(&value)
        }
        _ => false,
    }
}
