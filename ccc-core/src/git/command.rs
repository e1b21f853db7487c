//! Calls of the `git` program. Every call ignores the git configuration of the system and of the
//! user.

mod execute;

use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use super::ceiling::Ceiling;
use super::failure::failure;
use super::own_dir::OwnDir;
use super::settings::SETTINGS;
use super::{HostGit, PushError, Transport};
use crate::observe::Redactor;
use crate::vcs::Access;
use crate::{Error, ErrorKind, Result, Secret};

/// The shell that sets the ceilings of a git process.
const SHELL: &str = "/bin/sh";
/// The tree without files, which git knows without an object.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// One call of `git`.
pub(super) struct Call {
    settings: Vec<String>,
    subcommand: &'static str,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    /// The names and values of git settings that contain secrets. The settings are passed to git in
    /// environment variables, because every process on the host machine could read git's arguments.
    secret_settings: Vec<(String, OsString)>,
    cwd: PathBuf,
    /// The permissions that new files do not get.
    umask: &'static str,
    stdin: Vec<u8>,
    transport: Transport,
    ceiling: Ceiling,
    root: Arc<OwnDir>,
    /// The git directory to check before the call, relative to the data directory.
    own_git_dir: Option<PathBuf>,
    /// The user that executes git, if it is not the user of this process.
    user: Option<RunUser>,
    /// The secrets that must not appear in error messages.
    redactor: Redactor,
}

/// The user of a run's programs, if it is not the user of this process, and the open workspace.
#[derive(Debug)]
pub(super) struct RunUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) workspace: OwnedFd,
}

impl HostGit {
    /// Returns a call of `git <subcommand>` in the data directory. The call has no repository until
    /// [`dir`](Call::dir) sets one.
    pub(super) fn git(&self, subcommand: &'static str) -> Call {
        Call {
            settings: Vec::new(),
            subcommand,
            args: Vec::new(),
            env: Vec::new(),
            secret_settings: Vec::new(),
            cwd: self.root().to_owned(),
            umask: "077",
            stdin: Vec::new(),
            transport: self.transport.clone(),
            ceiling: Ceiling::new(self.limits),
            root: Arc::clone(&self.root),
            own_git_dir: None,
            user: None,
            redactor: Redactor::default(),
        }
    }
}

impl Call {
    /// Sets the git directory: a mirror, or the git directory of a run. The call checks this
    /// directory before git uses it, and fails if another user could have written it.
    pub(super) fn dir(mut self, git_dir: &Path) -> Self {
        let relative = git_dir.strip_prefix(self.root.path()).unwrap_or(git_dir);
        self.own_git_dir = Some(relative.to_owned());
        self.unchecked_dir(git_dir)
    }

    /// Sets the git directory without a check. The caller has just created this directory.
    pub(super) fn unchecked_dir(mut self, git_dir: &Path) -> Self {
        self.env.push(("GIT_DIR".to_owned(), git_dir.into()));
        self
    }

    pub(super) fn work_tree(mut self, path: &Path) -> Self {
        self.env.push(("GIT_WORK_TREE".to_owned(), path.into()));
        // Set for this call and not in the repository, because git refuses to fetch into the branch
        // that `HEAD` names in a repository that is not bare.
        self.settings.push("core.bare=false".to_owned());
        path.clone_into(&mut self.cwd);
        // No attribute of the tree has an effect (spec: X6e), and the comparison of many patterns
        // with many files takes minutes. Older versions of git ignore this variable.
        self.env.push(("GIT_ATTR_SOURCE".to_owned(), EMPTY_TREE.into()));
        // The agent's program can have another UID than this process.
        self.umask = "022";
        self
    }

    /// Limits the CPU time of this call to that of a comparison with a workspace.
    pub(super) fn reads_workspace(mut self) -> Self {
        self.ceiling = self.ceiling.of_workspace();
        self
    }

    /// Executes git as the user of a run, in the workspace of `user` with the git directory `.git`.
    /// The call must not have a token.
    pub(super) fn of_run(mut self, user: RunUser) -> Self {
        // That user may not enter the directories above the workspace. The open descriptor leads to
        // the workspace.
        let workspace = format!("/proc/self/fd/{}", user.workspace.as_raw_fd());
        self.user = Some(user);
        self.unchecked_dir(Path::new(".git"))
            .work_tree(Path::new(&workspace))
            .env("GIT_WORK_TREE", ".")
    }

    pub(super) fn setting(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(super) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(super) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Allows this call to connect to the clone URL of `access`, through the configured proxy and
    /// with the token of `access`. Only the transport of this URL is allowed: `https`, `http` or
    /// `file`.
    ///
    /// The token is passed in the environment of the git process, because other processes could
    /// read the token in an argument, a URL or a file. Git sends the token only to the clone URL,
    /// because the setting with the token is scoped to this URL.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the transport of the clone URL is not `https`, `http` or
    /// `file`, or if the URL contains a user name or password.
    pub(super) fn remote(mut self, access: &Access) -> Result<Self> {
        if let Some(proxy) = &self.transport.proxy {
            self.redactor.add(proxy);
            let proxy = proxy.expose_str()?.to_owned();
            for name in ["http_proxy", "https_proxy"] {
                self.env.push((name.to_owned(), proxy.clone().into()));
            }
            // Clear the exceptions: the operator's proxy applies to every host.
            for name in ["no_proxy", "NO_PROXY"] {
                self.env.push((name.to_owned(), OsString::new()));
            }
        }
        if let Some(file) = &self.transport.ca_file {
            self.env.push(("GIT_SSL_CAINFO".to_owned(), file.into()));
        }
        let url = access.clone_url.as_str();
        let scheme = match url.split_once("://") {
            Some((scheme, _)) => scheme,
            // Git reads `host:path` and `helper::address` as other transports, not as paths.
            None if Path::new(url).is_absolute() => "file",
            None => "",
        };
        if !matches!(scheme, "https" | "http" | "file") || scheme != "file" && url.contains('@') {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the clone URL must be an https or http URL without a user name or password, or \
                 an absolute path",
            ));
        }
        self.settings.push(format!("protocol.{scheme}.allow=always"));
        if let Some(token) = &access.token {
            self.redactor.add(token);
        }
        if let Some(authorization) = &access.authorization {
            let value = authorization.expose_str()?;
            let header = format!("Authorization: {value}");
            // A server can repeat the header in a message, with or without the scheme before the
            // token.
            self.redactor.add(&Secret::from(value.rsplit(' ').next().unwrap_or(value)));
            self.secret_settings.push((format!("http.{url}.extraHeader"), header.into()));
        }
        Ok(self)
    }

    fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(SHELL);
        command.args(self.ceiling.wrapper(self.umask)).arg("git").env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // The operator can set a private certificate authority or a proxy in these variables.
        for name in [
            "SSL_CERT_FILE",
            "GIT_SSL_CAINFO",
            "https_proxy",
            "HTTPS_PROXY",
            "no_proxy",
            "NO_PROXY",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("LC_ALL", "C")
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            // With the other defaults of git 3, a new repository cannot fetch from current hosts.
            .env("GIT_DEFAULT_HASH", "sha1")
            .env("GIT_DEFAULT_REF_FORMAT", "files")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("GIT_CONFIG_COUNT", self.secret_settings.len().to_string());
        for (i, (key, value)) in self.secret_settings.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{i}"), key)
                .env(format!("GIT_CONFIG_VALUE_{i}"), value);
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        command
            .arg(self.subcommand)
            .args(&self.args)
            .current_dir(&self.cwd)
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(user) = &self.user {
            // Also removes the supplementary groups of this process.
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    /// Executes git and returns the standard output. Fails if the exit status of git is not 0.
    /// Dropping the future kills git and the processes that git started.
    pub(super) async fn run(self) -> Result<Vec<u8>> {
        let (status, stdout, stderr) = self.run_raw().await?;
        if status.success() {
            return Ok(stdout);
        }
        Err(self.failure(&stderr))
    }

    /// Executes git and passes the standard output in chunks to `receive`. If `receive` returns
    /// [`ControlFlow::Break`], ends git and succeeds. Fails if the exit status of git is not 0.
    pub(super) async fn run_streamed(
        self,
        mut receive: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        match self.execute(&mut receive).await? {
            None => Ok(()),
            Some((status, _)) if status.success() => Ok(()),
            Some((_, stderr)) => Err(self.failure(&stderr)),
        }
    }

    /// Executes a git command such as `git push --porcelain`. If the remote refuses the push, this
    /// command prints the reason on standard output, and not on standard error. Therefore the
    /// returned error contains both outputs.
    pub(super) async fn run_porcelain(self) -> Result<(), PushError> {
        let (status, mut output, stderr) = self.run_raw().await?;
        if status.success() {
            return Ok(());
        }
        output.extend_from_slice(&stderr);
        let error = self.failure(&output);
        let output = self.redactor.clean(&String::from_utf8_lossy(&output));
        Err(PushError { error, output })
    }

    pub(super) fn failure(&self, said: &[u8]) -> Error {
        failure(self.subcommand, &self.redactor.clean(&String::from_utf8_lossy(said)))
    }

    /// Executes git and returns the exit status, the standard output and the standard error.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] or [`ErrorKind::TimedOut`] if git reached a ceiling.
    pub(super) async fn run_raw(&self) -> Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
        let (mut stdout, max) = (Vec::new(), self.ceiling.output_bytes());
        let ended = self
            .execute(&mut |chunk: &[u8]| {
                stdout.extend_from_slice(chunk);
                if stdout.len() as u64 > max {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .await?;
        let (status, stderr) =
            ended.ok_or_else(|| self.ceiling.printed_too_much(self.subcommand, max))?;
        Ok((status, stdout, stderr))
    }
}
