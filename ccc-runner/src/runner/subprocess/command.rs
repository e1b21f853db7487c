//! Command lines that start a program through tools such as `setpriv` and `prlimit`, which restrict
//! the program.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use ccc_core::container::{Command, ContainerSpec, EnvValue};
use ccc_core::{Error, ErrorKind, Remedy, Result, RunId};

use crate::runner::subprocess::processes::{OWNER_MARK, RUN_MARK};
use crate::runner::subprocess::program_path::{find_program, host_tool, search_path};
use crate::runner::subprocess::user_switch::{self, UserSwitch};

/// The settings of a run that apply to each of its programs.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) run: RunId,
    /// The path of the state directory, which identifies the installation. Every program has this
    /// path in the environment variable [`OWNER_MARK`].
    pub(crate) state_dir: String,
    pub(crate) spec: ContainerSpec,
    /// The directory that contains the run's directories `home` and `tmp`.
    pub(crate) home: PathBuf,
    /// The switch to the run's dedicated UID, if the run has a dedicated UID.
    pub(crate) user_switch: Option<UserSwitch>,
}

impl Launcher {
    /// Returns the command that starts the program of `command` with the run's resource limits,
    /// environment and UID.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`] if the program does not exist, or if the run's dedicated user
    ///   cannot reach the program.
    /// - [`ErrorKind::InvalidInput`] if an environment variable is not permitted.
    /// - [`ErrorKind::Unavailable`] if a tool of util-linux is missing.
    pub(crate) fn command(&self, command: &Command) -> Result<tokio::process::Command> {
        let path = self.variable(command, "PATH");
        let program = command.argv.first().map_or("", String::as_str);
        let mut hidden = None;
        // A program that the run's dedicated user cannot reach counts as not found.
        let reachable = |file: &Path| {
            let seen = self.user_switch.is_none() || user_switch::is_reachable(file);
            if !seen {
                hidden = Some(file.to_owned());
            }
            seen
        };
        let found = find_program(program, path.as_deref(), reachable).or_else(|| {
            // A relative path is relative to the workspace, in which the program starts.
            let local = self.spec.workspace.join(program);
            let relative = program.contains('/') && !program.starts_with('/');
            (relative && local.is_file()).then_some(local)
        });
        let Some(found) = found else {
            let Some(file) = hidden else {
                let line = format!(
                    "the program `{program}` was not found: install it, or check its path and the variable PATH"
                );
                return Err(Error::new(ErrorKind::NotFound, line));
            };
            let line = format!(
                "the run's dedicated user cannot reach the program {}: install it in a directory that every user may \
                 enter, start the service as an ordinary user, or permit the agent to be root",
                file.display()
            );
            return Err(
                Error::new(ErrorKind::NotFound, line).with_remedy(Remedy::PermitAgentAsRoot)
            );
        };
        // Use the path that was found: another search by name would include other directories.
        let program = if program.contains('/') { Path::new(program) } else { &found };
        let place =
            self.user_switch.as_ref().map(|switch| switch.mount_namespace(&found)).transpose()?;
        let resources = &self.spec.resources;
        // The kernel limits the number of all processes of a UID together. If runs share a UID,
        // leave room for several runs.
        let shared = if self.user_switch.is_some() { 1 } else { 8 };
        // util-linux tools set the restrictions: setting them in the child process would need
        // `unsafe`.
        let mut child = tokio::process::Command::new(host_tool("setsid")?);
        child
            .args(place.into_iter().flatten())
            .arg(host_tool("prlimit")?)
            .arg("--core=0")
            .arg(format!("--nofile={}", resources.open_files))
            .arg(format!("--nproc={}", resources.processes.max(1) * shared))
            .arg(format!("--fsize={}", resources.workspace_bytes))
            .arg(format!("--data={}", resources.memory))
            .arg("--")
            .arg(host_tool("setpriv")?)
            .arg("--no-new-privs");
        if let Some(switch) = &self.user_switch {
            child.args(&switch.setpriv_arguments);
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
            if self.user_switch.is_some() {
                user_switch::check_variable(name)?;
            }
            match value {
                EnvValue::Plain(text) => child.env(name, text),
                EnvValue::Secret(secret) => child.env(name, secret.expose_str()?),
            };
        }
        child
            .env(RUN_MARK, self.run.to_string())
            .env(OWNER_MARK, &self.state_dir)
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
