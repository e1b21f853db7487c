//! Running the `git` program so that nothing but its arguments decides what it does.

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

/// The most bytes of standard output that are kept; more is an error, not a cut.
const MAX_STDOUT: u64 = 256 << 20;
/// The most bytes of standard error that are read; only its last lines are shown.
const MAX_STDERR: u64 = 256 << 10;

/// Settings of every call. What a hostile tree could switch on is off, what the system or the user
/// configured is not read, and no transport works unless the call names it.
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
    // A transfer slower than this for a minute has stalled.
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
    /// Values that go through the environment as configuration, for this process only.
    secret_settings: Vec<(String, OsString)>,
    cwd: PathBuf,
    stdin: Vec<u8>,
    transport: Transport,
    /// What must not be shown of git's words.
    redactor: Redactor,
}

impl HostGit {
    /// A call that knows no repository yet.
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
        // For this call alone: a mirror that is not bare takes no fetch into the branch that its
        // `HEAD` happens to name.
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

    /// Lets this call reach the access's URL, and nothing else, with its token.
    ///
    /// The token goes through the environment of this one process: an argument, a URL or a file
    /// could be read by others, and the URL-scoped key keeps it from any other host.
    pub(super) fn remote(mut self, access: &Access) -> Result<Self> {
        if let Some(proxy) = &self.transport.proxy {
            self.redactor.add(proxy);
            let proxy = proxy.expose_str()?.to_owned();
            for name in ["http_proxy", "https_proxy"] {
                self.env.push((name.to_owned(), proxy.clone().into()));
            }
            // What the operator names holds for every host.
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
            // `host:path` and `helper::address` are no paths.
            None if Path::new(url).is_absolute() => "file",
            None => "",
        };
        if !matches!(scheme, "https" | "http" | "file") || scheme != "file" && url.contains('@') {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "a clone URL must be https, http or an absolute path, without user information",
            ));
        }
        self.settings.push(format!("protocol.{scheme}.allow=always"));
        if let Some(token) = &access.token {
            self.redactor.add(token);
        }
        if let Some(authorization) = &access.authorization {
            let value = authorization.expose_str()?;
            let header = format!("Authorization: {value}");
            // A server may repeat what it was sent, with or without the scheme before it.
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
        // A private CA or proxy is the operator's to set, and git's to read from the environment.
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
            // Git 3 makes other repositories by default, which fetch from no host of today.
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

    /// Runs it and returns its standard output; dropping the future kills it and its children.
    pub(super) async fn run(self) -> Result<Vec<u8>> {
        let (status, stdout, stderr) = self.run_raw().await?;
        if status.success() {
            return Ok(stdout);
        }
        Err(self.failure(&stderr))
    }

    /// Runs a command that reports on standard output why it was refused. Returns an error with that
    /// output.
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

    /// Runs it; returns status, standard output, standard error.
    pub(super) async fn run_raw(&self) -> Result<(std::process::ExitStatus, Vec<u8>, Vec<u8>)> {
        let mut child = self.command().spawn().map_err(|e| {
            let kind = e.kind();
            let hint = match kind {
                std::io::ErrorKind::NotFound => "git is not installed, or not in PATH: install git",
                _ => "cannot start git",
            };
            Error::new(ErrorKind::Unavailable, hint).with_source(e)
        })?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // git may end without reading all of it; its exit status tells.
                let _ = stdin.write_all(&self.stdin).await;
            }
        };
        let ((), stdout, stderr) =
            tokio::join!(write, read(stdout, MAX_STDOUT), read(stderr, MAX_STDERR));
        let (stdout, stderr) = (stdout?, stderr?);
        let status = child.wait().await.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "lost the git process").with_source(e)
        })?;
        group.disarm();
        Ok((status, stdout, stderr))
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(max + 1).read_to_end(&mut bytes).await.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "cannot read from git").with_source(e)
        })?;
    }
    if bytes.len() as u64 > max {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("git printed more than {max} bytes"),
        ));
    }
    Ok(bytes)
}

/// Kills the helpers that git started, too, when the call is given up.
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
