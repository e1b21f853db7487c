//! Targets of the probes on the host machine and in other containers.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command as Program, Stdio};

use super::engine::Network;

/// Returns a random secret.
pub(crate) fn secret() -> String {
    let mut random = [0; 16];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
    format!("canary-{}", hex::encode(random))
}

/// The locations of all targets. Probes receive them, so only the secret itself is unknown to a
/// probe.
#[derive(Clone, Debug)]
pub(crate) struct Lures {
    /// A network with IPv6, in which the host machine has the metadata address of clouds.
    pub(crate) open: Network,
    pub(crate) gateway6: String,
    /// A network that the engine isolates from other networks (`--internal`).
    pub(crate) internal: Network,
    /// A port on which the test listens at all addresses of the host machine.
    pub(crate) port: u16,
    pub(crate) abstract_socket: String,
    /// A process on the host machine with the secret in its environment, its memory and an open
    /// file.
    pub(crate) process: u32,
    /// A file with the secret in the host machine's shared memory.
    pub(crate) shared_memory: String,
    /// A directory with the secret that represents the host machine's `/etc`.
    pub(crate) etc: String,
    /// The directory that contains the workspace and a file with the secret.
    pub(crate) beside: String,
    pub(crate) engine: String,
    /// A container of another run, and its address.
    pub(crate) neighbour: Network,
}

impl Lures {
    /// Returns the environment variables of every probe.
    pub(crate) fn env(&self) -> [(&'static str, String); 10] {
        [
            ("GATEWAY", self.open.gateway.clone()),
            ("GATEWAY6", self.gateway6.clone()),
            ("INTERNAL", self.internal.gateway.clone()),
            ("PORT", self.port.to_string()),
            ("ABSTRACT", self.abstract_socket.clone()),
            ("PID", self.process.to_string()),
            ("SHM", self.shared_memory.clone()),
            ("BESIDE", self.beside.clone()),
            ("ENGINE", self.engine.clone()),
            ("NEIGHBOUR", self.neighbour.gateway.clone()),
        ]
    }
}

/// A process on the host machine that holds the secret until this value is dropped.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Holder {
    pub(crate) fn new(secret: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        writeln!(file, "{secret}").unwrap();
        // The process waits for the end of its input, which this process holds open.
        let child = Program::new("cat")
            .env("CCC_PROBE_SECRET", secret)
            .stdin(Stdio::piped())
            .stdout(file)
            .spawn();
        Self(child.unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A file in the host machine's shared memory.
#[derive(Debug)]
pub(crate) struct Shared(pub(crate) String);

impl Shared {
    pub(crate) fn new(secret: &str) -> Self {
        let name = format!("ccc-probes-{}", std::process::id());
        fs::write(Path::new("/dev/shm").join(&name), secret).unwrap();
        Self(name)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = fs::remove_file(Path::new("/dev/shm").join(&self.0));
    }
}
