//! Collection of an agent's changes, and the checks before publication (spec: X6, X7, X10).

use super::blocking::{spawn_blocking, unusable};
use super::changes::escaped;
use super::diff_index::{NO_OBJECT, Record, malformed};
use super::finding::Finding;
use super::inspect::{Inspected, inspect};
use super::names::check_names;
use super::walk::Workspace;
use super::{ChangeSet, HostGit, Refusal};
use crate::observe::Redactor;
use crate::policy::TrustPolicy;
use crate::{ObjectId, Result, RunId};

/// Maximum number of files and directories in a workspace.
const MAX_ENTRIES: u64 = 2_000_000;

/// The result of collecting the changes in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// The workspace has no changes.
    Nothing {
        /// Exceptions from the rules that a reader of the answer must know, one line each.
        exceptions: Vec<String>,
    },
    /// The changes, which passed all checks and may be published.
    Changes(ChangeSet),
    /// The workspace must not be published, for the reason in the [`Refusal`].
    Refused(Refusal),
}

impl HostGit {
    /// Reads the changes in the workspace of `run` since the commit `base`, and checks whether they
    /// may be published. For example, refuses changes that
    /// - exceed the limits of `policy`, or affect files that `policy` protects, also through symlinks,
    /// - contain a secret that `redactor` knows, or data that looks like a secret and that `base`
    ///   does not contain,
    /// - contain an archive that cannot be searched for secrets because of its size, depth or format, or
    /// - contain nested repositories, special files, or symlinks that leave the repository.
    ///
    /// The caller must first end all programs of the run. This method deletes the disposable `.git`
    /// of the workspace. When it returns, the git objects of the changes are synced to disk.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) or
    /// [`ErrorKind::DiskFull`](crate::ErrorKind::DiskFull) if the host machine's disk fails or is full. A change that must not be published is not an error but [`Collected::Refused`].
    pub async fn collect(
        &self,
        run: RunId,
        base: &ObjectId,
        policy: &TrustPolicy,
        redactor: &Redactor,
    ) -> Result<Collected> {
        let paths = self.paths(run);
        let root = paths.workspace.clone();
        let refuse = |Finding { reason, paths }| {
            Ok(Collected::Refused(Refusal::new(reason, paths, redactor)))
        };
        let submodules = self.submodules(run).await?;
        let of_inspection = submodules.clone();
        let inspected = spawn_blocking(move || inspect(&root, &of_inspection, MAX_ENTRIES)).await?;
        let (suspects, checked_out) = match inspected {
            Inspected::Refused(finding) => return refuse(finding),
            Inspected::Readable { suspects, checked_out } => (suspects, checked_out),
        };
        if let Some(finding) = self.check_suspects(run, suspects).await? {
            return refuse(finding);
        }
        // Check the limits before git stores objects, because a change over the limits can be too
        // large to hash.
        let mut names = match self.changed_files(run).await? {
            Ok(names) => names,
            Err(finding) => return refuse(finding),
        };
        submodules.remove_from(&mut names);
        if let Some(finding) = self.check_limits(run, &names, policy).await? {
            return refuse(finding);
        }
        let conversions = match self.conversions(run, &names).await? {
            Ok(conversions) => conversions,
            Err(finding) => return refuse(finding),
        };
        if let Some(finding) = self.add(run, names, conversions, policy.max_bytes).await? {
            return refuse(finding);
        }
        let mut exceptions: Vec<_> = checked_out.iter().map(|path| not_collected(path)).collect();
        let records = self.records(run, base).await?;
        if records.is_empty() {
            return Ok(Collected::Nothing { exceptions });
        }
        if let Some(refusal) = check_records(&records, policy, redactor) {
            return Ok(Collected::Refused(refusal));
        }
        if let Some(refusal) = self.check_aliases(run, &records, policy, redactor).await? {
            return Ok(Collected::Refused(refusal));
        }
        let sizes = self.sizes(run, &records).await?;
        // Check the size again: the sizes that git stored can differ from those that `check_limits`
        // measured.
        if let Some(reason) = too_large(sizes.iter().copied(), policy.max_bytes) {
            return Ok(Collected::Refused(Refusal::new(reason, paths_of(&records), redactor)));
        }
        if let Some(refusal) =
            self.check_contents(run, base, &records, &sizes, policy, redactor).await?
        {
            return Ok(Collected::Refused(refusal));
        }
        match self.check_filtered(run, base, &records, &sizes, policy).await? {
            Ok(permitted) => exceptions.extend(permitted),
            Err(finding) => return refuse(finding),
        }
        let tree =
            self.git("write-tree").dir(&paths.git_dir).setting("core.fsync=objects").run().await?;
        let changes =
            records.iter().zip(sizes).map(|(record, bytes)| record.change(bytes)).collect();
        Ok(Collected::Changes(ChangeSet {
            base: base.clone(),
            tree: ObjectId::new(String::from_utf8_lossy(&tree).trim())?,
            changes,
            exceptions,
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

/// Returns a line for the pull request of a run whose agent checked out the submodule at `path`.
fn not_collected(path: &[u8]) -> String {
    let path = escaped(&String::from_utf8_lossy(path));
    format!(
        "the agent checked out the submodule {path}: changes to files of a submodule are not part \
         of this change"
    )
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
    let submodules: Vec<&Vec<u8>> =
        records.iter().filter(|r| r.new_mode == "160000").map(|r| &r.path).collect();
    if !submodules.is_empty() {
        return Some(Refusal::new("the agent added or changed a submodule", submodules, redactor));
    }
    check_names(records, policy, redactor)
}
