//! New repositories, and what they refuse.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::git::command::{line, program, run};
use crate::git::repository::Git;

/// The hook of every repository.
const PRE_RECEIVE: &str = include_str!("pre-receive.sh");

impl Git {
    /// Makes the bare repository: a clone of `seed`, or one commit with its files, or without a
    /// seed an empty one. Returns the name of its default branch.
    pub(crate) async fn seed(&self, seed: Option<&Path>) -> Result<String> {
        match seed.map(|seed| (seed, seed.join(".git").exists() || seed.join("HEAD").exists())) {
            Some((seed, true)) => {
                // A seed may belong to another user; cloning runs nothing of it.
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
        let failed = |e| Error::new(ErrorKind::Unavailable, "cannot write the hook").with_source(e);
        tokio::fs::create_dir_all(&hooks).await.map_err(failed)?;
        tokio::fs::write(&hook, PRE_RECEIVE).await.map_err(failed)?;
        tokio::fs::set_permissions(&hook, executable).await.map_err(failed)?;
        Ok(line(&self.run(["symbolic-ref", "--short", "HEAD"]).await?))
    }

    /// Refuses pushes to branches with this prefix from now on, with this message.
    pub(crate) async fn refuse_push(&self, prefix: &str, message: &str) -> Result<()> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        if prefix.is_empty() || !prefix.bytes().all(plain) || message.contains('\n') {
            let line =
                "a branch prefix is made of letters, digits and `-_./`, a message of one line";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let path = self.dir().join("refusals");
        let mut all = tokio::fs::read_to_string(&path).await.unwrap_or_default();
        all.push_str(&format!("{prefix} {message}\n"));
        tokio::fs::write(&path, all).await.map_err(|e| {
            Error::new(ErrorKind::Unavailable, "cannot write the refusal").with_source(e)
        })
    }
}
