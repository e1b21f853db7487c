//! Users that a service which is root gives its runs, one to each.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ccc_core::{Error, ErrorKind, Result, RunId};

/// Numbers that no user of the host is likely to have, next to that of our images.
const USERS: RangeInclusive<u32> = 10_002..=10_999;

/// Which run has which user. What finds all of a run's processes, whatever they did to hide: no process gets
/// away from its user without privileges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users(Arc<Mutex<HashMap<RunId, Claim>>>);

/// A user that nobody else on this machine takes meanwhile.
#[derive(Debug)]
struct Claim {
    uid: u32,
    /// A name of the kernel's that one process can have at a time, and loses when it ends.
    _name: UnixListener,
}

impl Claim {
    fn of(uid: u32) -> Option<Self> {
        let name = SocketAddr::from_abstract_name(format!("ccc-user-{uid}")).ok()?;
        UnixListener::bind_addr(&name).ok().map(|name| Self { uid, _name: name })
    }
}

impl Users {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run's user, a new one where it has none.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when all are taken.
    pub(crate) fn claim(&self, run: RunId) -> Result<u32> {
        let mut claims = self.lock();
        if let Some(claim) = claims.get(&run) {
            return Ok(claim.uid);
        }
        // What somebody left behind who lost the name must not be taken for ours.
        let alive = users_alive();
        let free = USERS.filter(|uid| !alive.contains(uid));
        let claim = free.into_iter().find_map(Claim::of).ok_or_else(|| {
            let line = "every user that a run could have is taken: are there processes of the users 10002 to 10999?";
            Error::new(ErrorKind::Unavailable, line)
        })?;
        let uid = claim.uid;
        claims.insert(run, claim);
        Ok(uid)
    }

    /// The user of a run that an earlier service began, as its directory's owner says, and nobody else has by now.
    pub(crate) fn recall(&self, run: RunId, directory: &Path) {
        use std::os::unix::fs::MetadataExt;
        let mut claims = self.lock();
        let owner = std::fs::symlink_metadata(directory).map(|found| found.uid());
        if let (false, Ok(uid)) = (claims.contains_key(&run), owner)
            && USERS.contains(&uid)
            && let Some(claim) = Claim::of(uid)
        {
            claims.insert(run, claim);
        }
    }

    pub(crate) fn of(&self, run: RunId) -> Option<u32> {
        self.lock().get(&run).map(|claim| claim.uid)
    }

    pub(crate) fn forget(&self, run: RunId) {
        self.lock().remove(&run);
    }
}

/// Whether the process, a directory of `/proc`, is alive and this user's.
pub(crate) fn is_of(uid: u32, process: &Path) -> bool {
    user_of(process) == Some(uid)
}

/// The user of a process that is alive. Read from its status: who owns the directory is another matter.
fn user_of(process: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(process.join("status")).ok()?;
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
    let alive = !field("State:")?.trim_start().starts_with(['Z', 'X']);
    let uid = field("Uid:")?.split_whitespace().next()?.parse().ok()?;
    alive.then_some(uid)
}

/// The users of all processes that are alive.
fn users_alive() -> HashSet<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| user_of(&entry.path())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use ccc_core::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn no_two_runs_have_the_same_user_whoever_asks() {
        // spec: X4d
        let run = || RunId::new(SystemClock.now()).unwrap();
        let (ours, theirs) = (Users::default(), Users::default());
        let (one, two) = (run(), run());
        let uids = [ours.claim(one).unwrap(), ours.claim(two).unwrap(), theirs.claim(two).unwrap()];
        assert_eq!(ours.claim(one).unwrap(), uids[0]);
        assert!(uids[0] != uids[1] && uids[1] != uids[2] && uids[0] != uids[2], "{uids:?}");
        ours.forget(one);
        assert_eq!(ours.of(one), None);
        assert!(Claim::of(uids[0]).is_some() && Claim::of(uids[1]).is_none());
    }

    #[test]
    fn a_process_is_of_its_user_while_it_lives() {
        let here = rustix::process::getuid().as_raw();
        assert!(is_of(here, Path::new("/proc/self")));
        assert!(!is_of(here + 1, Path::new("/proc/self")));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = format!("/proc/{}", child.id());
        // Dead, and not yet buried.
        assert!((0..100_000).any(|_| !is_of(here, Path::new(&process))));
        assert!(Path::new(&process).exists());
        child.wait().unwrap();
    }
}
