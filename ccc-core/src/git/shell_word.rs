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
}
