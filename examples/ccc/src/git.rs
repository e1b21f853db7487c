//! Calls of `git` by the program itself. The pipeline's calls are in `ccc-core`.

use std::ffi::OsStr;

use ccc_core::{Error, ErrorKind, Result};
use tokio::process::Command;

/// Runs `git` and returns its output. The configuration of the system and the user is ignored. Git
/// does not inherit this process's environment, because that can contain credentials, and other
/// processes of the user can read git's environment.
pub(crate) async fn git(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A relative directory would be resolved in the repository.
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
            Error::new(ErrorKind::Unavailable, "git is not installed, or not in PATH: install git")
                .with_source(e)
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(ErrorKind::Unexpected, ccc_core::untrusted_text::one_line(&words, 300)))
}
