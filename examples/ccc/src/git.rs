//! Calls of `git` by the `ccc` program. The pipeline's calls of `git` are in `ccc-core`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use ccc_core::{Clock as _, Error, ErrorKind, Result, SystemClock};
use tokio::process::Command;

/// Time limit of a call of git. The longest call reads the whole history of a repository.
const LIMIT: Duration = Duration::from_secs(600);

/// Executes `git` with the arguments `args`, and returns its standard output. Git ignores the
/// configuration of the system and of the user. Git does not inherit the environment of this
/// process, which can contain credentials: other processes of the user could read these credentials
/// from git's environment.
#[cfg(feature = "emulator")]
pub(crate) async fn git(
    args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
) -> Result<String> {
    let output = output(command().args(args)).await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let line = format!("git failed: {}", ccc_core::untrusted_text::one_line(&words, 300));
    Err(Error::new(ErrorKind::Unexpected, line))
}

/// Executes `git` with the arguments `args` in the repository whose root is `root`, and returns how
/// git ended. Git opens only this repository, never one in a directory above, and only if its owner
/// is the user of this process or a value in `safe` permits it. `core.fsmonitor` is off, so that the
/// configuration of the repository cannot make git start a program.
pub(crate) async fn git_in(root: &Path, safe: &[OsString], args: &[&str]) -> Result<Output> {
    let mut command = command();
    for value in safe {
        let mut setting = OsString::from("safe.directory=");
        setting.push(value);
        command.arg("-c").arg(setting);
    }
    command.args(["-c", "core.fsmonitor=false", "-C"]).arg(root).args(args);
    if let Some(above) = root.parent() {
        command.env("GIT_CEILING_DIRECTORIES", above);
    }
    output(&mut command).await
}

/// Returns the values of `safe.directory` in the user's own configuration and in that of the system,
/// in their order. No other setting is read (spec: X20f).
pub(crate) async fn safe_directories() -> Result<Vec<OsString>> {
    let mut values = Vec::new();
    for scope in ["--system", "--global"] {
        // `~/` in a value stands for the home directory, as in git itself. The working directory is
        // not a repository.
        let args =
            ["config", scope, "--includes", "-z", "--type=path", "--get-all", "safe.directory"];
        let mut command = command();
        command.args(args).current_dir("/").env_remove("GIT_CONFIG_NOSYSTEM");
        command.env_remove("GIT_CONFIG_GLOBAL");
        // Without these variables, git writes the trace files that this configuration names.
        command.envs(["GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE2_PERF"].map(|name| (name, "0")));
        for name in [
            "HOME",
            "XDG_CONFIG_HOME",
            "GIT_CONFIG_GLOBAL",
            "GIT_CONFIG_SYSTEM",
            "GIT_CONFIG_NOSYSTEM",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // Git fails if the setting or the file does not exist. A file that git cannot read has no
        // effect: git then refuses the repositories of other users.
        let output = output(&mut command).await?;
        if output.status.success() {
            let values_of = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec);
            let mut found: Vec<_> = values_of.map(OsString::from_vec).collect();
            // Each value ends with a NUL, also the empty value, which removes the values before it.
            found.pop();
            values.append(&mut found);
        }
    }
    Ok(values)
}

/// Returns a call of git without the environment of this process and without configuration.
fn command() -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Git would search a relative directory of PATH inside the repository.
    let absolute = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::join_paths(absolute).unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C");
    command
}

async fn output(command: &mut Command) -> Result<Output> {
    // A special file in the repository can block git. The process ends with this call.
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::select! {
        output = command.output() => output,
        () = SystemClock.sleep(LIMIT) => {
            let line = format!(
                "git did not answer within {} seconds: check the repository with `git fsck`",
                LIMIT.as_secs()
            );
            return Err(Error::new(ErrorKind::TimedOut, line));
        }
    };
    output.map_err(|e| {
        Error::new(
            ErrorKind::Unavailable,
            "cannot start git, because git is not installed or not in PATH: install git",
        )
        .with_source(e)
    })
}
