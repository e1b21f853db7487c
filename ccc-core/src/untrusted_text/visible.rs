//! Removal of characters that are not displayed (spec: X12c).

use crate::joiner::{is_cursive, is_indic, is_selector, joins_emoji, selects, separates_vowels};

/// The flags whose emoji contain tags: England, Scotland and Wales. Other sequences of tags are not
/// recommended for general interchange: <https://unicode.org/reports/tr51/#valid-emoji-tag-sequences>.
const FLAGS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];
/// The emoji that tags follow.
const BLACK_FLAG: char = '\u{1f3f4}';
/// The last tag of an emoji.
const CANCEL_TAG: char = '\u{e007f}';

/// Returns `text` without invisible characters, or with `substitute` in place of each of them.
/// Joiners, variation selectors and tags stay where a writing system or an emoji needs them.
pub(super) fn visible(text: &str, substitute: Option<char>) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if is_invisible(c) && !is_needed(before, c, rest.clone().next()) {
            kept.extend(substitute);
            before = substitute.or(before);
            continue;
        }
        kept.push(c);
        before = Some(c);
        if c == BLACK_FLAG
            && let Some(tags) = flag(rest.as_str())
        {
            kept.push_str(&rest.as_str()[..tags]);
            rest = rest.as_str()[tags..].chars();
            before = Some(CANCEL_TAG);
        }
    }
    kept
}

/// Returns whether `c` changes how its neighbours are displayed. `before` is the last character that
/// stays in the text.
fn is_needed(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        '\u{200c}' | '\u{200d}' => match (before, after) {
            // Some Indic words end with a joiner.
            (Some(before), after) if is_indic(before) => {
                after.is_none_or(|c| is_indic(c) || !(c.is_alphanumeric() || is_invisible(c)))
            }
            (Some(before), Some(after)) => {
                joins_emoji(before, c, after) || (is_cursive(before) && is_cursive(after))
            }
            _ => false,
        },
        '\u{180e}' => separates_vowels(before, after),
        c => is_selector(c) && selects(before, c, after),
    }
}

/// Returns whether `c` is a character that is not displayed but that a model reads, or a character
/// that changes the order of the displayed text.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        // C0 and C1 controls except tab and line feed
        '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul and Khmer fillers
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        // Mongolian variation selectors and vowel separator
        | '\u{180b}'..='\u{180f}'
        // zero width, directional marks, line and paragraph separator, bidi embedding
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        // word joiner, invisible operators, bidi isolates, deprecated format characters
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{ffa0}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
        // variation selectors
        | '\u{fe00}'..='\u{fe0f}'
        // format controls of shorthand and music
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // tags, variation selectors, and code points that are reserved for such characters
        | '\u{e0000}'..='\u{e0fff}')
}

/// Returns the length of the tags at the start of `text` if they complete a flag, in bytes.
fn flag(text: &str) -> Option<usize> {
    FLAGS.iter().find_map(|name| {
        let mut rest = text.chars();
        let mut tags = name.chars().filter_map(|c| char::from_u32(0xe_0000 + u32::from(c)));
        let matches = tags.all(|tag| rest.next() == Some(tag)) && rest.next() == Some(CANCEL_TAG);
        matches.then(|| text.len() - rest.as_str().len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn joiners_and_selectors_stay_where_they_are_needed() {
        // spec: X12c
        for text in [
            "\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f}\u{200d}\u{1f525} 1\u{fe0f}\u{20e3}",
            "\u{1f441}\u{fe0f}\u{200d}\u{1f5e8}\u{fe0f} \u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
            "\u{1f9d1}\u{1f3fd}\u{200d}\u{2764}\u{fe0f}\u{200d}\u{1f9d1}\u{1f3ff}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}!",
            "\u{6cc}\u{645}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{915}\u{94d}\u{200d}\u{937} \u{9b0}\u{200d}\u{9cd}\u{9af} \u{d28}\u{d4d}\u{200d} \u{d28}\u{d4d}\u{200d}",
            "\u{8fbb}\u{e0100} \u{1820}\u{180b}",
        ] {
            assert_eq!(visible(text, None), text);
            assert_eq!(visible(text, Some(' ')), text);
        }
        for (text, expected) in [
            ("a\u{200d}b\u{200c}c", "abc"),
            ("\u{1f469}\u{200d}a \u{200d}\u{1f4bb}", "\u{1f469}a \u{1f4bb}"),
            ("\u{1f469}\u{200d}\u{200d}\u{1f4bb}", "\u{1f469}\u{200d}\u{1f4bb}"),
            ("1\u{fe0f}2\u{fe0f}\u{fe0f}", "12"),
            ("\u{2764}\u{fe0f}\u{fe0f}\u{fe01}", "\u{2764}\u{fe0f}"),
            // Tags that spell a text.
            ("\u{1f3f4}\u{e0068}\u{e0069}\u{e007f}", "\u{1f3f4}"),
            ("\u{1f600}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}", "\u{1f600}"),
            (
                "\u{645}\u{200c}a \u{915}\u{200d}a\u{915}\u{200d}\u{200d}",
                "\u{645}a \u{915}a\u{915}\u{200d}",
            ),
        ] {
            assert_eq!(visible(text, None), expected, "{text:?}");
        }
        assert_eq!(visible("a\u{200d}\u{1f469}\u{200b}", Some(' ')), "a \u{1f469} ");
    }

    proptest! {
        #[test]
        fn the_removal_is_complete(
            text in "[a1#\u{200b}-\u{200d}\u{fe0e}\u{fe0f}\u{20e3}\u{1f469}\u{1f3fd}\u{2764}\u{1f3f4}\u{e0062}\u{e0067}\u{e007f}\u{915}\u{94d}\u{645}\u{202e}\u{8fbb}\u{e0100} ]{0,12}"
        ) {
            let once = visible(&text, None);
            prop_assert_eq!(&visible(&once, None), &once);
            let hostile = once.contains(['\u{200b}', '\u{202e}']);
            prop_assert!(!hostile, "{:?}", once);
        }
    }
}
