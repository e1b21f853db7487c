//! The sessions (setsid(2)) in which the runner starts the programs of runs.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ccc_core::RunId;
use rustix::process::Pid;

use crate::lock::lock;
use crate::runner::subprocess::proc_status::threads;

/// The sessions of each run. A process that replaces its environment loses the variables that mark
/// its run. Such a process is still found if it is in the session of a program that the runner
/// started.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessSessions(Arc<Mutex<HashMap<RunId, Vec<Session>>>>);

/// A session, identified by its leader: a program that the runner started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    leader: Pid,
    started: u64,
}

impl Session {
    /// Returns the PID of the leader, which is also the ID of the session.
    pub(crate) fn leader(self) -> i32 {
        self.leader.as_raw_nonzero().get()
    }

    /// Returns the start time of the leader, in clock ticks since the system was booted.
    pub(crate) fn started(self) -> u64 {
        self.started
    }
}

impl ProcessSessions {
    /// Records the session of the process `child` of `run`. The process leads this session, or will
    /// lead it after its call of setsid(2). Returns the session, or `None` if the process has ended
    /// and was reaped.
    pub(crate) fn add(&self, run: RunId, child: Option<u32>) -> Option<Session> {
        let leader = child.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?))?;
        let session = Session { leader, started: Stat::of(leader)?.started };
        lock(&self.0).entry(run).or_default().push(session);
        Some(session)
    }

    pub(crate) fn of(&self, run: RunId) -> Vec<Session> {
        lock(&self.0).get(&run).cloned().unwrap_or_default()
    }

    pub(crate) fn forget(&self, run: RunId) {
        lock(&self.0).remove(&run);
    }
}

/// Returns whether `process` is alive and belongs to one of `sessions`.
pub(crate) fn is_in(sessions: &[Session], process: Pid) -> bool {
    let Some(stat) = Stat::of(process).filter(|stat| stat.alive && !sessions.is_empty()) else {
        return false;
    };
    // The kernel does not reuse the PID of a leader while its session has a member. If another
    // process has the PID now, the recorded session has ended.
    sessions.iter().any(|session| {
        stat.session == session.leader.as_raw_nonzero().get()
            && Stat::of(session.leader).is_none_or(|leader| leader.started == session.started)
    })
}

/// The fields of `/proc/<pid>/stat` that this module needs.
struct Stat {
    alive: bool,
    session: i32,
    started: u64,
}

impl Stat {
    fn of(pid: Pid) -> Option<Self> {
        let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
        let mut stat = Self::at(&process)?;
        // A process whose first thread has ended looks dead, but continues in its other threads.
        stat.alive = stat.alive
            || threads(&process).any(|thread| Self::at(&thread).is_some_and(|stat| stat.alive));
        Some(stat)
    }

    fn at(task: &Path) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&fs::read(task.join("stat")).ok()?))
    }

    /// Parses fields 3, 6 and 22 of proc_pid_stat(5). Field 2 is the name of the process in
    /// parentheses. The name can contain any text, so parsing begins after the last `) `.
    fn parse(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let alive = !matches!(fields.next()?, "Z" | "X");
        let session = fields.nth(2)?.parse().ok()?;
        let started = fields.nth(15)?.parse().ok()?;
        Some(Self { alive, session, started })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_contains_state_session_and_start_time() {
        let line = "7 (a) b (c) S 1 2 33 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1900 20\n";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.alive, stat.session, stat.started), (true, 33, 1900));
        assert!(!Stat::parse(&line.replace(" S ", " Z ")).unwrap().alive);
        assert!(Stat::parse("7 (a").is_none());
    }
}
