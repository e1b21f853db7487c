//! A program, and what goes in front of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use ccc_core::container::{Command, EnvValue};
use ccc_core::{Error, ErrorKind, Result};

use super::{Subprocesses, own_user};
use crate::processes::{OWNER_MARK, RUN_MARK};

impl Subprocesses {
    /// The program with all its walls.
    pub(super) fn command(&self, command: &Command) -> Result<tokio::process::Command> {
        let path = self.variable(command, "PATH");
        let program = command.argv.first().map_or("", String::as_str);
        let mut hidden = None;
        // As the run's user finds it.
        let theirs = |file: &Path| {
            let seen = self.in_front.is_none() || own_user::is_in_sight(file);
            if !seen {
                hidden = Some(file.to_owned());
            }
            seen
        };
        let found = find_program(program, path.as_deref(), theirs).or_else(|| {
            // Relative to the workspace, where the program starts.
            let local = self.spec.workspace.join(program);
            let relative = program.contains('/') && !program.starts_with('/');
            (relative && local.is_file()).then_some(local)
        });
        let Some(found) = found else {
            let line = match hidden {
                None => format!("the program `{program}` is not in PATH"),
                Some(file) => format!(
                    "{} is where the run's own user may not go: install it for everybody, start the service as an \
                     ordinary user, or say runner.dangerously_as_root",
                    file.display()
                ),
            };
            return Err(Error::new(ErrorKind::NotFound, line));
        };
        // The one that was found: whoever started it by its name would look in other places, too.
        let program = if program.contains('/') { Path::new(program) } else { &found };
        let place = self.in_front.as_ref().map(|in_front| in_front.place(&found)).transpose()?;
        let resources = &self.spec.resources;
        // The kernel counts all processes of a user: where runs share one, room for a few is left.
        let shared = if self.in_front.is_some() { 1 } else { 8 };
        // util-linux in front of the program: setting these in the child ourselves takes `unsafe`.
        let mut child = tokio::process::Command::new(tool("setsid")?);
        child
            .args(place.into_iter().flatten())
            .arg(tool("prlimit")?)
            .arg("--core=0")
            .arg(format!("--nofile={}", resources.open_files))
            .arg(format!("--nproc={}", resources.processes.max(1) * shared))
            .arg(format!("--fsize={}", resources.workspace_bytes))
            .arg(format!("--data={}", resources.memory))
            .arg("--")
            .arg(tool("setpriv")?)
            .arg("--no-new-privs");
        if let Some(in_front) = &self.in_front {
            child.args(&in_front.user);
        }
        child
            .arg("--")
            .arg(program)
            .args(command.argv.iter().skip(1))
            .current_dir(&self.spec.workspace)
            .env_clear()
            .env("PATH", search_path(None))
            .env("LANG", "C.UTF-8")
            .env("HOME", self.home.join("home"))
            .env("TMPDIR", self.home.join("tmp"));
        for (name, value) in self.spec.env.iter().chain(&command.env) {
            if self.in_front.is_some() {
                own_user::check_variable(name)?;
            }
            match value {
                EnvValue::Plain(text) => child.env(name, text),
                EnvValue::Secret(secret) => child.env(name, secret.expose_str()?),
            };
        }
        child
            .env(RUN_MARK, self.run.to_string())
            .env(OWNER_MARK, &self.ours.owner)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(child)
    }

    fn variable(&self, command: &Command, wanted: &str) -> Option<String> {
        let all = command.env.iter().chain(&self.spec.env);
        all.filter(|(name, _)| name == wanted).find_map(|(_, value)| match value {
            EnvValue::Plain(text) => Some(text.clone()),
            EnvValue::Secret(_) => None,
        })
    }
}

/// A program of the machine that we work with.
pub(super) fn tool(program: &str) -> Result<PathBuf> {
    find_program(program, None, |_| true).ok_or_else(|| {
        let line = format!("`{program}` is not in PATH: install util-linux");
        Error::new(ErrorKind::Unavailable, line)
    })
}

/// The first that suits.
fn find_program(
    program: &str,
    path: Option<&str>,
    mut suits: impl FnMut(&Path) -> bool,
) -> Option<PathBuf> {
    let is_one = |file: &PathBuf| file.is_file() && suits(file);
    if program.starts_with('/') {
        return Some(PathBuf::from(program)).filter(is_one);
    }
    if program.is_empty() || program.contains('/') {
        return None;
    }
    let path = search_path(path);
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(is_one)
}

/// The directories in which programs are looked for: those of `path`, or our own. Only absolute ones: any
/// other would be one of the workspace, and a repository would choose our programs.
fn search_path(path: Option<&str>) -> OsString {
    let path = path.map_or_else(|| std::env::var_os("PATH").unwrap_or_default(), OsString::from);
    let absolute = std::env::split_paths(&path).filter(|dir| dir.is_absolute());
    // What was split can be joined.
    std::env::join_paths(absolute).unwrap_or_default()
}
