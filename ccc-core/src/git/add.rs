//! Adding the files of a workspace to the git index of a run.

use super::HostGit;
use super::inspect::Finding;
use crate::{Result, RunId};

impl HostGit {
    /// Adds all files in the workspace of `run` to the git index of `run`. Returns a finding if git
    /// rejects the name of a file. For example, git rejects the name `a\.git`, and rejects a
    /// symlink with the name `.gitmodules`. A rejected name is a fault in the agent's changes, and
    /// not an error of this method. The method leaves the check of names to git, because git knows
    /// more invalid names than this crate.
    pub(super) async fn add(&self, run: RunId) -> Result<Option<Finding>> {
        let paths = self.paths(run);
        let call = self
            .git("add")
            .dir(&paths.git_dir)
            .work_tree(&paths.workspace)
            .reads_workspace()
            .setting("core.fsync=objects")
            .args(["--all", "--", "."]);
        let (status, _, stderr) = match call.run_raw().await {
            Ok(ended) => ended,
            Err(error) => return Finding::of_limit(error).map(Some),
        };
        if status.success() {
            return Ok(None);
        }
        let Some(name) = refused_name(&stderr) else {
            return Err(call.failure(&stderr));
        };
        let reason = "the agent's changes contain a file name that git rejects";
        Ok(Some(Finding::new(reason, vec![name.to_owned()])))
    }
}

/// Extracts `NAME` from the line `error: invalid path 'NAME'` of git's standard error. `NAME` can
/// contain any bytes, including quotes.
fn refused_name(stderr: &[u8]) -> Option<&[u8]> {
    let mark = b"error: invalid path '";
    let start = stderr.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let name = &stderr[start..];
    let end = name.windows(2).position(|window| window == b"'\n")?;
    Some(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rejected_name_is_read_from_the_output() {
        let more = "error: unable to add 'x' to index\nfatal: adding files failed\n";
        for (words, expected) in [
            (format!("error: invalid path 'a\\.git'\n{more}"), Some("a\\.git")),
            (format!("warning: x\nerror: invalid path 'it's'\n{more}"), Some("it's")),
            (format!("error: open(\"x\"): Permission denied\n{more}"), None),
            ("error: invalid path 'x".to_owned(), None),
        ] {
            let found = refused_name(words.as_bytes());
            assert_eq!(found, expected.map(str::as_bytes), "{words}");
        }
    }
}
