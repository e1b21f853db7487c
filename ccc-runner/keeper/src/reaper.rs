//! Reaping of orphaned processes (collecting their exit statuses), which is the task of a
//! container's first process.

use std::collections::HashSet;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, waitpid};
use tokio::signal::unix::Signal;

/// The delay between the end of a child process and the scan of `/proc`. With the delay, one scan
/// can reap several processes.
const REAP_DELAY: Duration = Duration::from_millis(20);

/// The PIDs of the child processes that the keeper started itself. [`reap`] skips these processes,
/// because the tasks that started them collect their exit statuses.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnChildren(Arc<Mutex<HashSet<u32>>>);

/// The registration of a child process in [`OwnChildren`]. The registration ends when this guard is
/// dropped.
pub(crate) struct ChildGuard(OwnChildren, Option<u32>);

impl OwnChildren {
    /// Registers the child process `pid` until the returned guard is dropped. The caller must call
    /// this method directly after the start of the child. If an `.await` is in between, [`reap`]
    /// can collect the child's exit status first.
    pub(crate) fn add(&self, pid: Option<u32>) -> ChildGuard {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        own.extend(pid);
        ChildGuard(self.clone(), pid)
    }

    fn has(&self, pid: u32) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&pid)
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        if let Some(pid) = self.1 {
            self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
        }
    }
}

/// Reaps all ended processes whose parent has also ended, each time the signal `ended` (SIGCHLD)
/// arrives. Skips the processes in `own`.
pub(crate) async fn reap(mut ended: Signal, own: OwnChildren) {
    while ended.recv().await.is_some() {
        tokio::time::sleep(REAP_DELAY).await;
        for (pid, process) in processes() {
            if process.is_dead && process.parent == 1 && !own.has(pid) {
                let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                let _ = waitpid(pid, WaitOptions::NOHANG);
            }
        }
    }
}

/// The fields of `/proc/PID/stat` that the keeper reads (proc_pid_stat(5)).
pub(crate) struct Process {
    pub(crate) is_dead: bool,
    pub(crate) parent: u32,
}

/// Returns the PID and the state of every process in `/proc`.
pub(crate) fn processes() -> impl Iterator<Item = (u32, Process)> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read(entry.path().join("stat")).ok()?;
        Some((pid, parse(&String::from_utf8_lossy(&stat))?))
    })
}

/// Parses `stat`, the content of `/proc/PID/stat`. The second field is a name in parentheses that
/// can contain any character, so parsing starts after the last `) `.
fn parse(stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let is_dead = matches!(fields.next()?, "Z" | "X");
    Some(Process { is_dead, parent: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::*;

    #[test]
    fn a_stat_line_is_parsed_whatever_the_name_of_the_process() {
        for (line, dead, parent) in [
            ("7 (a) b (c) S 12 7 7 0", false, 12),
            ("7 (sh) Z 1 7 7 0", true, 1),
            ("7 () Z 9 (x) R 3 7 7 0", false, 3),
        ] {
            let process = parse(line).unwrap();
            assert_eq!((process.is_dead, process.parent), (dead, parent), "{line}");
        }
        assert!(parse("").is_none() && parse("7 (a) S").is_none());
    }
}
