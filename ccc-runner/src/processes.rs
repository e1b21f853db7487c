//! Finding and ending every process of a run, whatever it did to hide.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, RunId};
use rustix::process::{Pid, Signal, kill_process};

/// Set in the environment of every process of a run. A child inherits it through fork and exec, also
/// when it leaves session and process group; so it finds what a group kill misses.
pub(crate) const RUN_MARK: &str = "CCC_RUN";
/// Set beside it: whose run it is, so that two installations leave each other alone.
pub(crate) const OWNER_MARK: &str = "CCC_OWNER";

const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long a killed process may take to be gone.
const GONE_WITHIN: u32 = 1_000;

/// The processes that carry the marks of `owner`, with their runs. A zombie has no environment any
/// more, and is not alive.
fn marked(owner: &str) -> Vec<(Pid, RunId)> {
    let owner = format!("{OWNER_MARK}={owner}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        // Other users' processes cannot be read, and are not ours.
        let Ok(environment) = fs::read(Path::new("/proc").join(pid.to_string()).join("environ"))
        else {
            continue;
        };
        let mut variables = environment.split(|byte| *byte == 0);
        if !variables.clone().any(|variable| variable == owner.as_bytes()) {
            continue;
        }
        let run = variables.find_map(|variable| {
            let value = variable.strip_prefix(RUN_MARK.as_bytes())?.strip_prefix(b"=")?;
            std::str::from_utf8(value).ok()?.parse().ok()
        });
        if let (Some(pid), Some(run)) = (Pid::from_raw(pid), run) {
            found.push((pid, run));
        }
    }
    found
}

/// The runs that have a process.
pub(crate) async fn runs_alive(owner: &str) -> Result<Vec<RunId>> {
    let owner = owner.to_owned();
    let found = blocking(move || marked(&owner)).await?;
    Ok(found.into_iter().map(|(_, run)| run).collect())
}

/// Sends `signals`, one after the other, to every process of the run; returns how many there were.
async fn signal_all(owner: &str, run: RunId, signals: &'static [Signal]) -> Result<usize> {
    let owner = owner.to_owned();
    blocking(move || {
        let found: Vec<Pid> =
            marked(&owner).into_iter().filter(|(_, of)| *of == run).map(|(pid, _)| pid).collect();
        for signal in signals {
            for pid in &found {
                // Gone already is as good.
                let _ = kill_process(*pid, *signal);
            }
        }
        found.len()
    })
    .await
}

/// Asks every process of the run to end, and waits `grace` for it.
pub(crate) async fn terminate(
    clock: &dyn Clock,
    owner: &str,
    run: RunId,
    grace: Duration,
) -> Result<()> {
    if signal_all(owner, run, &[Signal::TERM, Signal::CONT]).await? == 0 {
        return Ok(());
    }
    let mut waited = Duration::ZERO;
    while waited < grace {
        clock.sleep(LOOK_AGAIN).await;
        waited += LOOK_AGAIN;
        if signal_all(owner, run, &[]).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Kills every process of the run, and looks until none is left. Stops them first: one that forks
/// faster than we kill would get away otherwise.
pub(crate) async fn kill(clock: &dyn Clock, owner: &str, run: RunId) -> Result<()> {
    for _ in 0..GONE_WITHIN {
        if signal_all(owner, run, &[Signal::STOP, Signal::KILL]).await? == 0 {
            return Ok(());
        }
        clock.sleep(LOOK_AGAIN).await;
    }
    Err(Error::new(
        ErrorKind::Unexpected,
        format!("processes of run {run} outlive SIGKILL: look for {RUN_MARK}={run} in /proc"),
    ))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::new(ErrorKind::Unexpected, "looking through /proc died").with_source(e))
}
