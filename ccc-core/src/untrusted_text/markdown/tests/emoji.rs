//! Emoji stay unchanged.

use super::super::displayed;
use crate::untrusted_text::visible::visible;
use crate::untrusted_text::{markdown_escape, one_line};

/// The fully qualified emoji of `emoji-test.txt` of Unicode 18.0, in the order of their characters, with spaces
/// and line breaks between them. The list was generated from version 2.16.0 of the Python package
/// `emoji`, which contains that file.
const EMOJI: &str = include_str!("emoji.txt");

#[test]
fn each_emoji_stays_unchanged() {
    // spec: X12c
    let mut sequences = 0;
    for emoji in EMOJI.split_whitespace() {
        let unqualified = emoji.replace('\u{fe0f}', "");
        for emoji in [emoji, &unqualified] {
            for text in [emoji.to_owned(), format!("a{emoji}b {emoji}{emoji}, {emoji}.")] {
                assert_eq!(visible(&text, None), text);
                assert_eq!(visible(&text, Some(' ')), text);
                assert_eq!(displayed(&text), text);
                assert_eq!(one_line(&text, 200), text);
                if !emoji.starts_with(['#', '*']) {
                    assert_eq!(markdown_escape(&text), text);
                }
            }
        }
        sequences += usize::from(emoji.chars().nth(1).is_some());
    }
    assert!(sequences > 2_000, "{sequences}");
}

#[test]
fn a_cut_emoji_has_no_joiner_at_its_end() {
    // spec: X12c
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
    for (max, expected) in [
        (5, family),
        (4, "\u{1f468}\u{200d}\u{1f469}…"),
        (3, "\u{1f468}…"),
        (2, "\u{1f468}…"),
        (1, "…"),
    ] {
        assert_eq!(one_line(family, max), expected, "{max}");
    }
    let text = format!("{family} and more text");
    for max in 12..text.len() {
        let cut = crate::untrusted_text::displayed_markdown(&text, max);
        assert!(cut.len() <= max);
        assert_eq!(visible(&cut, None), cut, "{max}");
    }
}
