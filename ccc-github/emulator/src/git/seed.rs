//! Creation of git repositories, and the rules by which the repositories refuse pushes.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::git::command::{line, program, run};
use crate::git::repository::Git;

/// The script of the pre-receive hook in every repository. As GitHub does, the hook refuses pushes
/// to protected branches. It also refuses a push that changes workflow files if the GitHub App that
/// pushes does not have the permission `workflows`.
const PRE_RECEIVE: &str = include_str!("pre-receive.sh");

impl Git {
    /// Creates the bare repository and returns the name of its default branch. If `seed` is `None`,
    /// the new repository is empty. If `seed` is a git repository, the new repository is a clone of
    /// it. If `seed` is any other directory, the new repository has one commit with the files of
    /// the directory.
    pub(crate) async fn seed(&self, seed: Option<&Path>) -> Result<String> {
        match seed.map(|seed| (seed, seed.join(".git").exists() || seed.join("HEAD").exists())) {
            Some((seed, true)) => {
                // `safe.directory=*` is necessary because the seed can belong to another user. It
                // is safe because a clone executes no program of the seed.
                let args = ["-c", "safe.directory=*", "clone", "--bare", "--quiet"];
                let command = &mut program();
                command.args(args).args(["--no-hardlinks", "--"]).arg(seed).arg(self.dir());
                run(command, None).await?;
            }
            other => {
                let args = ["init", "--bare", "--quiet", "-b", "main", "--"];
                run(program().args(args).arg(self.dir()), None).await?;
                if let Some((seed, _)) = other {
                    let tree = [OsStr::new("--work-tree"), seed.as_os_str()];
                    let add = ["add", "--all", "."].map(OsStr::new);
                    self.run(tree.into_iter().chain(add)).await?;
                    let commit = ["commit", "--quiet", "--allow-empty", "-m", "Initial commit"];
                    self.run(tree.into_iter().chain(commit.map(OsStr::new))).await?;
                }
            }
        }
        self.run(["config", "http.receivepack", "true"]).await?;
        let hooks = self.dir().join("hooks");
        let hook = hooks.join("pre-receive");
        let executable = std::fs::Permissions::from_mode(0o755);
        let failed = |e| {
            Error::new(ErrorKind::Unavailable, "cannot write the pre-receive hook").with_source(e)
        };
        tokio::fs::create_dir_all(&hooks).await.map_err(failed)?;
        tokio::fs::write(&hook, PRE_RECEIVE).await.map_err(failed)?;
        tokio::fs::set_permissions(&hook, executable).await.map_err(failed)?;
        // The option `--short` would print `heads/main` if a tag has the name `main`.
        let head = line(&self.run(["symbolic-ref", "HEAD"]).await?);
        Ok(head.strip_prefix("refs/heads/").unwrap_or(&head).to_owned())
    }

    /// Makes the pre-receive hook refuse pushes to branches whose names start with `prefix`. The
    /// hook prints `message` for each refused push.
    pub(crate) async fn refuse_push(&self, prefix: &str, message: &str) -> Result<()> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        if prefix.is_empty() || !prefix.bytes().all(plain) || message.contains('\n') {
            let line = "the branch prefix must consist of letters, digits and the characters \
                        `-_./`, and the message must not have a line break";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let path = self.dir().join("refusals");
        let mut all = tokio::fs::read_to_string(&path).await.unwrap_or_default();
        all.push_str(&format!("{prefix} {message}\n"));
        tokio::fs::write(&path, all).await.map_err(|e| {
            Error::new(ErrorKind::Unavailable, "cannot write the rule that refuses pushes")
                .with_source(e)
        })
    }
}
