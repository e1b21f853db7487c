//! Finding and terminating every process of a run, also one that tries to hide.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, RunId};
use rustix::process::{Pid, Signal, kill_process};

use crate::runner::subprocess::proc_status::{is_alive_as, threads};
use crate::runner::subprocess::process_sessions::{ProcessSessions, is_in};
use crate::runner::subprocess::uid_pool::UidPool;

/// Set in the environment of every process of a run. A child inherits it through fork and exec,
/// also when it leaves session and process group; so it finds what a group kill misses.
pub(crate) const RUN_MARK: &str = "CCC_RUN";
/// Set beside it: whose run it is, so that two installations leave each other alone.
pub(crate) const OWNER_MARK: &str = "CCC_OWNER";

const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How long a killed process may take to be gone.
const GONE_WITHIN: u32 = 1_000;

/// The number of consecutive scans that must find no process.
const QUIET: u32 = 2;
/// The most passes of one scan; there is another one after each that found a new process.
const PASSES: u32 = 100;
/// How often, and after how long, an empty environment is read again.
const READS: u32 = 20;
const READ_AGAIN: Duration = Duration::from_micros(100);

/// The marks by which an installation recognizes its processes.
#[derive(Clone, Debug)]
pub(crate) struct Ownership {
    /// The state directory's path: two installations that differ in it leave each other alone.
    pub(crate) owner: String,
    /// Finds processes without the marks in their environment.
    pub(crate) sessions: ProcessSessions,
    /// Finds every process of a run, where runs have UIDs.
    pub(crate) uids: UidPool,
}

/// Shows every process to `seen`, as soon as it is found.
fn each_process(mut seen: impl FnMut(Pid, &Path)) {
    let mut known = HashSet::new();
    // A process that ended during a pass may have left a child that came too late for it: there is
    // another pass until one finds nobody new.
    for _ in 0..PASSES {
        let before = known.len();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(pid) =
                name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
            else {
                continue;
            };
            if known.insert(pid) {
                seen(pid, &entry.path());
            }
        }
        if known.len() == before {
            return;
        }
    }
}

/// The run whose marks the process carries. Other users' processes cannot be read, and are not
/// ours; a zombie has no environment any more, and is not alive.
fn run_of(process: &Path, owner: &str) -> Option<RunId> {
    let owner = format!("{OWNER_MARK}={owner}");
    let environment =
        environment(process).ok().filter(|found| !found.is_empty()).or_else(|| {
            // One whose first thread has ended has it in the others.
            let others =
                threads(process).filter_map(|thread| fs::read(thread.join("environ")).ok());
            others.into_iter().find(|found| !found.is_empty())
        })?;
    let mut variables = environment.split(|byte| *byte == 0);
    if !variables.clone().any(|variable| variable == owner.as_bytes()) {
        return None;
    }
    variables.find_map(|variable| {
        let value = variable.strip_prefix(RUN_MARK.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()?.parse().ok()
    })
}

/// The environment of one process. While it turns into another program the kernel shows none at
/// all, for some microseconds: a program that does little else would not be seen.
fn environment(process: &Path) -> std::io::Result<Vec<u8>> {
    for _ in 0..READS {
        let environment = fs::read(process.join("environ"))?;
        // Neither the kernel's own threads nor zombies have a program.
        if !environment.is_empty() || fs::read_link(process.join("exe")).is_err() {
            return Ok(environment);
        }
        std::thread::sleep(READ_AGAIN);
    }
    Ok(Vec::new())
}

/// The runs that have a process.
pub(crate) async fn runs_alive(ours: &Ownership) -> Result<Vec<RunId>> {
    let owner = ours.owner.clone();
    blocking(move || {
        let mut runs = Vec::new();
        each_process(|_, process| runs.extend(run_of(process, &owner)));
        runs
    })
    .await
}

/// Sends `signals`, one after the other, to every process of the run; returns how many there were.
/// Each gets them as soon as it is found: one that forks and ends leaves little time.
async fn signal_all(ours: &Ownership, run: RunId, signals: &'static [Signal]) -> Result<usize> {
    let (owner, sessions, user) = (ours.owner.clone(), ours.sessions.of(run), ours.uids.of(run));
    let plausible = ours.uids.plausible(run);
    blocking(move || {
        let mut found = 0;
        each_process(|pid, process| {
            let is_theirs = user.is_some_and(|user| is_alive_as(user, process));
            let is_marked = || run_of(process, &owner) == Some(run) || is_in(&sessions, pid);
            if is_theirs || (is_marked() && plausible(process)) {
                found += 1;
                for signal in signals {
                    // Gone already is as good.
                    let _ = kill_process(pid, *signal);
                }
            }
        });
        found
    })
    .await
}

/// Asks every process of the run to end, and waits `grace` for it.
pub(crate) async fn terminate(
    clock: &dyn Clock,
    ours: &Ownership,
    run: RunId,
    grace: Duration,
) -> Result<()> {
    if signal_all(ours, run, &[Signal::TERM, Signal::CONT]).await? == 0 {
        return Ok(());
    }
    let mut waited = Duration::ZERO;
    while waited < grace {
        clock.sleep(POLL_INTERVAL).await;
        waited += POLL_INTERVAL;
        if signal_all(ours, run, &[]).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Kills every process of the run, and looks until none is left. Stops them first: one that forks
/// faster than we kill would get away otherwise.
pub(crate) async fn kill(clock: &dyn Clock, ours: &Ownership, run: RunId) -> Result<()> {
    let mut quiet = 0;
    for _ in 0..GONE_WITHIN {
        if signal_all(ours, run, &[Signal::STOP, Signal::KILL]).await? > 0 {
            quiet = 0;
            clock.sleep(POLL_INTERVAL).await;
            continue;
        }
        quiet += 1;
        if quiet == QUIET {
            ours.sessions.forget(run);
            return Ok(());
        }
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
