//! The role of the service: `ccc serve`, which ends itself at a fault point.

use std::collections::HashMap;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

use clap::Parser as _;
use rustix::process::{Signal, getpid, kill_process};

/// The variable that selects this role. Its value is the fault point, a colon, and the number of the time
/// that the service ends itself there; or empty.
const KILL_AT: &str = "CHAOS_KILL_AT";

/// The start of a line on standard error about a fault point.
pub(crate) const REACHED: &str = "fault point ";

pub(crate) fn is_role() -> bool {
    std::env::var_os(KILL_AT).is_some()
}

/// Returns a command that starts this program as the service.
pub(crate) fn command(kill_at: &str) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env(KILL_AT, kill_at)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    Ok(command)
}

pub(crate) fn run() -> ExitCode {
    let kill_at = std::env::var(KILL_AT).unwrap_or_default();
    let (point, time) = kill_at.split_once(':').unwrap_or_default();
    let (point, time) = (point.to_owned(), time.parse::<u64>().unwrap_or(1));
    let reached = Mutex::new(HashMap::new());
    ccc_core::fault_points::set_hook(Box::new(move |name, run| {
        let run = run.map(|run| run.to_string()).unwrap_or_default();
        eprintln!("{REACHED}{name} {run}");
        let mut reached = reached.lock().unwrap_or_else(PoisonError::into_inner);
        let times = reached.entry(name.to_owned()).or_insert(0_u64);
        *times += 1;
        if name == point && *times == time {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }));
    ccc::Cli::parse_from(["ccc", "serve"]).run()
}
