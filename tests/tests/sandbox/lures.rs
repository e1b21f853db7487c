//! What there is to reach and to read.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command as Program, Stdio};

use super::engine::Network;

/// A secret that nobody can have guessed.
pub(crate) fn secret() -> String {
    let mut random = [0; 16];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
    format!("canary-{}", hex::encode(random))
}

/// Where everything is. Probes know that: they need no luck, and the secret itself is all they lack.
#[derive(Clone, Debug)]
pub(crate) struct Lures {
    /// A network with the metadata address of clouds as the host's, and IPv6.
    pub(crate) open: Network,
    pub(crate) gateway6: String,
    /// A network that leads nowhere, as the engine says.
    pub(crate) internal: Network,
    /// A port of the host at every one of its addresses.
    pub(crate) port: u16,
    pub(crate) abstract_socket: String,
    /// A process of the host with the secret in its environment, its memory and an open file.
    pub(crate) process: u32,
    /// A file in the host's shared memory.
    pub(crate) shared_memory: String,
    /// A directory that is mounted as the host's configuration.
    pub(crate) etc: String,
    /// The directory that holds the workspace, and the secret beside it.
    pub(crate) beside: String,
    pub(crate) engine: String,
    /// A container of another run, and its address.
    pub(crate) neighbour: Network,
}

impl Lures {
    /// The environment of every probe.
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

/// A process of the host that holds the secret, as long as this lives.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Holder {
    pub(crate) fn new(secret: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        writeln!(file, "{secret}").unwrap();
        // It waits for the end of its input, which is ours.
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

/// A file of the host's shared memory.
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
