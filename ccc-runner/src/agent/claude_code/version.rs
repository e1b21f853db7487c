//! The version of Claude Code: detection, and the check that it is supported.

use std::fmt;
use std::str::FromStr;

use ccc_core::container::{Command, OutputStream};
use ccc_core::untrusted_text::one_line;
use ccc_core::{Container, Error, ErrorKind, Result};

/// The oldest supported version of Claude Code. In older versions, the Read tool could read the
/// environment of the Claude Code process, which contains the run's secret. Before 2.1.2, the
/// settings in a repository could also bypass protections of Claude Code (CVE-2026-21852,
/// CVE-2026-25725).
const OLDEST: Version = Version(2, 1, 128);

/// A version number such as `2.1.330`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let mut numbers = text.split('.').map(|number| number.parse().map_err(drop));
        let mut next = || numbers.next().unwrap_or(Err(()));
        let version = Self(next()?, next()?, next()?);
        if numbers.next().is_some() { Err(()) } else { Ok(version) }
    }
}

/// Maximum number of bytes that are read from each output stream of `PROGRAM --version`.
const MAX_OUTPUT: usize = 2 << 10;

/// Executes `program --version` in `container`, and returns the version of Claude Code.
///
/// # Errors
/// - [`ErrorKind::NotFound`] if the container has no such program.
/// - [`ErrorKind::Unavailable`] if the program fails.
/// - [`ErrorKind::Unsupported`] if the program is not Claude Code, or is older than [`OLDEST`].
/// - Errors of the container.
pub(crate) async fn probe(program: &str, container: &dyn Container) -> Result<Version> {
    // One line of each stream is enough; further output is dropped.
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut collect = |stream, bytes: &[u8]| {
        let collected: &mut Vec<u8> =
            if stream == OutputStream::Stdout { &mut stdout } else { &mut stderr };
        collected.extend(bytes.iter().take(MAX_OUTPUT.saturating_sub(collected.len())));
    };
    let asked = container.exec(&Command::new([program, "--version"]), &mut collect).await;
    let status = asked.map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let line = format!(
                "programs of the agent cannot find `{program}`: install Claude Code where the agent \
                 runs, in the container's image or on this machine (npm install -g \
                 @anthropic-ai/claude-code), or configure the path of the program"
            );
            Error::new(ErrorKind::NotFound, line).with_source(error)
        }
        _ => error,
    })?;
    if !status.success() {
        let words = one_line(&String::from_utf8_lossy(&stderr), 200);
        let line = format!("`{program} --version` failed: {status}, error output: \"{words}\"");
        return Err(Error::new(ErrorKind::Unavailable, line));
    }
    judge(String::from_utf8_lossy(&stdout).trim())
}

/// Parses `printed`, the output of `claude --version` such as `2.1.330 (Claude Code)`, and checks
/// that the version is supported.
fn judge(printed: &str) -> Result<Version> {
    let version = printed
        .strip_suffix("(Claude Code)")
        .and_then(|version| version.trim().parse::<Version>().ok())
        .ok_or_else(|| {
            let shown = one_line(printed, 100);
            let line = format!(
                "the agent's program is not Claude Code: `--version` printed \"{shown}\" instead of \
                 a text such as \"{OLDEST} (Claude Code)\""
            );
            Error::new(ErrorKind::Unsupported, line)
        })?;
    if version < OLDEST {
        let line = format!(
            "Claude Code {version} is too old: install version {OLDEST} or newer where the agent runs"
        );
        return Err(Error::new(ErrorKind::Unsupported, line));
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_other_programs_and_old_versions_are_rejected() {
        // spec: X8
        for (printed, expected) in [
            ("2.1.330 (Claude Code)", Ok("2.1.330")),
            ("2.1.128 (Claude Code)", Ok("2.1.128")),
            ("10.0.0 (Claude Code)", Ok("10.0.0")),
            ("2.1.127 (Claude Code)", Err("2.1.127 is too old: install version 2.1.128 or newer")),
            ("1.99.999 (Claude Code)", Err("too old")),
            ("2.1.330", Err("not Claude Code")),
            ("2.1 (Claude Code)", Err("not Claude Code")),
            ("2.1.3.4 (Claude Code)", Err("not Claude Code")),
            ("2.1.330-beta (Claude Code)", Err("not Claude Code")),
            ("", Err("not Claude Code")),
        ] {
            match (judge(printed), expected) {
                (Ok(version), Ok(expected)) => assert_eq!(version.to_string(), expected),
                (Err(error), Err(expected)) => {
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{printed}");
                    assert!(error.to_string().contains(expected), "{error}");
                }
                (found, _) => panic!("{printed}: {found:?}"),
            }
        }
    }
}
