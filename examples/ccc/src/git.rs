//! Calls of `git` by the `ccc` program. The pipeline's calls of `git` are in `ccc-core`.

use std::ffi::OsStr;

use ccc_core::{Error, ErrorKind, Result};
use tokio::process::Command;

/// Executes `git` with the arguments `args`, and returns its standard output. Git ignores the
/// configuration of the system and of the user. Git does not inherit the environment of this
/// process, which can contain credentials: other processes of the user could read these credentials
/// from git's environment.
pub(crate) async fn git(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Git would search a relative directory of PATH inside the repository.
    let absolute = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    let output = Command::new("git")
        .args(args)
        .env_clear()
        .env("PATH", std::env::join_paths(absolute).unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C")
        .output()
        .await
        .map_err(|e| {
            Error::new(
                ErrorKind::Unavailable,
                "cannot start git, because git is not installed or not in PATH: install git",
            )
            .with_source(e)
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let line = format!("git failed: {}", ccc_core::untrusted_text::one_line(&words, 300));
    Err(Error::new(ErrorKind::Unexpected, line))
}
