//! The check that the remote can create the branch of a run. It takes place before the agent works
//! (spec: P11).

use super::HostGit;
use crate::vcs::Access;
use crate::{BranchName, Error, ErrorKind, Result};

impl HostGit {
    /// Checks that no branch of the remote prevents the creation of `branch`. Git stores the parts
    /// of a name as directories, so the branches `a` and `a/b` cannot both exist.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if a branch of the remote has the name `branch`, the name of one
    /// of its directories, or a name below `branch`. The message contains the name of this branch.
    pub async fn check_branch(&self, branch: &BranchName, access: &Access) -> Result<()> {
        let wanted = format!("refs/heads/{branch}");
        let above = wanted.match_indices('/').map(|(at, _)| &wanted[..at]).skip(2);
        let listed = self
            .git("ls-remote")
            .remote(access)?
            .args(["--heads", "--refs", "--"])
            .arg(&access.clone_url)
            .args(above.clone())
            .args([wanted.as_str(), &format!("{wanted}/*")])
            .run()
            .await?;
        let listed = String::from_utf8_lossy(&listed);
        // `ls-remote` also lists names that end with one of these names.
        let conflicts = |name: &&str| {
            *name == wanted
                || above.clone().any(|directory| directory == *name)
                || name.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('/'))
        };
        let mut names = listed.lines().filter_map(|line| Some(line.split_once('\t')?.1));
        match names.find(conflicts) {
            None => Ok(()),
            Some(name) => {
                let name = name.strip_prefix("refs/heads/").unwrap_or(name);
                Err(Error::new(
                    ErrorKind::AlreadyExists,
                    format!(
                        "the branch `{name}` of the repository prevents the run's branch `{branch}`: \
                         rename or delete the branch `{name}`"
                    ),
                ))
            }
        }
    }
}
