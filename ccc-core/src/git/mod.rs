//! Git on the host machine: the trust boundary to the agent (spec: X5, X6, X9).
//!
//! The agent gets only files. Git on the host machine opens only git directories that [`HostGit`]
//! created outside the workspace. The `.git` in the workspace is a disposable copy that the agent
//! can change in any way; [`HostGit`] deletes this copy without reading it. Therefore no file that
//! an agent writes can choose a program that git on the host machine executes, or the URL that git
//! pushes to.
//!
//! ```text
//! <root>/lock                      lock file: locked while a process uses <root>
//! <root>/mirrors/<host>/<id>.git   bare repository with the default branch, for all runs
//! <root>/runs/<run>/git            git directory of a run; uses the mirror's objects
//! <root>/runs/<run>/workspace      the files that the agent edits
//! <root>/patches/<run>.patch       changes of a run that could not be published
//! ```

mod accounts;
mod acl;
mod add;
mod alias_check;
mod aliases;
mod ancestors;
mod attributes;
mod attributes_line;
mod blobs;
mod blocking;
mod branch_conflict;
mod cancellable;
mod ceiling;
mod changes;
mod checkout_size;
mod collect;
mod command;
mod commit;
mod commit_message;
mod contents;
mod conversion;
mod converted_size;
mod diff_index;
mod failure;
mod filtered;
mod finding;
mod git_dir;
mod index;
mod inspect;
mod limits;
mod listing;
mod mirror;
mod names;
mod nul_records;
mod own_dir;
mod proxy_secrets;
mod push;
mod resolve;
mod settings;
mod shell_word;
mod sorted;
mod submodules;
mod suspects;
mod symlink;
mod version;
mod walk;
mod workspace;

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, openat};

use blocking::{spawn_blocking, unusable};
use own_dir::{OwnDir, check_owner};

use crate::container::Resources;
use crate::{Error, ErrorKind, Result, RunId, Secret};

pub(crate) use cancellable::cancellable;
pub use changes::{Change, ChangeKind, ChangeSet, Refusal};
pub use collect::Collected;
pub use commit_message::CommitInfo;
pub use limits::GitLimits;
pub use push::PushError;
pub use version::MIN_GIT;
pub use workspace::Workspace;

/// The proxy and the certificates for connections to remotes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Transport {
    /// The URL of the proxy for every connection to a remote: `http://[USER:PASSWORD@]HOST:PORT`.
    /// If `None`, the environment variables `https_proxy`, `HTTPS_PROXY`, `no_proxy` and `NO_PROXY`
    /// of this process apply.
    pub proxy: Option<Secret>,
    /// The path of a PEM file with the certificates of the trusted certificate authorities. If
    /// `None`, the environment variables `GIT_SSL_CAINFO` and `SSL_CERT_FILE` of this process, or
    /// the certificates of the system, apply.
    pub ca_file: Option<PathBuf>,
}

/// Git operations on the host machine, in one data directory that only this process uses.
#[derive(Debug)]
pub struct HostGit {
    root: Arc<OwnDir>,
    /// One lock for each mirror, by the path of the mirror. The lock allows one fetch at a time. It
    /// is the only lock at which concurrent runs of one repository wait for each other.
    fetching: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
    transport: Transport,
    limits: GitLimits,
    _lock: File,
}

/// The paths of the directories of one run.
#[derive(Clone, Debug)]
pub(crate) struct RunPaths {
    pub(crate) root: PathBuf,
    pub(crate) git_dir: PathBuf,
    pub(crate) workspace: PathBuf,
}

/// Number of attempts to lock the data directory.
const LOCK_TRIES: u32 = 20;

/// Locks `lock`. Tries again for up to a tenth of a second, because a lock that this process has
/// just released can still be held. The reason is a process that another thread starts: it has a
/// copy of all descriptors until it executes its program.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            result => return result,
        }
    }
    lock.try_lock()
}

impl HostGit {
    /// Opens the data directory `root` and locks it for this process. Creates `root` with mode 0700
    /// if `root` does not exist. Blocks the calling thread: on the disk, and up to a tenth of a
    /// second if another process or another `HostGit` has locked `root`.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if another process or another `HostGit` of this process has
    /// locked `root`, [`ErrorKind::Unavailable`] if `root` cannot be created or written.
    /// [`ErrorKind::Refused`] if `root` is a symlink, belongs to another user or is accessible to
    /// other users, or if other users could replace it. An empty directory of the user of this
    /// process is not refused; its mode becomes 0700.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = OwnDir::open_root(&root.into())?;
        for sub in ["mirrors", "runs", "patches"] {
            root.create(sub)?;
        }
        let path = root.path().join("lock");
        // Only this user may open the file: another user could lock the file and so prevent this
        // process from starting.
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let lock = openat(root.descriptor(), "lock", flags, mode)
            .and_then(|lock| rustix::fs::fchmod(&lock, mode).map(|()| lock))
            .map_err(|e| unusable(&path, &e.into()))?;
        check_owner(&rustix::fs::fstat(&lock).map_err(|e| unusable(&path, &e.into()))?, &path)?;
        let lock = File::from(lock);
        try_lock(&lock).map_err(|error| match error {
            TryLockError::Error(error) => unusable(root.path(), &error),
            TryLockError::WouldBlock => Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "the data directory {} is in use by another process, or by another service in this \
                     process: stop the other process or service, or choose another data directory",
                    root.path().display()
                ),
            ),
        })?;
        Ok(Self {
            root: Arc::new(root),
            fetching: Mutex::default(),
            transport: Transport::default(),
            limits: GitLimits::default(),
            _lock: lock,
        })
    }

    /// Sets the proxy and the certificates for connections to remotes.
    #[must_use]
    pub fn with_transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Sets the limits of git processes and of checkouts.
    #[must_use]
    pub fn with_limits(mut self, limits: GitLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Limits checkouts to those that fit into a workspace with the limits `resources`.
    #[must_use]
    pub(crate) fn within(mut self, resources: &Resources) -> Self {
        self.limits = self.limits.within(resources);
        self
    }

    /// Returns the absolute path of the data directory, which [`open`](Self::open) locked.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Returns the runs that have files in the data directory. After a crash, the caller passes
    /// these runs to [`remove`](Self::remove).
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the data directory cannot be read.
    pub async fn runs(&self) -> Result<Vec<RunId>> {
        let runs = self.root().join("runs");
        spawn_blocking(move || {
            let entries = fs::read_dir(&runs).map_err(|e| unusable(&runs, &e))?;
            Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
        })
        .await
    }

    /// Returns the path for a patch file with the changes of `run`. The caller writes the file if
    /// the changes cannot be published.
    #[must_use]
    pub fn patch_path(&self, run: RunId) -> PathBuf {
        self.root().join("patches").join(format!("{run}.patch"))
    }

    pub(crate) fn paths(&self, run: RunId) -> RunPaths {
        let root = self.root().join("runs").join(run.to_string());
        RunPaths { git_dir: root.join("git"), workspace: root.join("workspace"), root }
    }

    fn fetching(&self, mirror: &Path) -> Arc<tokio::sync::Mutex<()>> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(fetching.entry(mirror.to_owned()).or_default())
    }
}
