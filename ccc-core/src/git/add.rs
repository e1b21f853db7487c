//! What lies in a workspace becomes objects of our own git.

use super::HostGit;
use super::inspect::Finding;
use crate::{Result, RunId};

impl HostGit {
    /// Adds all of the run's workspace. A name that git takes for one of its own files, such as a
    /// link `.gitmodules` or `a\.git`, is the work's fault and no failure of ours: git knows more of
    /// those than we do, so its word counts.
    pub(super) async fn add(&self, run: RunId) -> Result<Option<Finding>> {
        let paths = self.paths(run);
        let call = self
            .git("add")
            .dir(&paths.git_dir)
            .work_tree(&paths.workspace)
            .setting("core.fsync=objects")
            .args(["--all", "--", "."]);
        let (status, _, stderr) = call.run_raw().await?;
        if status.success() {
            return Ok(None);
        }
        let Some(name) = refused_name(&stderr) else {
            return Err(call.failure(&stderr));
        };
        let reason = "the work has a file name that git does not take";
        Ok(Some(Finding::new(reason, vec![name.to_owned()])))
    }
}

/// The name in `error: invalid path 'NAME'`, which ends a line; a name may hold anything.
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
    fn git_s_words_name_the_file() {
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
