//! Calls of the `git` program. Every call ignores the git configuration of the system and of the
//! user.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::failure::failure;
use super::{HostGit, PushError, Transport};
use crate::observe::Redactor;
use crate::vcs::Access;
use crate::{Error, ErrorKind, Result, Secret};

/// Maximum size of git's standard output, in bytes. A call of git that prints more fails; output is
/// never truncated.
const MAX_STDOUT: u64 = 256 << 20;
/// Maximum size of git's standard error, in bytes. A call of git that prints more fails. Error
/// messages contain only the last lines of standard error.
const MAX_STDERR: u64 = 256 << 10;

/// Git settings that every call passes with `-c`. The settings forbid every transport, and disable
/// features that a hostile repository could enable. They take precedence over the configuration of
/// the system and of the user. [`Call::remote`] allows the one transport that a call needs.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.quotePath=false",
    "core.logAllRefUpdates=false",
    "diff.ignoreSubmodules=all",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.helper=",
    "http.followRedirects=false",
    // Git aborts a transfer that is slower than 1000 bytes per second for 60 seconds.
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "protocol.allow=never",
];

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
    stdin: Vec<u8>,
    transport: Transport,
    /// The secrets that must not appear in error messages.
    redactor: Redactor,
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
            cwd: self.root.clone(),
            stdin: Vec::new(),
            transport: self.transport.clone(),
            redactor: Redactor::default(),
        }
    }
}

impl Call {
    pub(super) fn dir(mut self, git_dir: &Path) -> Self {
        self.env.push(("GIT_DIR".to_owned(), git_dir.into()));
        self
    }

    pub(super) fn work_tree(mut self, path: &Path) -> Self {
        self.env.push(("GIT_WORK_TREE".to_owned(), path.into()));
        // Set for this call and not in the repository, because git refuses to fetch into the branch
        // that `HEAD` names in a repository that is not bare.
        self.settings.push("core.bare=false".to_owned());
        path.clone_into(&mut self.cwd);
        self
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
        let mut command = tokio::process::Command::new("git");
        command.env_clear();
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
    pub(super) async fn run_raw(&self) -> Result<(std::process::ExitStatus, Vec<u8>, Vec<u8>)> {
        let mut child = self.command().spawn().map_err(|e| {
            let kind = e.kind();
            let hint = match kind {
                std::io::ErrorKind::NotFound => {
                    "git is not installed, or its directory is not in PATH: install git or \
                     correct PATH"
                }
                _ => "cannot start git",
            };
            Error::new(ErrorKind::Unavailable, hint).with_source(e)
        })?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A write can fail because git ended without reading all input. The exit status
                // shows whether git failed.
                let _ = stdin.write_all(&self.stdin).await;
            }
        };
        let ((), stdout, stderr) =
            tokio::join!(write, read(stdout, MAX_STDOUT), read(stderr, MAX_STDERR));
        let (stdout, stderr) = (stdout?, stderr?);
        let status = child.wait().await.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "cannot wait for the end of the git process")
                .with_source(e)
        })?;
        group.disarm();
        Ok((status, stdout, stderr))
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(max + 1).read_to_end(&mut bytes).await.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "cannot read the output of git").with_source(e)
        })?;
    }
    if bytes.len() as u64 > max {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("the output of git exceeds the limit of {max} bytes"),
        ));
    }
    Ok(bytes)
}

/// The process group of one call of git. Dropping this value kills the group, so that git's helper
/// processes also end if the call is cancelled.
struct Group(Option<Pid>);

impl Group {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
