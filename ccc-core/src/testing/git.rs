//! Calls of the installed `git` program in tests.

use std::io;
use std::path::Path;
use std::process::{Command, Output};

/// Executes `git` with `args` in the directory `dir`. Returns the standard output, without white
/// space at the start and the end.
///
/// Git ignores the configuration of the user and of the system. Commits have a fixed author. The
/// default branch of a new repository is `main`.
///
/// # Panics
/// If git cannot be started, fails, or prints text that is not UTF-8.
#[track_caller]
pub fn git(dir: &Path, args: &[&str]) -> String {
    let output = match run(dir, args) {
        Ok(output) => output,
        Err(e) => panic!("cannot start git: {e}"),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?} failed: {errors}");
    match String::from_utf8(output.stdout) {
        Ok(text) => text.trim().to_owned(),
        Err(e) => panic!("git {args:?} printed text that is not UTF-8: {e}"),
    }
}

/// Executes `git` with `args` in the directory `dir`, with the same configuration as the function
/// [`git`]. Returns the whole standard output, or `None` if git fails or prints text that is not
/// UTF-8.
pub(super) fn try_git(dir: &Path, args: &[&str]) -> Option<String> {
    let output = run(dir, args).ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

fn run(dir: &Path, args: &[&str]) -> io::Result<Output> {
    Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(["-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
}
