//! The text of an issue from the argument `--issue`.

use std::io::Read;
use std::path::Path;

use ccc_core::{Error, ErrorKind, Result};

use crate::local_host::title_and_body;

/// Maximum size of the text of an issue, in bytes. GitHub's limit is a quarter of this size.
const MAX_ISSUE: u64 = 256 << 10;

/// Returns the text of the issue for a repository on this machine. `issue` is the text itself, the
/// path of a file or pipe with the text, or `-` for `stdin`.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for an empty text, a text above 256 KiB, a number of an issue on
/// GitHub, another flag, and a path that does not exist. One word with a slash, or with an extension
/// such as `.md`, counts as a path.
pub(super) fn issue_text(issue: &str, stdin: impl Read) -> Result<String> {
    let path = Path::new(issue);
    let text = if issue == "-" {
        read(stdin, "standard input")?
    } else if path.is_dir() {
        return Err(invalid(format!("--issue {issue} is a directory: pass a file, or a text")));
    } else if !issue.contains('\n') && path.exists() {
        let file = std::fs::File::open(path).map_err(|e| {
            invalid(format!("cannot read the text of the issue from the file {issue}"))
                .with_source(e)
        })?;
        read(file, &format!("the file {issue}"))?
    } else if issue.strip_prefix('#').is_some_and(|number| number.parse::<u64>().is_ok()) {
        return Err(invalid(format!(
            "--issue {issue} is the number of an issue, but a repository on this machine has no \
             numbered issues: pass the text of the issue, or a file with the text"
        )));
    } else if is_flag(issue) {
        return Err(invalid(format!("--issue has no value before the flag {issue}: pass a text")));
    } else if is_path(issue) {
        return Err(invalid(format!(
            "--issue {issue}: there is no file with this name; a text has more than one word"
        )));
    } else {
        issue.to_owned()
    };
    title_and_body(&text)?;
    Ok(text)
}

/// Reads the text of an issue from `source`, which error messages call `name`.
fn read(source: impl Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_ISSUE + 1).read_to_end(&mut bytes).map_err(|e| {
        invalid(format!("cannot read the text of the issue from {name}")).with_source(e)
    })?;
    if bytes.len() as u64 > MAX_ISSUE {
        let line = format!("the text of the issue in {name} is larger than 256 KiB: shorten it");
        return Err(invalid(line));
    }
    String::from_utf8(bytes).map_err(|_| {
        invalid(format!("the text of the issue in {name} is not valid UTF-8: convert it"))
    })
}

/// Returns whether `issue` has the form of a flag of the program.
fn is_flag(issue: &str) -> bool {
    match issue.as_bytes() {
        [b'-', b'-', name @ ..] => {
            !name.is_empty() && name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-')
        }
        [b'-', letter] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Returns whether `issue` is one word that has the form of a path.
fn is_path(issue: &str) -> bool {
    let word = !issue.is_empty() && !issue.contains(char::is_whitespace);
    let extension = Path::new(issue).extension().and_then(|extension| extension.to_str());
    let extension = extension.is_some_and(|text| {
        (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    word && (issue.contains('/') || extension)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::*;

    const PIPE: &[u8] = b"From a pipe\n";

    #[test]
    fn an_issue_is_a_text_a_file_or_standard_input() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("issue.md");
        std::fs::write(&file, "In a file\n").unwrap();
        for (issue, expected) in [
            ("Fix the sum", "Fix the sum"),
            ("- [ ] keep the sum right", "- [ ] keep the sum right"),
            ("-1 is no length", "-1 is no length"),
            ("--json prints nothing", "--json prints nothing"),
            ("Fix README.md", "Fix README.md"),
            ("Fix and/or document", "Fix and/or document"),
            ("#12 again", "#12 again"),
            ("sum", "sum"),
            ("-", "From a pipe\n"),
            (file.to_str().unwrap(), "In a file\n"),
        ] {
            assert_eq!(issue_text(issue, PIPE).unwrap(), expected);
        }
    }

    #[test]
    fn a_text_that_cannot_be_meant_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().to_str().unwrap();
        let missing = format!("{dir}/isue.md");
        for (issue, stdin, expected) in [
            ("", PIPE, "is empty"),
            (" \n", PIPE, "is empty"),
            ("-", b"".as_slice(), "is empty"),
            ("-", b"\xff", "standard input is not valid UTF-8"),
            ("-", [b'x'; 256 * 1024 + 1].as_slice(), "larger than 256 KiB"),
            ("#12", PIPE, "is the number of an issue"),
            ("--json", PIPE, "has no value before the flag --json"),
            ("-h", PIPE, "has no value before the flag -h"),
            (dir, PIPE, "is a directory"),
            (&missing, PIPE, "there is no file with this name"),
            ("isue.md", PIPE, "there is no file with this name"),
            ("docs/issue", PIPE, "there is no file with this name"),
        ] {
            let error = issue_text(issue, stdin).unwrap_err().to_string();
            assert!(error.contains(expected), "{issue:?}: {error}");
        }
    }
}
