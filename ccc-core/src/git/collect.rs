//! Collection of an agent's changes, and the checks before publication (spec: X6, X7, X10).

use std::collections::HashMap;

use super::blocking::{spawn_blocking, unusable};
use super::diff_index::{NO_OBJECT, Record, malformed};
use super::inspect::{Finding, inspect};
use super::symlink::escapes;
use super::walk::Workspace;
use super::{ChangeSet, HostGit, Refusal};
use crate::observe::Redactor;
use crate::policy::TrustPolicy;
use crate::secret_scan::SecretPatterns;
use crate::{ObjectId, Result, RunId};

/// Maximum number of files and directories in a workspace.
const MAX_ENTRIES: u64 = 2_000_000;

/// The result of collecting the changes in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// The workspace has no changes.
    Nothing,
    /// The changes, which passed all checks and may be published.
    Changes(ChangeSet),
    /// The workspace must not be published, for the reason in the [`Refusal`].
    Refused(Refusal),
}

impl HostGit {
    /// Reads the changes in the workspace of `run` since the commit `base`, and checks whether they
    /// may be published. For example, refuses changes that
    /// - exceed the limits of `policy`, or affect files that `policy` protects,
    /// - contain a secret that `redactor` knows, or data that looks like a secret, or
    /// - contain nested repositories, special files, or symlinks that leave the repository.
    ///
    /// The caller must first end all programs of the run. This method deletes the disposable `.git`
    /// of the workspace. When it returns, the git objects of the changes are synced to disk.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::LimitExceeded`] if the host machine's disk fails
    /// or is full. A change that must not be published is not an error but [`Collected::Refused`].
    pub async fn collect(
        &self,
        run: RunId,
        base: &ObjectId,
        policy: &TrustPolicy,
        redactor: &Redactor,
    ) -> Result<Collected> {
        let paths = self.paths(run);
        let root = paths.workspace.clone();
        let inspected = spawn_blocking(move || inspect(&root, MAX_ENTRIES)).await?;
        if let Some(Finding { reason, paths }) = inspected {
            return Ok(Collected::Refused(Refusal::new(reason, paths, redactor)));
        }
        // Check the limits before git stores objects, because a change over the limits can be too
        // large to hash.
        let refuse = |Finding { reason, paths }| {
            Ok(Collected::Refused(Refusal::new(reason, paths, redactor)))
        };
        let names = match self.changed_files(run).await? {
            Ok(names) => names,
            Err(finding) => return refuse(finding),
        };
        if let Some(finding) = self.check_limits(run, &names, policy).await? {
            return refuse(finding);
        }
        if let Some(finding) = self.add(run, names, policy.max_bytes).await? {
            return refuse(finding);
        }
        let records = self.records(run, base).await?;
        if records.is_empty() {
            return Ok(Collected::Nothing);
        }
        if let Some(refusal) = check_records(&records, policy, redactor) {
            return Ok(Collected::Refused(refusal));
        }
        let sizes = self.sizes(run, &records).await?;
        // Check the size again: the sizes that git stored can differ from those that `check_limits`
        // measured.
        if let Some(reason) = too_large(sizes.iter().copied(), policy.max_bytes) {
            return Ok(Collected::Refused(Refusal::new(reason, paths_of(&records), redactor)));
        }
        if let Some(refusal) = self.check_contents(run, &records, redactor).await? {
            return Ok(Collected::Refused(refusal));
        }
        let tree =
            self.git("write-tree").dir(&paths.git_dir).setting("core.fsync=objects").run().await?;
        let changes =
            records.iter().zip(sizes).map(|(record, bytes)| record.change(bytes)).collect();
        Ok(Collected::Changes(ChangeSet {
            base: base.clone(),
            tree: ObjectId::new(String::from_utf8_lossy(&tree).trim())?,
            changes,
        }))
    }

    /// Returns a finding if the number or the total size of the changed files `names` exceeds the
    /// limits of `policy`.
    async fn check_limits(
        &self,
        run: RunId,
        names: &[Vec<u8>],
        policy: &TrustPolicy,
    ) -> Result<Option<Finding>> {
        let names = names.to_vec();
        if names.len() > policy.max_files {
            let reason = format!(
                "the agent changed {} files; the trust policy allows at most {}",
                names.len(),
                policy.max_files
            );
            return Ok(Some(Finding::new(reason, names)));
        }
        let (path, most) = (self.paths(run).workspace, policy.max_bytes);
        spawn_blocking(move || {
            let workspace = Workspace::open(&path).map_err(|e| unusable(&path, &e))?;
            // A deleted file has no contents, and neither has a file in a directory that a symlink
            // replaced: the symlink is not followed.
            let size = |name: &Vec<u8>| {
                workspace.stat(name).map_or(0, |found| u64::try_from(found.st_size).unwrap_or(0))
            };
            let reason = too_large(names.iter().map(size), most);
            Ok(reason.map(|reason| Finding::new(reason, names)))
        })
        .await
    }

    async fn sizes(&self, run: RunId, records: &[Record]) -> Result<Vec<u64>> {
        let wanted: Vec<&Record> = records.iter().filter(|r| r.new_object != NO_OBJECT).collect();
        let list: String = wanted.iter().map(|r| format!("{}\n", r.new_object)).collect();
        let printed = self
            .git("cat-file")
            .dir(&self.paths(run).git_dir)
            .args(["--batch-check=%(objectname) %(objectsize)"])
            .stdin(list)
            .run()
            .await?;
        let sizes: HashMap<String, u64> = String::from_utf8_lossy(&printed)
            .lines()
            .filter_map(|line| {
                let (object, size) = line.split_once(' ')?;
                Some((object.to_owned(), size.parse().ok()?))
            })
            .collect();
        records
            .iter()
            .map(|r| match sizes.get(&r.new_object) {
                _ if r.new_object == NO_OBJECT => Ok(0),
                Some(size) => Ok(*size),
                None => Err(malformed()),
            })
            .collect()
    }

    /// Checks the new contents of the files in `records`. Returns a refusal if a file or a path
    /// contains a secret, or if a symlink points outside the repository or into a `.git` directory.
    async fn check_contents(
        &self,
        run: RunId,
        records: &[Record],
        redactor: &Redactor,
    ) -> Result<Option<Refusal>> {
        let (mut escaping, mut leaking) = (Vec::new(), Vec::new());
        for record in records {
            let gone = record.new_object == NO_OBJECT;
            let odd = !gone && SecretPatterns::adds(b"", &record.path);
            if odd || redactor.finds_in(&record.path) {
                leaking.push(&record.path);
            }
            if gone {
                continue;
            }
            let new = self.blob(run, &record.new_object).await?;
            if record.new_mode == "120000" && escapes(&record.path, &new) {
                escaping.push(&record.path);
            }
            // The agent did not add a secret that was already in the old contents.
            let old = match record.old_object.as_str() {
                NO_OBJECT => Vec::new(),
                // No text in the new contents looks like a secret, so the old ones are not needed.
                _ if !SecretPatterns::adds(b"", &new) => Vec::new(),
                // The old object is the commit of a submodule, which is not in this repository.
                _ if record.old_mode == "160000" => Vec::new(),
                object => self.blob(run, object).await?,
            };
            if redactor.finds_in(&new) || SecretPatterns::adds(&old, &new) {
                leaking.push(&record.path);
            }
        }
        Ok(if !leaking.is_empty() {
            Some(Refusal::new(
                "the agent's changes contain data that looks like a secret",
                leaking,
                redactor,
            ))
        } else if !escaping.is_empty() {
            Some(Refusal::new(
                "the agent's changes contain symlinks that point outside the repository or into .git",
                escaping,
                redactor,
            ))
        } else {
            None
        })
    }

    async fn blob(&self, run: RunId, object: &str) -> Result<Vec<u8>> {
        self.git("cat-file").dir(&self.paths(run).git_dir).args(["blob", object]).run().await
    }
}

fn too_large(sizes: impl Iterator<Item = u64>, most: u64) -> Option<String> {
    // Sparse files can have any size, and the sum of their sizes can exceed a `u64`.
    let total = sizes.fold(0, u64::saturating_add);
    (total > most).then(|| {
        format!(
            "the changed files have {total} bytes in total; the trust policy allows at most {most} \
             bytes"
        )
    })
}

fn paths_of(records: &[Record]) -> impl Iterator<Item = &Vec<u8>> {
    records.iter().map(|record| &record.path)
}

/// Checks the rules that depend only on the paths and the file modes in `records`. Returns a
/// refusal for the first violated rule.
fn check_records(records: &[Record], policy: &TrustPolicy, redactor: &Redactor) -> Option<Refusal> {
    let matching = |test: &dyn Fn(&Record) -> bool| -> Vec<&Vec<u8>> {
        records.iter().filter(|r| test(r)).map(|r| &r.path).collect()
    };
    let refuse = |reason: &str, test: &dyn Fn(&Record) -> bool| {
        let paths = matching(test);
        (!paths.is_empty()).then(|| Refusal::new(reason, paths, redactor))
    };
    refuse("the agent added or changed a submodule", &|r| r.new_mode == "160000")
        .or_else(|| {
            refuse("the agent's changes contain file names that are not printable UTF-8", &|r| {
                std::str::from_utf8(&r.path).map_or(true, |path| path.chars().any(char::is_control))
            })
        })
        .or_else(|| {
            refuse("the agent changed protected files that configure tools or reviews", &|r| {
                policy.protects(&String::from_utf8_lossy(&r.path))
            })
        })
}
