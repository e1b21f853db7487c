//! The runtime with the Worker in it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) const SECRET: &str = "a secret of more than thirty-two characters";

#[derive(Debug)]
pub(crate) struct Runtime {
    process: Option<Child>,
    port: u16,
    objects: TempDir,
}

impl Runtime {
    pub(crate) fn start() -> Self {
        let mut runtime = Self { process: None, port: 0, objects: tempfile::tempdir().unwrap() };
        runtime.restart();
        runtime
    }

    /// Again, with the same objects and the same port.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let config = target.join("worker/workerd.capnp");
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/node_modules/.bin/workerd");
        for part in [&config, &program] {
            assert!(part.exists(), "run .ci/workerd: {} is missing", part.display());
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
        self.port = port.expect("the runtime does not listen");
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

    /// All that is on its disk.
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

/// What npm's starter would start: that one is a process more, which a kill would not reach through.
fn binary(starter: &Path) -> PathBuf {
    let modules = starter.parent().and_then(Path::parent).unwrap();
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
    modules.join(format!("@cloudflare/workerd-linux-{arch}/bin/workerd"))
}
