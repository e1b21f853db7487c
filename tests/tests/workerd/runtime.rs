//! The process of the runtime that executes a Worker.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ccc_github::http::ReqwestHttp;
use tempfile::TempDir;

pub(crate) const SECRET: &str = "a secret of more than thirty-two characters";

#[derive(Debug)]
pub(crate) struct Runtime {
    /// The directory with the Worker that `.ci/workerd` has built.
    built: &'static str,
    /// The secrets that are bound to the Worker, in addition to the one for remote clients.
    pub(crate) secrets: Vec<(&'static str, String)>,
    /// A replacement for the deployed entry module.
    pub(crate) entry: Option<String>,
    /// A part of the configuration that is removed if `entry` is set.
    pub(crate) without: &'static str,
    process: Option<Child>,
    port: u16,
    objects: TempDir,
}

impl Runtime {
    pub(crate) fn start() -> Self {
        Self::with(Vec::new())
    }

    pub(crate) fn with(secrets: Vec<(&'static str, String)>) -> Self {
        Self::of("worker", secrets)
    }

    pub(crate) fn of(built: &'static str, secrets: Vec<(&'static str, String)>) -> Self {
        let objects = tempfile::tempdir().unwrap();
        let mut runtime =
            Self { built, secrets, entry: None, without: "", process: None, port: 0, objects };
        runtime.restart();
        runtime
    }

    /// Restarts the runtime with the same objects and the same port.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let mut config = target.join(self.built).join("workerd.capnp");
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/node_modules/.bin/workerd");
        for part in [&config, &program] {
            assert!(part.exists(), "run .ci/workerd: {} is missing", part.display());
        }
        if let Some(entry) = &self.entry {
            let other = self.objects.path().join("other");
            std::fs::create_dir_all(&other).unwrap();
            for file in std::fs::read_dir(config.parent().unwrap()).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), other.join(file.file_name())).unwrap();
            }
            std::fs::write(other.join("entry.mjs"), entry).unwrap();
            config = other.join("workerd.capnp");
            let settings = std::fs::read_to_string(&config).unwrap();
            assert!(settings.contains(self.without));
            std::fs::write(&config, settings.replace(self.without, "")).unwrap();
        }
        let mut objects = std::ffi::OsString::from("--directory-path=objects=");
        objects.push(self.objects.path());
        let mut process = Command::new(binary(&program))
            .arg("serve")
            .arg(&config)
            .arg(objects)
            .arg(format!("--socket-addr=http=127.0.0.1:{}", self.port))
            .arg("--control-fd=1")
            .env("CREDENTIALS_SECRET", SECRET)
            .envs(self.secrets.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let said: serde_json::Value = serde_json::from_str(&line).ok()?;
            u16::try_from(said["port"].as_u64()?).ok()
        });
        self.process = Some(process);
        self.port = port.expect("the runtime reported no port");
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            process.wait().unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends only the head of a request and returns the status of the response.
    pub(crate) fn status_of_head(&self, request: &str, body_length: usize) -> String {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!("{request}\r\nhost: here\r\ncontent-length: {body_length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).unwrap();
        status.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// Returns all files on the runtime's disk.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut found, mut directories) = (Vec::new(), vec![self.objects.path().to_owned()]);
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => directories.push(path),
                    false => found.push((path.clone(), std::fs::read(path).unwrap())),
                }
            }
        }
        found
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the program that npm's starter would start. The starter is an additional process;
/// killing it would not end the runtime.
fn binary(starter: &Path) -> PathBuf {
    let modules = starter.parent().and_then(Path::parent).unwrap();
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
    modules.join(format!("@cloudflare/workerd-linux-{arch}/bin/workerd"))
}

/// Returns an HTTP client without credentials.
pub(crate) fn client() -> reqwest::Client {
    // Sets up TLS, which the client needs.
    ReqwestHttp::direct().unwrap();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
