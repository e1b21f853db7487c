//! Creation of commits without a work tree.

use crate::error::Result;
use crate::git::command::{line, program, run};
use crate::git::repository::Git;
use crate::random::random_hex;

/// A new commit that changes one file of a branch.
#[derive(Debug)]
pub(crate) struct FileChange<'a> {
    /// The branch that receives the commit.
    pub(crate) branch: &'a str,
    /// The branch from which `branch` is created if `branch` does not exist. If neither of them
    /// exists, the commit has no parent.
    pub(crate) start: &'a str,
    pub(crate) path: &'a str,
    pub(crate) content: &'a [u8],
    pub(crate) message: &'a str,
}

impl Git {
    /// Creates a commit that changes one file, and moves the branch to the commit. Returns the
    /// object IDs of the commit and of the file's content.
    pub(crate) async fn write_file(&self, change: &FileChange<'_>) -> Result<(String, String)> {
        let FileChange { branch, start, path, content, message } = *change;
        let tip = self.branch(branch).await;
        let parent = match &tip {
            Some(tip) => Some(tip.clone()),
            None => self.branch(start).await,
        };
        let index = self.dir().join(format!("index-{}", random_hex()));
        let with_index = || {
            let mut command = program();
            command.arg("--git-dir").arg(self.dir()).env("GIT_INDEX_FILE", &index);
            command
        };
        let hash = ["hash-object", "-w", "--stdin"];
        let blob = line(&run(with_index().args(hash), Some(content)).await?);
        if let Some(parent) = &parent {
            run(with_index().args(["read-tree", parent]), None).await?;
        }
        let entry = format!("100644,{blob},{path}");
        let written = async {
            run(with_index().args(["update-index", "--add", "--cacheinfo", &entry]), None).await?;
            run(with_index().arg("write-tree"), None).await
        };
        let tree = written.await;
        let _ = tokio::fs::remove_file(&index).await;
        let tree = line(&tree?);
        let mut args = vec!["commit-tree".to_owned(), tree, "-m".to_owned(), message.to_owned()];
        args.extend(parent.iter().flat_map(|parent| ["-p".to_owned(), parent.clone()]));
        let commit = line(&self.run(args).await?);
        let name = format!("refs/heads/{branch}");
        self.move_ref(&name, &commit, tip.as_deref().unwrap_or_default()).await?;
        Ok((commit, blob))
    }
}
