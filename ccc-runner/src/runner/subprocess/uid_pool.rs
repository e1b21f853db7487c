//! Dedicated UIDs for the runs of a service that runs as root.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::{fs, io};

use ccc_core::private_dir::create_private_dir;
use ccc_core::{Error, ErrorKind, Result, RunId};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, fstat, openat};
use rustix::io::Errno;

use crate::lock::lock;
use crate::runner::subprocess::proc_status::{uid_of, uids_in_use};

/// The range of the UIDs for runs. A user of the host machine is unlikely to have one of these
/// UIDs.
const UIDS: RangeInclusive<u32> = 10_002..=10_999;

/// The UIDs that are assigned to runs. A run's UID identifies all processes of the run, because a
/// process cannot change its UID without privileges.
#[derive(Clone, Debug, Default)]
pub(crate) struct UidPool(Arc<Mutex<HashMap<RunId, UidLock>>>);

/// A locked UID. No other service on this host machine can assign this UID to a run at the same
/// time.
#[derive(Debug)]
struct UidLock {
    uid: u32,
    /// The locked file. The kernel releases the lock when this process ends.
    file: OwnedFd,
}

/// The directory of the lock files, which prevent two services from using the same UID. Only root
/// can write to this directory.
const LOCK_DIR: &str = "/run/ccc-users";

impl UidLock {
    /// Locks `uid`. Returns `None` if another service has locked it.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the directory of the lock files cannot be used, or if another
    /// user has access to this directory.
    fn acquire(uid: u32) -> Result<Option<Self>> {
        let failed = |e: io::Error| {
            let line = format!(
                "cannot lock a UID for the run: the directory of the lock files, {LOCK_DIR}, must belong to root and have the mode 0700"
            );
            Error::new(ErrorKind::Unavailable, line).with_source(e)
        };
        let acquire = || -> io::Result<Option<Self>> {
            create_private_dir(Path::new(LOCK_DIR))?;
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let place = openat(CWD, LOCK_DIR, flags, Mode::empty())?;
            let found = fstat(&place)?;
            if found.st_uid != rustix::process::geteuid().as_raw() || found.st_mode & 0o077 != 0 {
                return Err(io::Error::other("other users have access to the directory"));
            }
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = openat(&place, uid.to_string(), flags, Mode::RUSR | Mode::WUSR)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(Some(Self { uid, file })),
                Err(Errno::WOULDBLOCK) => Ok(None),
                Err(e) => Err(e.into()),
            }
        };
        acquire().map_err(failed)
    }
}

impl UidPool {
    /// Returns the UID of `run`. Assigns a free UID if the run has none.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if no UID is free, or if the directory of the lock files cannot
    /// be used.
    pub(crate) fn acquire(&self, run: RunId) -> Result<u32> {
        let mut locks = lock(&self.0);
        if let Some(lock) = locks.get(&run) {
            return Ok(lock.uid);
        }
        // Processes that an earlier service left behind must not count as processes of this run.
        let in_use = uids_in_use();
        // Start at a random UID, so that the UID released last is seldom assigned again: the run
        // that had it may have left files in shared directories.
        let mut users: Vec<u32> = UIDS.collect();
        let first = RandomState::new().hash_one(run) % users.len() as u64;
        users.rotate_left(usize::try_from(first).unwrap_or(0));
        for uid in users {
            if in_use.contains(&uid) {
                continue;
            }
            if let Some(lock) = UidLock::acquire(uid)? {
                locks.insert(run, lock);
                return Ok(uid);
            }
        }
        let line = "no UID from 10002 to 10999 is free for the run: end leftover processes with these UIDs";
        Err(Error::new(ErrorKind::Unavailable, line))
    }

    /// Restores the UID of `run` after a restart of the service. The UID is the owner of
    /// `directory`, the run's directory. Does nothing if another service now uses this UID.
    ///
    /// # Errors
    /// The errors of [`acquire`](Self::acquire).
    pub(crate) fn restore(&self, run: RunId, directory: &Path) -> Result<()> {
        let mut locks = lock(&self.0);
        let owner = fs::symlink_metadata(directory).map(|found| found.uid());
        if let (false, Ok(uid)) = (locks.contains_key(&run), owner)
            && UIDS.contains(&uid)
            && let Some(lock) = UidLock::acquire(uid)?
        {
            locks.insert(run, lock);
        }
        Ok(())
    }

    pub(crate) fn of(&self, run: RunId) -> Option<u32> {
        lock(&self.0).get(&run).map(|lock| lock.uid)
    }

    /// Returns another descriptor of the lock file of the run's UID. The UID stays locked until all
    /// descriptors are closed.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the run has no UID, or if no descriptor is free.
    pub(crate) fn lock_of(&self, run: RunId) -> Result<OwnedFd> {
        let locks = lock(&self.0);
        let held = locks.get(&run).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        held.and_then(|lock| lock.file.try_clone()).map_err(|e| {
            let line = "cannot open the lock of the run's UID again";
            Error::new(ErrorKind::Unavailable, line).with_source(e)
        })
    }

    /// Returns a function that checks from the UID of a process whether the process can belong to
    /// `run`. The environment variables of a process prove nothing, because any process can set
    /// them. The UID must be the run's UID, or the UID of this service: a new process has the
    /// service's UID at first. If the run's UID is unknown, the function accepts every UID that no
    /// other run has.
    pub(crate) fn plausible(&self, run: RunId) -> impl Fn(&Path) -> bool + Send + use<> {
        let ours = rustix::process::geteuid().as_raw();
        let locks = lock(&self.0);
        let user = locks.get(&run).map(|lock| lock.uid);
        let others: HashSet<u32> = locks.values().map(|lock| lock.uid).collect();
        move |process| {
            uid_of(process).is_some_and(|uid| match user {
                Some(user) => uid == user || uid == ours,
                None => !others.contains(&uid),
            })
        }
    }

    pub(crate) fn forget(&self, run: RunId) {
        lock(&self.0).remove(&run);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use ccc_core::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn no_two_runs_have_the_same_uid() {
        // spec: X4d
        let root = rustix::process::geteuid().is_root();
        if !ccc_core::testing::has_part("root", root, "run this as root") {
            return;
        }
        let run = || RunId::new(SystemClock.now()).unwrap();
        let (ours, theirs) = (UidPool::default(), UidPool::default());
        let (one, two) = (run(), run());
        let uids =
            [ours.acquire(one).unwrap(), ours.acquire(two).unwrap(), theirs.acquire(two).unwrap()];
        assert_eq!(ours.acquire(one).unwrap(), uids[0]);
        assert!(uids[0] != uids[1] && uids[1] != uids[2] && uids[0] != uids[2], "{uids:?}");
        ours.forget(one);
        assert_eq!(ours.of(one), None);
        // A process that another test is about to start also has the lock, until it executes its
        // program.
        assert!((0..100_000).any(|_| UidLock::acquire(uids[0]).unwrap().is_some()));
        assert!(UidLock::acquire(uids[1]).unwrap().is_none());
    }
}
