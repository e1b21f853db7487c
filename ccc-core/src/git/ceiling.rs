//! Ceilings on the resources of a git process, and the recognition of a reached ceiling (spec:
//! X18b).

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;

use super::limits::GitLimits;
use crate::{Error, ErrorKind};

/// A script of the shell `sh` that sets the ceilings and executes a command. A safe function that
/// sets the ceilings between `fork` and `exec` does not exist. The arguments are:
///
/// 1. the umask,
/// 2. the CPU time in seconds,
/// 3. the CPU time after which the kernel kills the process, in seconds,
/// 4. the size of the data segment in KiB,
/// 5. the file size in blocks of 512 bytes,
/// 6. the command.
///
/// The script ignores the signal for a file that is too large. A write over the limit then fails
/// with an error, which git prints. Git would not report a signal that ended a helper process.
///
/// An ordinary user cannot raise a ceiling that the service itself has. The call then keeps the
/// lower ceiling.
const SCRIPT: &str = r#"
lower() {
  ulimit "$@" 2>/dev/null || [ "$(ulimit "$1" "$2")" != unlimited ] || exit 125
}
umask "$1"
trap '' XFSZ
ulimit -c 0
lower -S -t "$2"
lower -H -t "$3"
lower -S -d "$4"
lower -H -d "$4"
lower -S -f "$5"
lower -H -f "$5"
shift 5
exec "$@"
"#;

/// The exit status of a shell that cannot find the command.
const NOT_FOUND: i32 = 127;
/// The exit status of [`SCRIPT`] if a ceiling cannot be set.
const NO_CEILING: i32 = 125;
/// Seconds between the signal that reports the ceiling of CPU time and the signal that cannot be
/// ignored.
const GRACE: u64 = 5;

/// The ceilings of one call of git.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    limits: GitLimits,
    /// Whether git compares a workspace with a commit, so that the shorter CPU time applies.
    workspace: bool,
}

impl Ceiling {
    pub(super) fn new(limits: GitLimits) -> Self {
        Self { limits, workspace: false }
    }

    pub(super) fn of_workspace(mut self) -> Self {
        self.workspace = true;
        self
    }

    pub(super) fn duration(&self) -> Duration {
        self.limits.duration
    }

    pub(super) fn output_bytes(&self) -> u64 {
        self.limits.output_bytes
    }

    fn cpu_seconds(&self) -> u64 {
        let limit = if self.workspace { self.limits.workspace_cpu } else { self.limits.cpu };
        limit.as_secs().max(1)
    }

    /// Returns the program and the arguments that execute a command with these ceilings. The caller
    /// appends the command. Files that the command creates get the permissions that `umask` permits.
    pub(super) fn wrapper(&self, umask: &str) -> [OsString; 8] {
        let cpu = self.cpu_seconds();
        [
            "-c".into(),
            SCRIPT.into(),
            "git".into(),
            umask.into(),
            cpu.to_string().into(),
            cpu.saturating_add(GRACE).to_string().into(),
            (self.limits.memory / 1024).max(1).to_string().into(),
            (self.limits.file_bytes / 512).max(1).to_string().into(),
        ]
    }

    /// Returns the error of a call of `git <subcommand>` that reached a ceiling, or that the shell
    /// could not start. Returns `None` if the call ended for another reason.
    pub(super) fn reached(
        &self,
        subcommand: &str,
        status: ExitStatus,
        stderr: &str,
    ) -> Option<Error> {
        // Git reports the signal that ended a helper process in a line of this form. Lines of the
        // remote begin with `remote: `.
        let ended_by = |signal: Signal| {
            let words = format!("died of signal {}", signal.as_raw());
            status.signal() == Some(signal.as_raw())
                || stderr
                    .lines()
                    .any(|l| l.starts_with("error: ") && l.trim_end().ends_with(&words))
        };
        let says = |words: &str| {
            stderr.lines().map(str::to_lowercase).any(|line| {
                (line.starts_with("fatal: ") || line.starts_with("error: ")) && line.contains(words)
            })
        };
        if status.success() {
            return None;
        }
        let limit = if ended_by(Signal::XCPU) {
            format!("used more than {} seconds of CPU time", self.cpu_seconds())
        } else if says("file too large") {
            format!("wrote a file of more than {} bytes", self.limits.file_bytes)
        } else if says("out of memory") || says("cannot allocate memory") {
            format!("needed more than {} bytes of memory", self.limits.memory)
        } else if stderr.trim_end() == "fatal: fetch-pack: invalid index-pack output" {
            // The helper process did not print why it ended, so a signal ended it.
            format!(
                "was ended by a signal, which happens if it uses more than {} seconds of CPU time or the machine has no \
                 memory left,",
                self.cpu_seconds()
            )
        } else if status.code() == Some(NOT_FOUND) {
            let line = "git is not installed, or its directory is not in PATH: install git or correct PATH";
            return Some(Error::new(ErrorKind::Unavailable, line));
        } else if status.code() == Some(NO_CEILING) {
            let line = "the shell /bin/sh cannot limit the resources of git: install a shell whose `ulimit` supports -t, -d and -f";
            return Some(Error::new(ErrorKind::Unavailable, line));
        } else {
            return None;
        };
        Some(exceeded(subcommand, &limit, ErrorKind::LimitExceeded))
    }

    /// Returns the error of a call of `git <subcommand>` that took too long.
    pub(super) fn took_too_long(&self, subcommand: &str) -> Error {
        let limit = format!("took longer than {} seconds", self.limits.duration.as_secs());
        exceeded(subcommand, &limit, ErrorKind::TimedOut)
    }

    /// Returns the error of a call of `git <subcommand>` that printed too much.
    pub(super) fn printed_too_much(&self, subcommand: &str, max: u64) -> Error {
        exceeded(subcommand, &format!("printed more than {max} bytes"), ErrorKind::LimitExceeded)
    }
}

fn exceeded(subcommand: &str, limit: &str, kind: ErrorKind) -> Error {
    let line = format!(
        "git {limit} while it {}, which is a limit of this service: make the repository smaller or simpler",
        activity(subcommand)
    );
    Error::new(kind, line)
}

/// Returns a description of the work of `git <subcommand>`, in the past tense.
fn activity(subcommand: &str) -> String {
    match subcommand {
        "add" => "stored the changed files",
        "cat-file" => "read the contents of files",
        "check-attr" => "compared the files with the attributes",
        "diff-index" | "diff-tree" => "compared the changes with the base commit",
        "fetch" => "fetched the repository",
        "ls-files" => "listed the changed files and applied the ignore patterns",
        "ls-tree" => "listed the files of the base commit",
        "pack-objects" => "packed the base commit for the workspace",
        "push" => "pushed the branch",
        "read-tree" => "wrote the files of the workspace",
        "repack" | "pack-refs" => "combined the packs of the mirror",
        other => return format!("executed `git {other}`"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    #[test]
    fn a_reached_ceiling_is_named_and_other_failures_are_not() {
        // spec: X18b
        let ceiling = Ceiling::new(GitLimits::default());
        for (wait_status, stderr, expected) in [
            (24, "", "more than 600 seconds of CPU time"),
            (128 << 8, "error: index-pack died of signal 24\nfatal: index-pack failed", "CPU time"),
            (
                128 << 8,
                "fatal: write error: File too large",
                "a file of more than 17179869184 bytes",
            ),
            (128 << 8, "fatal: fetch-pack: invalid index-pack output\n", "ended by a signal"),
            (128 << 8, "fatal: bad\nfatal: fetch-pack: invalid index-pack output\n", ""),
            (128 << 8, "fatal: Out of memory, malloc failed (tried 9 bytes)", "of memory"),
            (128 << 8, "fatal: mmap failed: Cannot allocate memory", "of memory"),
            (127 << 8, "sh: 1: exec: git: not found", "install git"),
            (125 << 8, "", "ulimit"),
            (128 << 8, "remote: error: x died of signal 24\nfatal: x", ""),
            (128 << 8, "fatal: not a git repository", ""),
            (9, "", ""),
            (0, "warning: out of memory", ""),
        ] {
            let reached = ceiling.reached("fetch", ExitStatus::from_raw(wait_status), stderr);
            match (reached, expected) {
                (None, "") => {}
                (Some(error), _) if !expected.is_empty() => {
                    assert!(error.to_string().contains(expected), "{stderr}: {error}");
                }
                (reached, _) => panic!("{wait_status} {stderr}: {reached:?}"),
            }
        }
    }
}
