//! Users that a service which is root gives its runs, one to each.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use ccc_core::{Error, ErrorKind, Result, RunId};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, fstat, openat};
use rustix::io::Errno;

/// Numbers that no user of the host is likely to have, next to that of our images.
const USERS: RangeInclusive<u32> = 10_002..=10_999;

/// Which run has which user. What finds all of a run's processes, whatever they did to hide: no process gets
/// away from its user without privileges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users(Arc<Mutex<HashMap<RunId, Claim>>>);

/// A user that no other service on this machine takes meanwhile.
#[derive(Debug)]
struct Claim {
    uid: u32,
    /// Locked; the kernel gives it free when this process ends.
    _lock: OwnedFd,
}

/// Where services tell each other which users they have. Not for the runs: a name that they could take, they would.
const PLACE: &str = "/run/ccc-users";

impl Claim {
    /// None when somebody else has it.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when there is no place that is ours alone.
    fn of(uid: u32) -> Result<Option<Self>> {
        let failed = |e: io::Error| {
            let line = format!(
                "cannot keep in {PLACE} which run has which user: make it root's, mode 700"
            );
            Error::new(ErrorKind::Unavailable, line).with_source(e)
        };
        let lock = || -> io::Result<Option<Self>> {
            fs::DirBuilder::new().mode(0o700).recursive(true).create(PLACE)?;
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let place = openat(CWD, PLACE, flags, Mode::empty())?;
            let found = fstat(&place)?;
            if found.st_uid != rustix::process::geteuid().as_raw() || found.st_mode & 0o077 != 0 {
                return Err(io::Error::other("others may write there"));
            }
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let lock = openat(&place, uid.to_string(), flags, Mode::RUSR | Mode::WUSR)?;
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(Some(Self { uid, _lock: lock })),
                Err(Errno::WOULDBLOCK) => Ok(None),
                Err(e) => Err(e.into()),
            }
        };
        lock().map_err(failed)
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
        let there = users_there();
        // Any but the one that was given back last: its run may have left files in places that all share.
        let mut users: Vec<u32> = USERS.collect();
        let first = RandomState::new().hash_one(run) % users.len() as u64;
        users.rotate_left(usize::try_from(first).unwrap_or(0));
        for uid in users {
            if there.contains(&uid) {
                continue;
            }
            if let Some(claim) = Claim::of(uid)? {
                claims.insert(run, claim);
                return Ok(uid);
            }
        }
        let line = "every user that a run could have is taken: are there processes of the users 10002 to 10999?";
        Err(Error::new(ErrorKind::Unavailable, line))
    }

    /// The user of a run that an earlier service began, as its directory's owner says, and nobody else has by now.
    ///
    /// # Errors
    /// As [`claim`](Self::claim): its processes would not be found.
    pub(crate) fn recall(&self, run: RunId, directory: &Path) -> Result<()> {
        let mut claims = self.lock();
        let owner = fs::symlink_metadata(directory).map(|found| found.uid());
        if let (false, Ok(uid)) = (claims.contains_key(&run), owner)
            && USERS.contains(&uid)
            && let Some(claim) = Claim::of(uid)?
        {
            claims.insert(run, claim);
        }
        Ok(())
    }

    pub(crate) fn of(&self, run: RunId) -> Option<u32> {
        self.lock().get(&run).map(|claim| claim.uid)
    }

    /// Who a process may be whose marks say that it is of the run: its user, or ours, as it is until it is given its
    /// own. Where the run has no user that we know of, any that no other run has. Marks alone can be anybody's.
    pub(crate) fn believed(&self, run: RunId) -> impl Fn(&Path) -> bool + Send + use<> {
        let ours = rustix::process::geteuid().as_raw();
        let claims = self.lock();
        let user = claims.get(&run).map(|claim| claim.uid);
        let others: HashSet<u32> = claims.values().map(|claim| claim.uid).collect();
        move |process| {
            user_of(process).is_some_and(|uid| match user {
                Some(user) => uid == user || uid == ours,
                None => !others.contains(&uid),
            })
        }
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
    let (uid, alive) = status(process)?;
    // One whose first thread has ended looks dead, and goes on in the others.
    let alive =
        alive || threads(process).any(|thread| status(&thread).is_some_and(|(_, alive)| alive));
    alive.then_some(uid)
}

/// User and whether it is alive, of a process or thread. Its name is in there too, and may be anything.
fn status(task: &Path) -> Option<(u32, bool)> {
    let text = fs::read(task.join("status")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
    let alive = !field("State:")?.trim_start().starts_with(['Z', 'X']);
    let uid = field("Uid:")?.split_whitespace().next()?.parse().ok()?;
    Some((uid, alive))
}

/// The threads of a process, the first one among them.
pub(crate) fn threads(process: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// The users of all processes, the dead that nobody buries among them: those count for a user's ceiling.
fn users_there() -> HashSet<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(status(&entry.path())?.0)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use ccc_core::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn no_two_runs_have_the_same_user_whoever_asks() {
        // spec: X4d
        let root = rustix::process::geteuid().is_root();
        if !ccc_core::testing::has_part("root", root, "run this as root") {
            return;
        }
        let run = || RunId::new(SystemClock.now()).unwrap();
        let (ours, theirs) = (Users::default(), Users::default());
        let (one, two) = (run(), run());
        let uids = [ours.claim(one).unwrap(), ours.claim(two).unwrap(), theirs.claim(two).unwrap()];
        assert_eq!(ours.claim(one).unwrap(), uids[0]);
        assert!(uids[0] != uids[1] && uids[1] != uids[2] && uids[0] != uids[2], "{uids:?}");
        ours.forget(one);
        assert_eq!(ours.of(one), None);
        // A program that another test is about to start has the lock as well, until it is another program.
        assert!((0..100_000).any(|_| Claim::of(uids[0]).unwrap().is_some()));
        assert!(Claim::of(uids[1]).unwrap().is_none());
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
