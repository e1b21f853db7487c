//! Properties of hostile characters: each class is removed from any text.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::displayed;
use crate::untrusted_text::visible::is_invisible;
use crate::untrusted_text::{markdown_escape, one_line};

/// A class of hostile characters, as ranges.
type Class = (&'static str, &'static [(char, char)]);

/// The classes of characters that are not displayed but that a model reads, or that change the order
/// of the displayed text.
const CLASSES: [Class; 12] = [
    (
        "C0 controls",
        &[('\0', '\u{8}'), ('\u{b}', '\u{c}'), ('\u{e}', '\u{1a}'), ('\u{1c}', '\u{1f}')],
    ),
    ("C1 controls", &[('\u{7f}', '\u{9f}')]),
    ("soft hyphen and grapheme joiner", &[('\u{ad}', '\u{ad}'), ('\u{34f}', '\u{34f}')]),
    ("directional marks", &[('\u{61c}', '\u{61c}'), ('\u{200e}', '\u{200f}')]),
    ("directional embeddings and overrides", &[('\u{202a}', '\u{202e}')]),
    ("directional isolates", &[('\u{2066}', '\u{2069}')]),
    ("zero width", &[('\u{200b}', '\u{200d}'), ('\u{2060}', '\u{2060}'), ('\u{feff}', '\u{feff}')]),
    (
        "fillers",
        &[
            ('\u{115f}', '\u{1160}'),
            ('\u{17b4}', '\u{17b5}'),
            ('\u{3164}', '\u{3164}'),
            ('\u{ffa0}', '\u{ffa0}'),
        ],
    ),
    (
        "separators, operators and annotations",
        &[
            ('\u{2028}', '\u{2029}'),
            ('\u{2061}', '\u{2065}'),
            ('\u{206a}', '\u{206f}'),
            ('\u{fff0}', '\u{fffb}'),
        ],
    ),
    (
        "variation selectors",
        &[('\u{180b}', '\u{180f}'), ('\u{fe00}', '\u{fe0f}'), ('\u{e0100}', '\u{e01ef}')],
    ),
    ("format controls of notations", &[('\u{1bca0}', '\u{1bca3}'), ('\u{1d173}', '\u{1d17a}')]),
    (
        "tags and code points reserved for them",
        &[('\u{e0000}', '\u{e00ff}'), ('\u{e01f0}', '\u{e0fff}')],
    ),
];

/// Returns a character of the class with the index `class`.
fn character(class: usize, at: prop::sample::Index) -> char {
    let ranges = CLASSES[class].1;
    let all: Vec<char> = ranges.iter().flat_map(|(first, last)| *first..=*last).collect();
    *at.get(&all)
}

#[test]
fn each_character_of_each_class_is_removed() {
    // spec: X12c
    for (class, ranges) in CLASSES {
        for c in ranges.iter().flat_map(|(first, last)| *first..=*last) {
            assert!(is_invisible(c), "{class}: {c:?}");
            for text in [format!("a{c}b"), format!("{c}ab"), format!("ab{c}"), format!("a{c}{c}b")]
            {
                assert_eq!(displayed(&text), "ab", "{class}: {c:?}");
                // For terminals, some of these controls begin a sequence that includes the next letter.
                if class != "C1 controls" {
                    assert_eq!(markdown_escape(&text), "ab", "{class}: {c:?}");
                    assert_eq!(one_line(&text, 10).replace(' ', ""), "ab", "{class}: {c:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_130), ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn hostile_characters_in_ordinary_text_change_nothing(
        words in prop::collection::vec("[a-z]{1,6}[,.]? ", 1..12),
        hostile in prop::collection::vec((0..CLASSES.len(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..12),
    ) {
        // spec: X12c
        let clean = words.concat().trim().to_owned();
        let mut text: Vec<char> = clean.chars().collect();
        for (class, which, at) in hostile {
            // A line that begins with such a character is indented for some parsers, and not for others.
            text.insert(1 + at.index(text.len()), character(class, which));
        }
        let text: String = text.into_iter().collect();
        prop_assert_eq!(displayed(&text), clean, "{:?}", text);
    }

    #[test]
    fn sequences_of_hostile_characters_leave_nothing_between_letters(
        hostile in prop::collection::vec((0..CLASSES.len(), any::<prop::sample::Index>()), 1..40),
    ) {
        // spec: X12c
        let between: String = hostile.into_iter().map(|(class, which)| character(class, which)).collect();
        prop_assert_eq!(displayed(&format!("a{between}b")), "ab");
    }
}
