//! The files of a run, without our `.git`.

use crate::remove_tree::remove_tree;
use std::fs;
use std::path::{Path, PathBuf};

use super::{HostGit, private_dir, unusable};
use crate::vcs::{Access, Repository};
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

/// Attributes that stand above every `.gitattributes` of the tree, for checkout and add alike:
/// contents are bytes, and no program or encoding named by a hostile tree touches them.
const ATTRIBUTES: &str = "* -text !eol -ident !filter !working-tree-encoding !diff !merge\n";

/// Processes that lay files out at once; git starts them for a hundred files and more.
const WORKERS: usize = 2;

/// A checkout that an agent may work in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The host directory with the files.
    pub path: PathBuf,
    /// The commit that they are of.
    pub base: ObjectId,
}

impl HostGit {
    /// Fetches the repository and lays its default branch out for `run`.
    ///
    /// The files come with a throw-away `.git` of one commit, so that `git status`, `diff` and `log`
    /// work for the agent. The host never reads it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a repository that is not there or is empty,
    /// [`ErrorKind::Unauthenticated`] and [`ErrorKind::PermissionDenied`] for a token that does not
    /// do, [`ErrorKind::Unavailable`] for a host that does not answer.
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
            // A checkout that was cut short starts again from nothing.
            remove_tree(paths.git_dir.clone()).await?;
            remove_tree(paths.workspace.clone()).await?;
            private_dir(&paths.workspace)?;
            self.init_borrowing(&paths.git_dir, &mirror).await?;
            self.init_throw_away(&paths.workspace, &repository.default_branch).await
        };
        // The host's answer takes longer than what can be done without it.
        let (fetched, prepared) =
            tokio::join!(self.fetch(run, repository, access, &mirror), prepared);
        let base = fetched?;
        prepared?;
        // Beside each other: writing files and reading objects wait for different things.
        tokio::try_join!(
            self.unpack(&paths.git_dir, &paths.workspace, &base),
            self.fill_throw_away(&mirror, &paths.git_dir, &paths.workspace, &base)
        )?;
        // Same files, same times: with our index as its own, the agent's first `git status` does not
        // read the whole tree again.
        let index = paths.workspace.join(".git/index");
        fs::copy(paths.git_dir.join("index"), &index).map_err(|e| unusable(&index, &e))?;
        Ok(Workspace { path: paths.workspace, base })
    }

    /// A file of the commit that the run works from; `None` when there is none, or none that is plain.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] when it has more than `most` bytes.
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
            let line = format!("{path} has {size} bytes; it may have {most}");
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        self.git("cat-file").dir(&git_dir).args(["blob", object]).run().await.map(Some)
    }

    /// A git directory of our own that borrows the mirror's objects.
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

    /// The files of `base`, and the index that knows them.
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

    async fn init_throw_away(&self, workspace: &Path, branch: &str) -> Result<()> {
        self.git("init")
            .args(["--quiet", "--template=", &format!("--initial-branch={branch}"), "--"])
            .arg(workspace)
            .run()
            .await?;
        // Without these, attributes of the tree make files look changed that nobody touched.
        write_into(&workspace.join(".git"), "info/attributes", ATTRIBUTES)
    }

    /// The agent's one commit: its objects, without its parents, and the branch at it.
    async fn fill_throw_away(
        &self,
        mirror: &Path,
        git_dir: &Path,
        workspace: &Path,
        base: &ObjectId,
    ) -> Result<()> {
        self.pack_throw_away(mirror, git_dir, workspace, base).await?;
        let throw_away = workspace.join(".git");
        write_into(&throw_away, "shallow", &format!("{base}\n"))?;
        let at = ["HEAD", base.as_str()];
        self.git("update-ref").dir(&throw_away).args(at).run().await.map(drop)
    }

    /// Gives the workspace the objects of its one commit, as they are packed already: a fetch would
    /// take each of them apart and look at it. The mirror keeps the pack for the next run; that one
    /// gets a copy and not a link, because what an agent has it can change.
    async fn pack_throw_away(
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
        // Nothing of a copy that failed half-way may stay.
        remove_tree(packs.clone()).await?;
        fs::create_dir_all(&packs).map_err(|e| unusable(&packs, &e))?;
        self.git("pack-objects")
            .dir(git_dir)
            // The agent's to ruin: no disk waits for it, and nothing is sought to be made smaller.
            .setting("core.fsync=none")
            .args(["-q", "--revs", "--delta-base-offset", "--window=0"])
            .arg(packs.join("pack"))
            // Without its parents, whose history is none of the agent's business.
            .stdin(format!("--shallow {base}\n{base}\n"))
            .run()
            .await?;
        // No agent has seen them yet. Should they not be kept, the next run packs again.
        let new = git_dir.join("snapshot");
        if copy_pack(packs, new.clone()).await.is_ok() {
            remove_tree(mirror.join("snapshots")).await?;
            let _ = fs::create_dir(mirror.join("snapshots")).and_then(|()| fs::rename(&new, &kept));
        }
        remove_tree(new).await
    }

    /// Removes everything of `run` but a kept patch; `Ok` when there is nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when something cannot be removed; call it again.
    pub async fn remove(&self, run: RunId) -> Result<()> {
        let removed = remove_tree(self.paths(run).root).await;
        self.release_ref(run).await?;
        removed
    }
}

/// Copies a directory with a pack and its index; another run may be removing it meanwhile.
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
        .map_err(|e| Error::new(ErrorKind::Unexpected, "copying died").with_source(e))?
        .map_err(|e| Error::new(ErrorKind::Unavailable, "cannot copy a pack").with_source(e))
}

fn write_into(git_dir: &Path, name: &str, text: &str) -> Result<()> {
    let path = git_dir.join(name);
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&path, text))
        .map_err(|e| unusable(&path, &e))
}
