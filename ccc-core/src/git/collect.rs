//! Collection of an agent's changes, and the checks before publication (spec: X6, X7, X10).

use std::os::unix::ffi::OsStrExt;

use super::diff_index::{NO_OBJECT, Record, malformed};
use super::inspect::{Finding, inspect};
use super::{ChangeSet, HostGit, Refusal};
use crate::observe::Redactor;
use crate::policy::TrustPolicy;
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

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
    /// - contain a secret that `redactor` knows, or data that looks like a secret and that `base`
    ///   does not contain,
    /// - contain an archive that cannot be searched for secrets because of its size or depth, or
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
        let line = "the task that inspects the workspace ended without a result";
        let inspected = tokio::task::spawn_blocking(move || inspect(&root, MAX_ENTRIES))
            .await
            .map_err(|e| Error::new(ErrorKind::Unexpected, line).with_source(e))??;
        if let Some(Finding { reason, paths }) = inspected {
            return Ok(Collected::Refused(Refusal::new(reason, paths, redactor)));
        }
        // Check the limits before git stores objects, because a change over the limits can be too
        // large to hash.
        if let Some(Finding { reason, paths: names }) = self.check_limits(run, policy).await? {
            return Ok(Collected::Refused(Refusal::new(reason, names, redactor)));
        }
        if let Some(Finding { reason, paths: names }) = self.add(run).await? {
            return Ok(Collected::Refused(Refusal::new(reason, names, redactor)));
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
        if let Some(reason) = too_large(sizes.iter().copied(), policy) {
            return Ok(Collected::Refused(Refusal::new(reason, paths_of(&records), redactor)));
        }
        if let Some(refusal) =
            self.check_contents(run, base, &records, &sizes, policy, redactor).await?
        {
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

    /// Returns a finding if the number or the total size of the changed files exceeds the limits of
    /// `policy`.
    async fn check_limits(&self, run: RunId, policy: &TrustPolicy) -> Result<Option<Finding>> {
        let paths = self.paths(run);
        let listed = self
            .git("ls-files")
            .dir(&paths.git_dir)
            .work_tree(&paths.workspace)
            .args(["-z", "--modified", "--others", "--exclude-standard", "--deduplicate"])
            .run()
            .await?;
        let mut names: Vec<Vec<u8>> =
            listed.split(|byte| *byte == 0).filter(|n| !n.is_empty()).map(<[u8]>::to_vec).collect();
        names.sort();
        if names.len() > policy.max_files {
            let reason = format!(
                "the agent changed {} files; the trust policy allows at most {}",
                names.len(),
                policy.max_files
            );
            return Ok(Some(Finding::new(reason, names)));
        }
        let size = |name: &Vec<u8>| {
            let path = paths.workspace.join(std::ffi::OsStr::from_bytes(name));
            // A deleted file has no contents.
            std::fs::symlink_metadata(path).map_or(0, |found| found.len())
        };
        Ok(too_large(names.iter().map(size), policy).map(|reason| Finding::new(reason, names)))
    }

    async fn sizes(&self, run: RunId, records: &[Record]) -> Result<Vec<u64>> {
        let wanted: Vec<&str> =
            records.iter().map(|r| &*r.new_object).filter(|object| *object != NO_OBJECT).collect();
        let sizes = self.object_sizes(run, &wanted).await?;
        records
            .iter()
            .map(|r| match sizes.get(&r.new_object) {
                _ if r.new_object == NO_OBJECT => Ok(0),
                Some(size) => Ok(*size),
                None => Err(malformed()),
            })
            .collect()
    }
}

fn too_large(sizes: impl Iterator<Item = u64>, policy: &TrustPolicy) -> Option<String> {
    let most = policy.max_bytes;
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
