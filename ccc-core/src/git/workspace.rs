//! The files of a run, without our `.git`.

use crate::files::remove_tree;
use std::fs;
use std::path::{Path, PathBuf};

use super::{HostGit, make_private_dir, unusable};
use crate::vcs::{Access, Repository};
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

/// Attributes that stand above every `.gitattributes` of the tree, for checkout and add alike:
/// contents are bytes, and no program or encoding named by a hostile tree touches them.
const ATTRIBUTES: &str = "* -text !eol -ident !filter !working-tree-encoding !diff !merge\n";

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
        let (mirror, base) = self.fetch(run, repository, access).await?;
        let paths = self.paths(run);
        make_private_dir(&paths.root)?;
        // A checkout that was cut short starts again from nothing.
        remove_tree(paths.git_dir.clone()).await?;
        remove_tree(paths.workspace.clone()).await?;
        make_private_dir(&paths.workspace)?;
        self.init_borrowing(&paths.git_dir, &mirror).await?;
        self.git("read-tree")
            .dir(&paths.git_dir)
            .work_tree(&paths.workspace)
            .setting("checkout.workers=2")
            .args(["-u", "--reset", base.as_str()])
            .run()
            .await?;
        self.add_throw_away(run, &repository.default_branch, &mirror).await?;
        Ok(Workspace { path: paths.workspace, base })
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

    async fn add_throw_away(&self, run: RunId, branch: &str, mirror: &Path) -> Result<()> {
        let paths = self.paths(run);
        let git_dir = paths.workspace.join(".git");
        self.git("init").args(["--quiet", "--template="]).arg(&paths.workspace).run().await?;
        // Without these, attributes of the tree make files look changed that nobody touched.
        write_into(&git_dir, "info/attributes", ATTRIBUTES)?;
        self.git("fetch")
            .dir(&git_dir)
            .setting("protocol.file.allow=always")
            .args(["--quiet", "--no-tags", "--depth=1", "--no-write-fetch-head"])
            // The new `HEAD` may name this very branch, which has no commit yet.
            .args(["--update-head-ok", "--"])
            // As a path: a URL would have its `%` decoded.
            .arg(mirror)
            .arg(format!("+refs/runs/{run}:refs/heads/{branch}"))
            .run()
            .await?;
        self.git("symbolic-ref")
            .dir(&git_dir)
            .args(["HEAD", &format!("refs/heads/{branch}")])
            .run()
            .await?;
        // Same files, same times: with our index as its own, the agent's first `git status` does
        // not read the whole tree again.
        fs::copy(paths.git_dir.join("index"), git_dir.join("index"))
            .map_err(|e| unusable(&git_dir, &e))?;
        Ok(())
    }

    /// Removes everything of `run` but a kept patch; `Ok` when there is nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when something cannot be removed; call it again.
    pub async fn remove(&self, run: RunId) -> Result<()> {
        let removed = remove_tree(self.paths(run).root).await;
        self.let_go(run).await?;
        removed
    }
}

fn write_into(git_dir: &Path, name: &str, text: &str) -> Result<()> {
    let path = git_dir.join(name);
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&path, text))
        .map_err(|e| unusable(&path, &e))
}
