//! Paths in the commands that messages advise.

use std::path::Path;

/// Returns `path` in the form of one word of a shell.
pub(super) fn shell_word(path: &Path) -> String {
    let path = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        return path.into_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure fails the test")]

    use super::*;
    use proptest::test_runner::{Config as ProptestConfig, RngSeed};

    #[test]
    fn a_shell_reads_a_path_as_one_word() {
        // spec: X18e
        for (path, word) in [
            ("/var/lib/ccc_1-a.b", "/var/lib/ccc_1-a.b"),
            ("/two words", "'/two words'"),
            ("/a;touch b", "'/a;touch b'"),
            ("/$HOME/`id`/*", "'/$HOME/`id`/*'"),
            ("/it's", "'/it'\\''s'"),
            ("/ä\n~", "'/ä\n~'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
            let script = format!("printf %s {word}");
            let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(shell.stdout).unwrap(), path);
        }
    }

    proptest::proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_130), ..ProptestConfig::default() })]

        #[test]
        fn a_word_is_plain_or_quoted_as_a_whole(path in "[a' $\\\\\"\n;~\u{e4}*-]{0,12}|[ -~]{0,12}") {
            let word = shell_word(Path::new(&path));
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
            match word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
                Some(inside) => {
                    // The only quotes inside are those that end the word, add a quote, and begin it again.
                    proptest::prop_assert!(!inside.replace("'\\''", "").contains('\''), "{}", word);
                    proptest::prop_assert_eq!(inside.replace("'\\''", "'"), path);
                }
                None => proptest::prop_assert!(word == path && word.chars().all(plain), "{}", word),
            }
        }
    }
}
