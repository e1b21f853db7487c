//! Checkout, reading and removal of a run's files.

use crate::remove_tree::remove_tree;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::HostGit;
use super::blocking::{spawn_blocking, unusable, write_private};
use super::conversion::with_copies;
use crate::vcs::{Access, Repository};
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

/// Number of git processes that write the files of a checkout in parallel. Git starts these
/// processes only for 100 files or more.
const WORKERS: usize = 2;

/// The checked-out files of a run, which the agent edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The absolute path of the directory on the host machine that contains the files.
    pub path: PathBuf,
    /// The commit that was checked out.
    pub base: ObjectId,
}

impl HostGit {
    /// Fetches `repository` into its mirror, and checks out the default branch into the workspace
    /// of `run`.
    ///
    /// The workspace gets a disposable `.git` with one commit, so that `git status`, `git diff` and
    /// `git log` work for the agent. Git on the host machine never reads this `.git`.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`] if the repository does not exist or has no commit on the default
    ///   branch;
    /// - [`ErrorKind::LimitExceeded`] if the files exceed the limits of a workspace, or git reached
    ///   a limit of [`GitLimits`](super::GitLimits);
    /// - [`ErrorKind::Refused`] if another user could have written the mirror;
    /// - [`ErrorKind::Unauthenticated`] or [`ErrorKind::PermissionDenied`] if the VCS host rejects
    ///   the token;
    /// - [`ErrorKind::Unavailable`] if the VCS host does not answer.
    pub async fn checkout(
        &self,
        run: RunId,
        repository: &Repository,
        access: &Access,
    ) -> Result<Workspace> {
        let mirror = self.mirror_path(&repository.repo).await?;
        let paths = self.paths(run);
        let prepared = async {
            let (root, name) = (Arc::clone(&self.root), run.to_string());
            let of_run = spawn_blocking(move || root.create("runs")?.create(&name)).await?;
            // Remove the files of an earlier, interrupted checkout of this run.
            remove_tree(paths.git_dir.clone()).await?;
            remove_tree(paths.workspace.clone()).await?;
            spawn_blocking(move || of_run.create("workspace").map(drop)).await?;
            self.init_with_alternates(&paths.git_dir, &mirror).await?;
            self.init_disposable(&paths.workspace, &repository.default_branch).await
        };
        // Prepare the directories while the fetch waits for the host.
        let (fetched, prepared) =
            tokio::join!(self.fetch(run, repository, access, &mirror), prepared);
        let base = fetched?;
        prepared?;
        // Before anything of the repository is written, because the checkout can be much larger
        // than the fetched objects.
        let bytes = self.check_checkout_size(&mirror, &base).await?;
        let attributes = self.base_attributes(run, &base).await?;
        self.check_converted_size(run, &base, &attributes, bytes).await?;
        write_private(&paths.workspace.join(".git/info/attributes"), attributes.clone()).await?;
        let attributes = with_copies(run, &attributes);
        write_private(&paths.git_dir.join("info/attributes"), attributes).await?;
        // In parallel, because writing files and reading objects wait for different resources.
        tokio::try_join!(
            self.unpack(&paths.git_dir, &paths.workspace, &base),
            self.fill_disposable(&mirror, &paths.git_dir, &paths.workspace, &base)
        )?;
        // The run's index matches the files in the workspace and their times. With a copy of this
        // index, the agent's first `git status` does not read the whole tree again.
        let index = paths.workspace.join(".git/index");
        tokio::fs::copy(paths.git_dir.join("index"), &index)
            .await
            .map_err(|e| unusable(&index, &e))?;
        Ok(Workspace { path: paths.workspace, base })
    }

    /// Returns the contents of the file at `path` in the commit `base`, or `None` if the commit has
    /// no regular file at `path`. Reads the commit from the git directory of `run`.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] if the file is larger than `max_bytes`.
    pub async fn file(
        &self,
        run: RunId,
        base: &ObjectId,
        path: &str,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>> {
        let git_dir = self.paths(run).git_dir;
        let listed = self
            .git("ls-tree")
            .dir(&git_dir)
            .args(["-l", "-z", base.as_str(), "--", path])
            .run()
            .await?;
        // `<mode> <kind> <object> <size>TAB<path>NUL`
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let fields: Vec<&str> =
            listed.split(['\t', ' ']).filter(|field| !field.is_empty()).collect();
        let ["100644" | "100755", "blob", object, size, ..] = fields[..] else {
            return Ok(None);
        };
        if size.parse::<u64>().map_or(true, |size| size > max_bytes) {
            let line = format!("the file {path} has {size} bytes; the limit is {max_bytes} bytes");
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        self.git("cat-file").dir(&git_dir).args(["blob", object]).run().await.map(Some)
    }

    /// Creates the git directory of a run. Git reads the objects of `mirror` through the alternates
    /// file of this directory, so that no object is copied.
    async fn init_with_alternates(&self, git_dir: &Path, mirror: &Path) -> Result<()> {
        self.git("init").args(["--quiet", "--bare", "--template="]).arg(git_dir).run().await?;
        let objects = mirror.join("objects");
        let objects = objects.to_str().filter(|path| !path.contains('\n')).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "the path of the data directory must be UTF-8 without line breaks: choose another \
                 data directory",
            )
        })?;
        write_private(&git_dir.join("objects/info/alternates"), format!("{objects}\n")).await
    }

    /// Writes the files of the commit `base` to `workspace`, and a matching index to `git_dir`.
    async fn unpack(&self, git_dir: &Path, workspace: &Path, base: &ObjectId) -> Result<()> {
        self.git("read-tree")
            .dir(git_dir)
            .work_tree(workspace)
            .setting(format!("checkout.workers={WORKERS}"))
            .reads_workspace()
            .args(["-u", "--reset", base.as_str()])
            .run()
            .await
            .map(drop)
    }

    async fn init_disposable(&self, workspace: &Path, branch: &str) -> Result<()> {
        self.git("init")
            .args(["--quiet", "--template=", &format!("--initial-branch={branch}"), "--"])
            .arg(workspace)
            .run()
            .await
            .map(drop)
    }

    /// Adds the commit `base` to the disposable `.git` of `workspace`, as a shallow commit without
    /// its parents. Sets the branch that `HEAD` names to this commit.
    async fn fill_disposable(
        &self,
        mirror: &Path,
        git_dir: &Path,
        workspace: &Path,
        base: &ObjectId,
    ) -> Result<()> {
        self.pack_disposable(mirror, git_dir, workspace, base).await?;
        let throw_away = workspace.join(".git");
        write_private(&throw_away.join("shallow"), format!("{base}\n")).await?;
        let at = ["HEAD", base.as_str()];
        self.git("update-ref").unchecked_dir(&throw_away).args(at).run().await.map(drop)
    }

    /// Adds the objects of the commit `base` to the disposable `.git` of `workspace`, as one pack.
    /// This is faster than a fetch, which would unpack and check each object. The mirror caches the
    /// pack for the next run that starts from the same commit. Each run gets a copy of the pack and
    /// not a hard link, because an agent can change the files in its workspace.
    async fn pack_disposable(
        &self,
        mirror: &Path,
        git_dir: &Path,
        workspace: &Path,
        base: &ObjectId,
    ) -> Result<()> {
        let packs = workspace.join(".git/objects/pack");
        let kept = mirror.join("snapshots").join(base.as_str());
        if copy_pack(kept.clone(), packs.clone()).await.is_ok() {
            return Ok(());
        }
        // A failed copy can leave partial files.
        remove_tree(packs.clone()).await?;
        tokio::fs::create_dir_all(&packs).await.map_err(|e| unusable(&packs, &e))?;
        self.git("pack-objects")
            .dir(git_dir)
            // The pack is disposable: it is not synced to disk, and no better deltas are searched.
            .setting("core.fsync=none")
            .args(["-q", "--revs", "--delta-base-offset", "--window=0"])
            .arg(packs.join("pack"))
            // Pack the commit without its parents, because the agent does not get the history.
            .stdin(format!("--shallow {base}\n{base}\n"))
            .run()
            .await?;
        // Cache the pack now, before the agent can change it. If this fails, the next run creates
        // the pack again.
        let new = git_dir.join("snapshot");
        if copy_pack(packs, new.clone()).await.is_ok() {
            remove_tree(mirror.join("snapshots")).await?;
            let (snapshots, from) = (mirror.join("snapshots"), new.clone());
            let renamed = move || {
                let _ = fs::create_dir(snapshots).and_then(|()| fs::rename(from, kept));
                Ok(())
            };
            spawn_blocking(renamed).await?;
        }
        remove_tree(new).await
    }

    /// Removes the git directory and the workspace of `run`, and the ref of `run` in the mirror.
    /// The patch at [`patch_path`](Self::patch_path) remains. Also succeeds if `run` has no files.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if a file cannot be removed; the caller can then repeat the call.
    pub async fn remove(&self, run: RunId) -> Result<()> {
        let removed = remove_tree(self.paths(run).root).await;
        self.release_ref(run).await?;
        removed
    }
}

/// Copies the directory `from`, which contains a pack and the index of the pack, to `to`. Fails if
/// a file is missing, for example because another run removes `from` at the same time.
async fn copy_pack(from: PathBuf, to: PathBuf) -> Result<()> {
    let copy = move || {
        let files: Vec<_> = fs::read_dir(&from)?.collect::<std::io::Result<_>>()?;
        let has = |kind: &str| files.iter().any(|f| f.path().extension() == Some(kind.as_ref()));
        if !has("pack") || !has("idx") {
            return Err(std::io::ErrorKind::NotFound.into());
        }
        fs::create_dir_all(&to)?;
        files.iter().try_for_each(|file| fs::copy(file.path(), to.join(file.file_name())).map(drop))
    };
    spawn_blocking(move || {
        copy().map_err(|e| {
            Error::new(ErrorKind::from_io(&e), "cannot copy a git pack").with_source(e)
        })
    })
    .await
}
