//! Names that a person reads differently than a program.

use unicode_normalization::char::canonical_combining_class;

use crate::joiner::{is_cursive, is_indic, is_selector, joins_emoji, selects};

/// The reason why a name deceives a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deception {
    /// A character changes the order of the displayed characters.
    Order,
    /// A character is not displayed, or has no meaning that is the same for all readers.
    Invisible,
    /// The name begins or ends with white space.
    WhiteSpace,
}

/// Returns why the path `path` deceives a reader, or `None` if it does not (spec: X17b). Words in
/// scripts that need joiners, and emoji, do not deceive.
pub(crate) fn deception(path: &str) -> Option<Deception> {
    path.split('/').find_map(|name| {
        if name.starts_with(char::is_whitespace) || name.ends_with(char::is_whitespace) {
            return Some(Deception::WhiteSpace);
        }
        let chars: Vec<char> = name.chars().collect();
        let at = |index: usize| chars.get(index).copied();
        (0..chars.len()).find_map(|index| {
            let before = index.checked_sub(1).and_then(at);
            judge(before, chars[index], at(index + 1))
        })
    })
}

/// Returns why `c` between the characters `before` and `after` deceives a reader.
fn judge(before: Option<char>, c: char, after: Option<char>) -> Option<Deception> {
    let fits = match c {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            return Some(Deception::Order);
        }
        '\u{200c}' | '\u{200d}' => joins(before, c, after),
        c if is_selector(c) => selects(before, c, after),
        c => !is_invisible(c),
    };
    (!fits).then_some(Deception::Invisible)
}

/// Returns whether the joiner `c` changes the form of its neighbours, as it does in emoji and in
/// Arabic, Mongolian and Indic scripts.
fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        // Some Indic words end with a joiner after a virama.
        return before.is_some_and(is_virama);
    };
    joins_emoji(before, c, after)
        || is_virama(before)
        || (is_virama(after) && is_indic(before))
        || (is_indic(before) && is_indic(after))
        || (is_cursive(before) && is_cursive(after))
}

/// Returns whether `c` is a virama: a sign that joins two consonants.
fn is_virama(c: char) -> bool {
    canonical_combining_class(c) == 9
}

/// Returns whether `c` is not displayed, or is displayed only by some programs.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // fillers, blanks, format characters, separators of lines and paragraphs
            '\u{ad}' | '\u{34f}' | '\u{70f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180e}' | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}'
            | '\u{13430}'..='\u{1345f}' | '\u{16fe4}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}'
            // private use, code points without a character, tags
            | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{40000}'..='\u{10ffff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_deceive_are_refused() {
        // spec: X17b
        for (path, expected) in [
            ("user\u{202e}gpj.exe", Deception::Order),
            ("a\u{202d}b", Deception::Order),
            ("a/b\u{2066}c\u{2069}/d", Deception::Order),
            ("a\u{200e}b", Deception::Order),
            ("a\u{200f}", Deception::Order),
            ("\u{61c}a", Deception::Order),
            ("a\u{200b}b", Deception::Invisible),
            ("a\u{200c}b", Deception::Invisible),
            ("a\u{200d}b", Deception::Invisible),
            ("main\u{200d}", Deception::Invisible),
            ("a\u{2060}b", Deception::Invisible),
            ("a\u{ad}b", Deception::Invisible),
            ("a\u{34f}b", Deception::Invisible),
            ("a\u{feff}b", Deception::Invisible),
            ("a\u{2028}b", Deception::Invisible),
            ("a\u{2029}b", Deception::Invisible),
            ("a\u{fe0f}b", Deception::Invisible),
            ("1\u{fe0f}", Deception::Invisible),
            ("a\u{e0100}", Deception::Invisible),
            ("a\u{fe00}", Deception::Invisible),
            ("a\u{180b}", Deception::Invisible),
            ("a\u{180e}b", Deception::Invisible),
            ("a\u{3164}b", Deception::Invisible),
            ("a\u{115f}b", Deception::Invisible),
            ("a\u{ffa0}b", Deception::Invisible),
            ("a\u{2800}b", Deception::Invisible),
            ("a\u{2063}b", Deception::Invisible),
            ("a\u{fffb}b", Deception::Invisible),
            ("a\u{1d173}b", Deception::Invisible),
            ("a\u{e0041}b", Deception::Invisible),
            ("\u{1f3f4}\u{e0067}\u{e007f}", Deception::Invisible),
            ("a\u{e000}b", Deception::Invisible),
            ("a\u{f8ff}b", Deception::Invisible),
            ("a\u{100000}b", Deception::Invisible),
            ("a\u{50000}b", Deception::Invisible),
            ("a\u{fdd0}b", Deception::Invisible),
            ("a\u{ffff}b", Deception::Invisible),
            ("a\u{1ffff}b", Deception::Invisible),
            ("a\tb", Deception::Invisible),
            ("a\u{85}b", Deception::Invisible),
            ("\u{1f600}\u{200d}a", Deception::Invisible),
            ("a\u{200d}\u{1f600}", Deception::Invisible),
            ("\u{645}\u{200c}a", Deception::Invisible),
            ("a ", Deception::WhiteSpace),
            (" a", Deception::WhiteSpace),
            ("a /b", Deception::WhiteSpace),
            ("a\u{a0}", Deception::WhiteSpace),
            ("\u{3000}a", Deception::WhiteSpace),
        ] {
            assert_eq!(deception(path), Some(expected), "{path:?}");
        }
    }

    #[test]
    fn names_in_every_script_pass() {
        // spec: X17b
        for path in [
            "src/main.rs",
            "Screenshot 2024-01-01 at 9.00.00\u{202f}PM.png",
            "a b/c\u{a0}d",
            "été/naïve.txt",
            "e\u{301}te\u{301}",
            "Straße.md",
            "ελληνικά.md",
            "русский.md",
            "Հայերեն.md",
            "עברית.md",
            "العربية.md",
            "می\u{200c}خواهم.md",
            "ܣܘܪܝܝܐ.md",
            "हिन्दी.md",
            "क्\u{200d}ष.md",
            "শর্\u{200d}ত.md",
            "র\u{200d}্যাব.md",
            "ਪੰਜਾਬੀ.md",
            "ગુજરાતી.md",
            "தமிழ்.md",
            "తెలుగు\u{200c}లో.md",
            "ಕನ್ನಡ.md",
            "മലയാളം.md",
            "ശ്രീ\u{200c}മാൻ.md",
            "ශ්\u{200d}රී ලංකා.md",
            "ไทย.md",
            "ລາວ.md",
            "မြန်မာ.md",
            "ខ្មែរ.md",
            "ქართული.md",
            "አማርኛ.md",
            "ᏣᎳᎩ.md",
            "ᠮᠣᠩᠭᠣᠯ\u{180b}.md",
            "བོད་ཡིག.md",
            "中文/日本語.md",
            "葛\u{e0100}城.md",
            "かな\u{3000}カナ.md",
            "한국어.md",
            "\u{1112}\u{1161}\u{11ab}.md",
            "Tiếng Việt.md",
            "Zażółć.md",
            "\u{1f600}.md",
            "\u{2764}\u{fe0f}.md",
            "1\u{fe0f}\u{20e3}.md",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}.md",
            "\u{1f469}\u{1f3fd}\u{200d}\u{1f4bb}.md",
            "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}.md",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}.md",
            "\u{1f1e9}\u{1f1ea}.md",
            "a.b-c_d+e=f,g;h@i#j$k%l&m(n)[o]{p}~q'r",
        ] {
            assert_eq!(deception(path), None, "{path:?}");
        }
    }
}
