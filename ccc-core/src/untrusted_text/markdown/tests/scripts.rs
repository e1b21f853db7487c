//! Properties of ordinary text in many scripts: it stays unchanged.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use unicode_normalization::UnicodeNormalization as _;

use super::super::{displayed, mentionable_text};
use crate::untrusted_text::visible::visible;

/// Words of each script. They include words with the joiners that the script needs.
const SCRIPTS: &[(&str, &str)] = &[
    ("Latin", "quick brown naïve Þórður žluťoučký Nguyễn"),
    ("Greek", "ψυχοφθόρα Ξεσκεπάζω βδελυγμία ᾧ"),
    ("Cyrillic", "Съешь ещё мягких французских булок ўсё"),
    ("Armenian", "Զարմանալի մարդ է։"),
    ("Georgian", "ქართული ენა ლამაზია"),
    ("Hebrew", "דג סקרן שָׁלוֹם בְּרֵאשִׁית"),
    ("Arabic", "نص حكيم قاطع مُحَمَّد"),
    ("Persian", "می\u{200c}خواهم خانه\u{200c}ها نمی\u{200c}دانم کتاب"),
    ("Urdu", "اردو زبان ہے بہتر\u{200c}ین"),
    ("Syriac", "ܐܒܓܕ ܗܘܙ ܚܛܝ"),
    ("N'Ko", "ߒߞߏ ߓߊ߲ߓߊ߬ߙߊ"),
    ("Devanagari", "ऋषियों राक्षस क\u{94d}\u{200d}ष श\u{94d}\u{200c}री"),
    ("Bengali", "আমি বাংলায় র\u{200d}\u{9cd}যাব ত\u{9cd}\u{200d}"),
    ("Gurmukhi", "ਪੰਜਾਬੀ ਬੋਲੀ"),
    ("Gujarati", "ગુજરાતી ભાષા"),
    ("Oriya", "ଓଡ଼ିଆ ଭାଷା"),
    ("Tamil", "தமிழ் மொழி க\u{bcd}\u{200c}ஷ"),
    ("Telugu", "తెలుగు భాష క\u{c4d}\u{200c}ష"),
    ("Kannada", "ಕನ್ನಡ ರ\u{200d}\u{ccd}ಯಾಂಕ್ ನುಡಿ"),
    ("Malayalam", "മലയാളം ന\u{d4d}\u{200d} അവന\u{d4d}\u{200d}"),
    ("Sinhala", "ශ\u{dca}\u{200d}රී ලංකා ක\u{dca}\u{200d}ෂ"),
    ("Thai", "เป็นมนุษย์ สุดประเสริฐ"),
    ("Lao", "ພາສາລາວ ແມ່ນ"),
    ("Tibetan", "བོད་སྐད་ ཡིག"),
    ("Myanmar", "မြန်မာဘာသာ စကား"),
    ("Khmer", "ភាសាខ្មែរ ប៉\u{200c}"),
    ("Mongolian", "ᠮᠣᠩᠭᠣᠯ ᠬᠠᠷ\u{180e}ᠠ ᠭ\u{180b}ᠠ ᠪᠠᠢᠨᠠ"),
    ("Ethiopic", "ሰው እንደ ቤቱ"),
    ("Hangul", "키스의 고유조건은 입술끼리"),
    ("Kana", "いろはにほへと ガーディアン ﾊﾝｶｸ"),
    ("Han", "視野無限廣 窗外有藍天 葛\u{e0100}城"),
    ("Cherokee", "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ"),
    ("Canadian Aboriginal", "ᓀᐦᐃᔭᐍᐏᐣ"),
    ("Tifinagh", "ⵜⴰⵎⴰⵣⵉⵖⵜ"),
    ("Javanese", "ꦧꦱꦗꦮ ꦱꦏ꧀ꦠꦶ"),
    ("Balinese", "ᬩᬲᬩᬮᬶ"),
    ("Adlam", "𞤆𞤵𞤤𞤢𞤪 𞤀𞤣𞤤𞤢𞤥"),
];

fn check(script: &str, text: &str) {
    let expected: String = text.nfc().collect();
    assert_eq!(displayed(text), expected, "{script}");
    assert_eq!(visible(text, None), text, "{script}");
    assert_eq!(visible(text, Some(' ')), text, "{script}");
    assert_eq!(mentionable_text(text).trim(), expected.trim(), "{script}");
}

#[test]
fn words_in_each_script_stay_unchanged() {
    // spec: X12c, X12e
    for (script, words) in SCRIPTS {
        check(script, words);
        for word in words.split(' ') {
            check(script, word);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_130), ..ProptestConfig::with_cases(600) })]

    #[test]
    fn sentences_in_each_script_stay_unchanged(
        script in prop::sample::select(SCRIPTS),
        words in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![" ", ", ", ". ", "\n", "\n\n", "; ", "? ", "! (", ") "])), 1..20),
    ) {
        let all: Vec<&str> = script.1.split(' ').collect();
        let text: String = words.iter().map(|(word, after)| format!("{}{after}", word.get(&all))).collect();
        let text = text.trim();
        let expected: String = text.nfc().collect();
        prop_assert_eq!(displayed(text), expected, "{}", script.0);
        prop_assert_eq!(visible(text, None), text, "{}", script.0);
    }

    #[test]
    fn letters_of_any_script_stay_unchanged(text in "[\\p{L}\\p{Nd} \\n]{0,40}") {
        // Some fillers have the category of letters.
        prop_assume!(!text.contains(['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}']));
        let expected: String = text.nfc().collect();
        prop_assert_eq!(displayed(&text), expected);
    }
}
