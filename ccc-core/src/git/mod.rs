//! Host-side git: the trust boundary (spec: X5, X6, X9).
//!
//! The agent gets files. Our git directories lie outside the workspace, are made by us, and are the
//! only ones that host git ever opens; the `.git` in the workspace is a throw-away copy that the
//! agent may ruin, and is deleted unread. So nothing that an agent writes can name a program that
//! host git runs, nor the place that host git pushes to.
//!
//! ```text
//! <root>/lock                      held while this process lives
//! <root>/mirrors/<host>/<id>.git   bare mirror of a repository's branches
//! <root>/runs/<run>/git            the run's own git directory; borrows the mirror's objects
//! <root>/runs/<run>/workspace      the files; what the container sees
//! <root>/patches/<run>.patch       work that could not be published
//! ```

mod add;
mod changes;
mod collect;
mod command;
mod commit;
mod commit_message;
mod diff_index;
mod failure;
mod inspect;
mod mirror;
mod push;
mod symlink;
mod version;
mod workspace;

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::private_dir::create_private_dir;
use crate::{Error, ErrorKind, Result, RunId, Secret};

pub use changes::{Change, ChangeKind, ChangeSet, Refusal};
pub use collect::Collected;
pub use commit_message::CommitInfo;
pub use push::PushError;
pub use version::MIN_GIT;
pub use workspace::Workspace;

/// What stands between host-side git and its remotes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Transport {
    /// `http://[USER:PASSWORD@]HOST:PORT`, which every transfer goes through. Without it, what the
    /// environment names.
    pub proxy: Option<Secret>,
    /// The file with the certificates, PEM, of the authorities that are trusted. Without it, the
    /// system's.
    pub ca_file: Option<PathBuf>,
}

/// Host-side git over one directory that belongs to this process alone.
#[derive(Debug)]
pub struct HostGit {
    root: PathBuf,
    /// One fetch at a time per mirror; runs of one repository wait for each other here only.
    fetching: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
    transport: Transport,
    _lock: File,
}

/// Where the things of one run are.
#[derive(Clone, Debug)]
pub(crate) struct RunPaths {
    pub(crate) root: PathBuf,
    pub(crate) git_dir: PathBuf,
    pub(crate) workspace: PathBuf,
}

impl HostGit {
    /// Takes `root` for this process; makes it, with mode 0700, when it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when another process holds it,
    /// [`ErrorKind::Unavailable`] when it cannot be made or written.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        for sub in ["", "mirrors", "runs", "patches"] {
            private_dir(&root.join(sub))?;
        }
        // Alternates and environment variables take absolute paths only.
        let root = fs::canonicalize(&root).map_err(|e| unusable(&root, &e))?;
        // Nobody else's to open: who holds it keeps us from starting.
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(root.join("lock")).map_err(|e| unusable(&root, &e))?;
        lock.set_permissions(Permissions::from_mode(0o600)).map_err(|e| unusable(&root, &e))?;
        lock.try_lock().map_err(|_| {
            Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "another process uses the data directory {}: stop it, or choose another one",
                    root.display()
                ),
            )
        })?;
        let transport = Transport::default();
        Ok(Self { root, fetching: Mutex::default(), transport, _lock: lock })
    }

    /// Goes this way to its remotes.
    #[must_use]
    pub fn with_transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// The directory that it works in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The runs that still have a directory here, for the sweep after a crash.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the directory cannot be read.
    pub fn runs(&self) -> Result<Vec<RunId>> {
        let runs = self.root.join("runs");
        let entries = fs::read_dir(&runs).map_err(|e| unusable(&runs, &e))?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
    }

    /// Where the work of a run is kept when it cannot be published.
    #[must_use]
    pub fn patch_path(&self, run: RunId) -> PathBuf {
        self.root.join("patches").join(format!("{run}.patch"))
    }

    pub(crate) fn paths(&self, run: RunId) -> RunPaths {
        let root = self.root.join("runs").join(run.to_string());
        RunPaths { git_dir: root.join("git"), workspace: root.join("workspace"), root }
    }

    fn fetching(&self, mirror: &Path) -> Arc<tokio::sync::Mutex<()>> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(fetching.entry(mirror.to_owned()).or_default())
    }
}

fn private_dir(path: &Path) -> Result<()> {
    create_private_dir(path).map_err(|e| unusable(path, &e))
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("cannot use {}: {error}", path.display()))
}
