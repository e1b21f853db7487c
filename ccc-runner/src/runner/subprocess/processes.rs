//! Finding and terminating every process of a run, including processes that try to hide.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use ccc_core::{Clock, Error, ErrorKind, Result, RunId};
use rustix::process::{Pid, Signal, kill_process};

use crate::runner::subprocess::proc_status::{is_alive_as, threads};
use crate::runner::subprocess::process_sessions::{ProcessSessions, is_in};
use crate::runner::subprocess::uid_pool::UidPool;

/// The environment variable that marks every process of a run. A child process inherits the
/// variable through fork and exec, even if the child leaves its session and process group. The mark
/// therefore identifies processes that a signal to the process group would miss.
pub(crate) const RUN_MARK: &str = "CCC_RUN";
/// The environment variable that names the installation to which a process belongs, so that an
/// installation does not kill the processes of another installation.
pub(crate) const OWNER_MARK: &str = "CCC_OWNER";

/// The environment variable that marks the guard of a run. A guard has this variable instead of
/// [`RUN_MARK`], because it does not belong to the processes that end with the run.
pub(crate) const GUARD_MARK: &str = "CCC_GUARD";

const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Maximum number of attempts to kill the processes of a run.
const MAX_KILL_ATTEMPTS: u32 = 1_000;

/// The number of consecutive scans of `/proc` that must find no process of a run before the run
/// counts as ended.
const QUIET_SCANS: u32 = 2;
/// Maximum number of passes of one scan of `/proc`. After a pass that found a new process, the scan
/// makes another pass.
const MAX_PASSES: u32 = 100;
/// Maximum number of attempts to read the environment of a process. A new attempt follows only if
/// the result is empty.
const MAX_READS: u32 = 20;
/// Delay after each read that returned an empty environment.
const READ_AGAIN: Duration = Duration::from_micros(100);

/// The data by which an installation recognizes the processes of its runs.
#[derive(Clone, Debug)]
pub(crate) struct Ownership {
    /// The path of the state directory. It identifies this installation, because each installation
    /// on the host machine has a different state directory.
    pub(crate) state_dir: String,
    /// The process sessions of runs. They show that a process belongs to a run, even if the
    /// environment of the process lacks [`RUN_MARK`].
    pub(crate) sessions: ProcessSessions,
    /// The dedicated UIDs of runs. A dedicated UID identifies every process of its run.
    pub(crate) uids: UidPool,
}

/// Calls `seen` with the PID and the `/proc` directory of every process, as soon as the process is
/// found.
fn each_process(mut seen: impl FnMut(Pid, &Path)) {
    let mut known = HashSet::new();
    // A process that ended during a pass may have left a child that the pass did not see. Repeat
    // until a pass finds no new process.
    for _ in 0..MAX_PASSES {
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

/// Reads the environment of `process`, a directory of `/proc`, and returns the run that the variable
/// `name` of the environment names. Returns `None` if the environment does not contain `state_dir`: the process
/// then belongs to no run of this installation. Also returns `None` if the environment cannot be
/// read: the process is then a zombie, or its user is neither the service's user nor a run's user.
fn run_of(process: &Path, state_dir: &str, name: &str) -> Option<RunId> {
    let mark = format!("{OWNER_MARK}={state_dir}");
    let environment =
        environment(process).ok().filter(|found| !found.is_empty()).or_else(|| {
            // If the first thread has ended, the other threads have the environment.
            let others =
                threads(process).filter_map(|thread| fs::read(thread.join("environ")).ok());
            others.into_iter().find(|found| !found.is_empty())
        })?;
    let mut variables = environment.split(|byte| *byte == 0);
    if !variables.clone().any(|variable| variable == mark.as_bytes()) {
        return None;
    }
    variables.find_map(|variable| {
        let value = variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()?.parse().ok()
    })
}

/// Reads the environment of `process`. During exec, the kernel shows an empty environment for some
/// microseconds. Therefore an empty environment is read again. Otherwise a process that calls exec
/// all the time would not be found.
fn environment(process: &Path) -> std::io::Result<Vec<u8>> {
    for _ in 0..MAX_READS {
        let environment = fs::read(process.join("environ"))?;
        // Kernel threads and zombies have no executable.
        if !environment.is_empty() || fs::read_link(process.join("exe")).is_err() {
            return Ok(environment);
        }
        std::thread::sleep(READ_AGAIN);
    }
    Ok(Vec::new())
}

/// Returns the runs of this installation that have a live process. A run can occur several times.
pub(crate) async fn runs_alive(ours: &Ownership) -> Result<Vec<RunId>> {
    let state_dir = ours.state_dir.clone();
    blocking(move || {
        let mut runs = Vec::new();
        each_process(|_, process| runs.extend(run_of(process, &state_dir, RUN_MARK)));
        runs
    })
    .await
}

/// Sends `signals`, one after the other, to every process of `run`, and returns the number of these
/// processes. Each process is signaled as soon as it is found, because a process that forks and
/// then ends exists only for a short time.
async fn signal_all(ours: &Ownership, run: RunId, signals: &'static [Signal]) -> Result<usize> {
    let (state_dir, sessions, user) =
        (ours.state_dir.clone(), ours.sessions.of(run), ours.uids.of(run));
    let plausible = ours.uids.plausible(run);
    blocking(move || {
        let mut found = 0;
        each_process(|pid, process| {
            let is_theirs = user.is_some_and(|user| is_alive_as(user, process));
            let is_marked =
                || run_of(process, &state_dir, RUN_MARK) == Some(run) || is_in(&sessions, pid);
            if is_theirs || (is_marked() && plausible(process)) {
                found += 1;
                for signal in signals {
                    // The process may have ended already.
                    let _ = kill_process(pid, *signal);
                }
            }
        });
        found
    })
    .await
}

/// Sends SIGTERM to every process of `run`. Then waits until no process is left, but not longer
/// than `grace`.
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

/// Kills every process of `run`, and repeats this until no process is left. Each process receives
/// SIGSTOP before SIGKILL, because processes that fork faster than they are killed would otherwise
/// escape.
///
/// # Errors
/// [`ErrorKind::Unexpected`] if processes of `run` still exist after [`MAX_KILL_ATTEMPTS`].
pub(crate) async fn kill(clock: &dyn Clock, ours: &Ownership, run: RunId) -> Result<()> {
    let mut quiet = 0;
    for _ in 0..MAX_KILL_ATTEMPTS {
        if signal_all(ours, run, &[Signal::STOP, Signal::KILL]).await? > 0 {
            quiet = 0;
            clock.sleep(POLL_INTERVAL).await;
            continue;
        }
        quiet += 1;
        if quiet == QUIET_SCANS {
            ours.sessions.forget(run);
            return Ok(());
        }
    }
    Err(Error::new(
        ErrorKind::Unexpected,
        format!(
            "processes of run {run} still exist after {MAX_KILL_ATTEMPTS} attempts to kill them: find the processes \
             whose environment contains {RUN_MARK}={run}, and end them, or restart the host machine"
        ),
    ))
}

/// Kills the guards of `run` that an earlier service left. Such a guard would kill the processes
/// that this service starts for the same run.
pub(crate) async fn kill_guards(ours: &Ownership, run: RunId) -> Result<()> {
    let state_dir = ours.state_dir.clone();
    let user = rustix::process::geteuid().as_raw();
    blocking(move || {
        each_process(|pid, process| {
            let marked = || run_of(process, &state_dir, GUARD_MARK) == Some(run);
            if is_alive_as(user, process) && marked() {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
    })
    .await
}

/// Executes `work` on a thread for blocking work. File calls can take any time, for example on a
/// disk that does not answer, and must not delay the threads that answer requests.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| {
        Error::new(ErrorKind::Unexpected, "a task for blocking work failed").with_source(e)
    })
}
