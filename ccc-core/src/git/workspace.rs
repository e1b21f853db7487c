//! Checkout, reading and removal of a run's files.

use crate::remove_tree::remove_tree;
use std::fs;
use std::path::{Path, PathBuf};

use super::{HostGit, private_dir, unusable};
use crate::vcs::{Access, Repository};
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

/// Attributes that override every `.gitattributes` of the tree, for checkout and add. File contents
/// are treated as bytes, so that no program or encoding named by a hostile tree is applied to them.
const ATTRIBUTES: &str = "* -text !eol -ident !filter !working-tree-encoding !diff !merge\n";

/// Number of processes that write files in parallel. Git starts them only for 100 files or more.
const WORKERS: usize = 2;

/// A checkout that an agent can edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The host directory with the files.
    pub path: PathBuf,
    /// The commit that was checked out.
    pub base: ObjectId,
}

impl HostGit {
    /// Fetches the repository and checks out its default branch for `run`.
    ///
    /// The workspace gets a disposable `.git` with one commit, so that `git status`, `git diff` and
    /// `git log` work for the agent. The host never reads it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the repository does not exist or is empty,
    /// [`ErrorKind::Unauthenticated`] or [`ErrorKind::PermissionDenied`] if the host rejects the
    /// token, [`ErrorKind::Unavailable`] if the host does not answer.
    pub async fn checkout(
        &self,
        run: RunId,
        repository: &Repository,
        access: &Access,
    ) -> Result<Workspace> {
        let mirror = self.mirror_path(&repository.repo)?;
        let paths = self.paths(run);
        let prepared = async {
            private_dir(&paths.root)?;
            // Remove the files of an interrupted checkout.
            remove_tree(paths.git_dir.clone()).await?;
            remove_tree(paths.workspace.clone()).await?;
            private_dir(&paths.workspace)?;
            self.init_borrowing(&paths.git_dir, &mirror).await?;
            self.init_disposable(&paths.workspace, &repository.default_branch).await
        };
        // Prepare the directories while the fetch waits for the host.
        let (fetched, prepared) =
            tokio::join!(self.fetch(run, repository, access, &mirror), prepared);
        let base = fetched?;
        prepared?;
        // In parallel, because writing files and reading objects wait for different resources.
        tokio::try_join!(
            self.unpack(&paths.git_dir, &paths.workspace, &base),
            self.fill_disposable(&mirror, &paths.git_dir, &paths.workspace, &base)
        )?;
        // The index matches the same files with the same times. With a copy of it, the agent's
        // first `git status` does not read the whole tree again.
        let index = paths.workspace.join(".git/index");
        fs::copy(paths.git_dir.join("index"), &index).map_err(|e| unusable(&index, &e))?;
        Ok(Workspace { path: paths.workspace, base })
    }

    /// Returns a file of the commit `base`; `None` if it does not exist or is not a regular file.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] if the file has more than `most` bytes.
    pub async fn file(
        &self,
        run: RunId,
        base: &ObjectId,
        path: &str,
        most: u64,
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
        if size.parse::<u64>().map_or(true, |size| size > most) {
            let line = format!("{path} has {size} bytes; the limit is {most}");
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        self.git("cat-file").dir(&git_dir).args(["blob", object]).run().await.map(Some)
    }

    /// Creates the run's own git directory, which uses the mirror's objects.
    async fn init_borrowing(&self, git_dir: &Path, mirror: &Path) -> Result<()> {
        self.git("init").args(["--quiet", "--bare", "--template="]).arg(git_dir).run().await?;
        let objects = mirror.join("objects");
        let objects = objects.to_str().filter(|path| !path.contains('\n')).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "the data directory's path must be UTF-8 without line breaks",
            )
        })?;
        write_into(git_dir, "objects/info/alternates", &format!("{objects}\n"))?;
        write_into(git_dir, "info/attributes", ATTRIBUTES)
    }

    /// Writes the files of `base` and an index that matches them.
    async fn unpack(&self, git_dir: &Path, workspace: &Path, base: &ObjectId) -> Result<()> {
        self.git("read-tree")
            .dir(git_dir)
            .work_tree(workspace)
            .setting(format!("checkout.workers={WORKERS}"))
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
            .await?;
        // Without these, attributes of the tree make unchanged files appear as modified.
        write_into(&workspace.join(".git"), "info/attributes", ATTRIBUTES)
    }

    /// Creates the agent's only commit: its objects, without its parents, and the branch.
    async fn fill_disposable(
        &self,
        mirror: &Path,
        git_dir: &Path,
        workspace: &Path,
        base: &ObjectId,
    ) -> Result<()> {
        self.pack_disposable(mirror, git_dir, workspace, base).await?;
        let throw_away = workspace.join(".git");
        write_into(&throw_away, "shallow", &format!("{base}\n"))?;
        let at = ["HEAD", base.as_str()];
        self.git("update-ref").dir(&throw_away).args(at).run().await.map(drop)
    }

    /// Adds the objects of the agent's only commit to its `.git`, in packed form: a fetch would
    /// unpack and check each of them. The mirror stores the pack for the next run. The next run
    /// gets a copy and not a hard link, because an agent can change its files.
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
        fs::create_dir_all(&packs).map_err(|e| unusable(&packs, &e))?;
        self.git("pack-objects")
            .dir(git_dir)
            // The pack is disposable: it is not synced to disk, and no better deltas are searched.
            .setting("core.fsync=none")
            .args(["-q", "--revs", "--delta-base-offset", "--window=0"])
            .arg(packs.join("pack"))
            // Without its parents, because the agent does not get the history.
            .stdin(format!("--shallow {base}\n{base}\n"))
            .run()
            .await?;
        // No agent has had access to the pack yet. If it cannot be stored, the next run packs
        // again.
        let new = git_dir.join("snapshot");
        if copy_pack(packs, new.clone()).await.is_ok() {
            remove_tree(mirror.join("snapshots")).await?;
            let _ = fs::create_dir(mirror.join("snapshots")).and_then(|()| fs::rename(&new, &kept));
        }
        remove_tree(new).await
    }

    /// Removes all files of `run` except its patch. Succeeds if there are none.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if a file cannot be removed; the call can be repeated.
    pub async fn remove(&self, run: RunId) -> Result<()> {
        let removed = remove_tree(self.paths(run).root).await;
        self.release_ref(run).await?;
        removed
    }
}

/// Copies a directory with a pack and its index. Another run can remove it at the same time.
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
    tokio::task::spawn_blocking(copy)
        .await
        .map_err(|e| {
            Error::new(ErrorKind::Unexpected, "the task that copies a pack was aborted")
                .with_source(e)
        })?
        .map_err(|e| Error::new(ErrorKind::Unavailable, "cannot copy a pack").with_source(e))
}

fn write_into(git_dir: &Path, name: &str, text: &str) -> Result<()> {
    let path = git_dir.join(name);
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&path, text))
        .map_err(|e| unusable(&path, &e))
}
