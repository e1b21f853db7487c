//! The form of a name that file systems compare.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

/// Returns the form of `name` for comparisons (spec: X17a). File systems can treat names with the
/// same form as one file. The form is `name`
/// - in the compatibility form NFKD, because ZFS can compare names in this form, and because HFS+
///   and APFS ignore the difference between composed and decomposed characters,
/// - without differences of case, as Unicode's full case folding defines them,
/// - without the code points that HFS+, and ext4 with case folding, ignore, and
/// - without the parts that NTFS ignores: `:` with the text after it, and dots and spaces at the
///   end.
pub(crate) fn fold(name: &str) -> String {
    let folded = if name.is_ascii() { name.to_ascii_lowercase() } else { fold_unicode(name) };
    let stem = folded.split(':').next().unwrap_or_default();
    stem.trim_end_matches(['.', ' ']).to_owned()
}

/// Returns the [folded](fold) names in `path`, from the first to the last. The separators are `/`
/// and `\`, because Windows treats both as separators. Empty names are omitted.
pub(crate) fn fold_path(path: &str) -> Vec<String> {
    // The compatibility form of `／` is `/`. This form is computed before the path is split, because
    // `fold` removes the text after a `:`.
    let path: Cow<'_, str> =
        if path.is_ascii() { path.into() } else { path.nfkd().collect::<String>().into() };
    path.split(['/', '\\']).map(fold).filter(|part| !part.is_empty()).collect()
}

fn fold_unicode(name: &str) -> String {
    let compatible: String = name.nfkd().filter(|c| !is_ignored(*c)).collect();
    // The upper case of `ß` is `SS`, and the upper case of `ſ` and `ı` is `S` and `I`. The
    // conversion to lower case before it finds the upper case of `ẞ`.
    let folded = compatible
        .chars()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    let folded = folded.collect::<String>();
    let mut form = String::with_capacity(folded.len());
    for c in folded.nfkd().filter(|c| !is_ignored(*c)) {
        // The lower case of `İ` is `i` with a dot above.
        if c != '\u{307}' || !form.ends_with('i') {
            form.push(c);
        }
    }
    form
}

/// Returns whether a file system can ignore `c` when it compares names. These are the code points
/// with the Unicode property `Default_Ignorable_Code_Point`. They include the code points that HFS+
/// ignores.
fn is_ignored(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    #[test]
    fn names_that_a_file_system_treats_as_one_have_the_same_form() {
        // spec: X17a
        for (name, expected) in [
            (".GitHub", ".github"),
            (".github. . ", ".github"),
            (".github:x", ".github"),
            (".g\u{131}thub", ".github"),
            (".G\u{130}THUB", ".github"),
            (".git\u{200d}hub", ".github"),
            (".gi\u{e0041}thub", ".github"),
            ("\u{ff0e}\u{ff27}ithub", ".github"),
            (".hu\u{17f}ky", ".husky"),
            (".hus\u{212a}y", ".husky"),
            ("\u{fb02}eet", "fleet"),
            ("stra\u{df}e", "strasse"),
            ("STRA\u{1e9e}E", "strasse"),
            ("re\u{301}sume\u{301}", "re\u{301}sume\u{301}"),
            ("r\u{e9}sum\u{e9}", "re\u{301}sume\u{301}"),
            ("\u{3c3}\u{3c2}\u{3a3}", "\u{3c3}\u{3c3}\u{3c3}"),
            ("a..b", "a..b"),
            (" a", " a"),
            ("...", ""),
            ("i\u{307}\u{307}", "i"),
        ] {
            assert_eq!(fold(name), expected, "{name:?}");
        }
        assert_eq!(fold_path("a\\B//c/"), ["a", "b", "c"]);
        assert_eq!(fold_path(".github\u{ff0f}Workflows"), [".github", "workflows"]);
        assert_eq!(fold_path("a:b\u{ff0f}.github"), ["a", ".github"]);
    }

    /// Returns other spellings of `path` that a file system can treat as the same path.
    fn spellings(path: &str) -> Vec<String> {
        let mut spellings = vec![
            path.to_lowercase(),
            path.to_uppercase(),
            path.nfc().collect(),
            path.nfd().collect(),
            path.nfkc().collect(),
            path.nfkd().collect(),
            path.replace('/', "\\"),
            path.replace('/', ". /"),
            format!("./{path}. ."),
        ];
        spellings.extend(
            path.char_indices().map(|(at, _)| format!("{}\u{200d}{}", &path[..at], &path[at..])),
        );
        spellings
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_130), ..ProptestConfig::with_cases(1_000) })]

        #[test]
        fn all_spellings_of_a_path_have_the_same_form(
            path in "[a-cI.:~/ \u{131}\u{130}\u{17f}\u{212a}\u{df}\u{1e9e}\u{e9}\u{301}\u{307}\u{ff0f}\u{ff1a}\u{ff0e}\u{2026}\u{fb03}\u{3c2}\u{ac00}]{0,10}"
        ) {
            let form = fold_path(&path);
            for other in spellings(&path) {
                prop_assert_eq!(&fold_path(&other), &form, "{:?}", other);
            }
            prop_assert_eq!(&fold_path(&form.join("/")), &form);
            let is_name = |name: &String| !name.is_empty() && !name.contains(['/', '\\', ':']) && !name.ends_with(['.', ' ']);
            prop_assert!(form.iter().all(is_name), "{:?}", form);
        }

        #[test]
        fn folding_twice_changes_nothing(name in any::<String>()) {
            let folded = fold(&name);
            prop_assert_eq!(fold(&folded), folded);
        }
    }
}
