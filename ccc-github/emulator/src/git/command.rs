//! Execution of the `git` program.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::error::{Error, ErrorKind, Result};

/// Returns a command that executes `git` without the git configuration of the host machine and of
/// the user. The environment of git contains only `PATH`, `LC_ALL` and git's own variables.
pub(crate) fn program() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "GitHub emulator");
        command.env(format!("GIT_{role}_EMAIL"), "emulator@localhost");
    }
    command
}

/// Executes `command` with `stdin` as standard input. Returns the command's standard output. Fails
/// if the exit status is not 0.
pub(crate) async fn run(command: &mut Command, stdin: Option<&[u8]>) -> Result<Vec<u8>> {
    let failed = |error| {
        Error::new(ErrorKind::Unavailable, "cannot execute git (check that it is on the PATH)")
            .with_source(error)
    };
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin) {
        pipe.write_all(bytes).await.map_err(failed)?;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or("git printed no error message");
    Err(Error::new(ErrorKind::Unavailable, format!("a git command failed: {said}")))
}

/// Converts `bytes`, which is one line of a command's output, to text. Removes the line break.
pub(crate) fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
