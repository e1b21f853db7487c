//! The program `ccc-keeper`, the first process of a container. The documentation of the crate
//! `ccc_keeper` describes the tasks of the program.

#![allow(clippy::disallowed_methods, reason = "a native program: never compiled for wasm32")]

use std::io;
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use ccc_keeper::{KeeperConfig, exit};
use rustix::process::DumpableBehavior;

mod cgroup;
mod exec;
mod forward;
mod limit_monitor;
mod reaper;
mod seccomp;
mod serve;

/// Timeout of each connection attempt of the command `ccc-keeper reach`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    // The programs of the agent have the same UID and must not control the keeper through /proc.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let status = match arguments[..] {
        ["keep", json] => start(json),
        ["reach", ref addresses @ ..] => {
            addresses.iter().filter(|address| answers(address)).for_each(|address| {
                use std::io::Write;
                let _ = writeln!(io::stdout(), "{address}");
            });
            return ExitCode::SUCCESS;
        }
        ["--version"] => {
            let version = env!("CARGO_PKG_VERSION");
            say(&format!("ccc-keeper {version} (protocol {})", ccc_keeper::PROTOCOL));
            return ExitCode::SUCCESS;
        }
        _ => {
            let line =
                "usage: ccc-keeper keep JSON | ccc-keeper reach ADDRESS… | ccc-keeper --version";
            Err(io::Error::new(io::ErrorKind::InvalidInput, line))
        }
    };
    ExitCode::from(status.unwrap_or_else(|error| {
        say(&format!("ccc-keeper: {error}"));
        exit::BAD_START
    }))
}

/// Returns whether `address`, such as `127.0.0.1:80`, accepts a TCP connection within
/// [`CONNECT_TIMEOUT`].
fn answers(address: &str) -> bool {
    let address = address.parse::<std::net::SocketAddr>();
    address.is_ok_and(|address| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).is_ok())
}

fn start(json: &str) -> io::Result<u8> {
    let config: KeeperConfig = serde_json::from_str(json)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(serve::serve(config));
    // Threads that block in a system call must not delay the exit.
    runtime.shutdown_background();
    status
}

/// Writes a line to standard error, because standard output carries the tunnel to the runner.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "{line}");
}
