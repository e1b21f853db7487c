//! The checks of the contents, names and link targets of changed files (spec: X6, X10).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::cancellable::cancellable;
use super::diff_index::{NO_OBJECT, Record};
use super::symlink::escapes;
use super::{HostGit, Refusal};
use crate::observe::{Redactor, SecretSearch};
use crate::policy::TrustPolicy;
use crate::secret_scan::{Budget, Scan, scan, scan_with};
use crate::{ObjectId, Result, RunId};

/// Total size of the files that are read at a time, in bytes. One larger file is read alone.
const GROUP: u64 = 32 << 20;

/// Minimum length of a known secret that can have other text behind it, in bytes.
const MIN_KNOWN: usize = 16;

/// A changed file and its new contents.
struct File {
    index: usize,
    path: Vec<u8>,
    /// Whether the path is new. Other paths are in the base.
    is_new: bool,
    is_link: bool,
    /// The new contents; `None` for a deleted path.
    content: Option<Vec<u8>>,
}

/// The result of checking one file.
#[derive(Default)]
struct Checked {
    index: usize,
    /// Whether the path or the contents have a secret of the run.
    live: bool,
    escapes: bool,
    /// The secrets in the path.
    name: Vec<Vec<u8>>,
    content: Scan,
}

impl HostGit {
    /// Checks the new contents and the paths of the files in `records`, whose sizes are `sizes`.
    /// Returns a refusal in these cases:
    ///
    /// - A file, a link target or a path contains a secret that the base does not contain.
    /// - An archive cannot be checked.
    /// - A symlink points outside the repository or into a `.git` directory.
    pub(super) async fn check_contents(
        &self,
        run: RunId,
        base: &ObjectId,
        records: &[Record],
        sizes: &[u64],
        policy: &TrustPolicy,
        redactor: &Redactor,
    ) -> Result<Option<Refusal>> {
        // One search for all files, because a secret can be split between files (spec: X10c).
        let mut search = redactor.search();
        let mut budget = Budget::of_change();
        let mut checked = Vec::new();
        for group in groups(sizes) {
            let files = self.files(run, records, group).await?;
            let (found, searched, left) = cancellable(move |over| {
                let found = check_all(&files, &mut search, &mut budget, over);
                (found, search, budget)
            })
            .await?;
            checked.extend(found);
            (search, budget) = (searched, left);
        }
        self.remove_known(run, base, records, &mut checked, policy).await?;
        let matching = |test: &dyn Fn(&Checked) -> bool| {
            let found = checked.iter().filter(|found| test(found));
            found.map(|found| &records[found.index].path).collect::<Vec<_>>()
        };
        let refuse = |reason: &str, test: &dyn Fn(&Checked) -> bool| {
            let paths = matching(test);
            (!paths.is_empty()).then(|| Refusal::new(reason, paths, redactor))
        };
        Ok(refuse("the agent's changes contain data that looks like a secret", &|found| {
            found.live || !found.name.is_empty() || !found.content.secrets.is_empty()
        })
        .or_else(|| {
            refuse(
                "the agent's changes contain an archive that cannot be searched for secrets: its \
                 compression is not that of gzip, zip or zlib, it contains too many archives in each \
                 other, more than 32 MiB of data, or data that cannot be read, or all archives \
                 contain more than 128 MiB of data. Request the data without compression or as \
                 gzip or zip, or commit the file yourself",
                &|found| found.content.incomplete,
            )
        })
        .or_else(|| {
            refuse(
                "the agent's changes contain symlinks that point outside the repository or into .git",
                &|found| found.escapes,
            )
        }))
    }

    async fn files(&self, run: RunId, records: &[Record], group: Vec<usize>) -> Result<Vec<File>> {
        let present = |index: &&usize| records[**index].new_object != NO_OBJECT;
        let objects: Vec<String> =
            group.iter().filter(present).map(|index| records[*index].new_object.clone()).collect();
        let mut contents = self.blobs(run, &objects).await?.into_iter();
        let file = |index: usize| {
            let record = &records[index];
            File {
                index,
                path: record.path.clone(),
                is_new: record.status == b'A',
                is_link: record.new_mode == "120000",
                content: if present(&&index) { contents.next() } else { None },
            }
        };
        Ok(group.into_iter().map(file).collect())
    }

    /// Removes the secrets from `checked` that the base already contains: in a file with the same
    /// contents, or in the old contents of a changed or deleted file. Such a secret is not new, for
    /// example a test key in a file that was moved.
    async fn remove_known(
        &self,
        run: RunId,
        base: &ObjectId,
        records: &[Record],
        checked: &mut [Checked],
        policy: &TrustPolicy,
    ) -> Result<()> {
        let suspicious =
            |found: &Checked| !found.content.secrets.is_empty() || found.content.incomplete;
        if !checked.iter().any(|found| suspicious(found) || !found.name.is_empty()) {
            return Ok(());
        }
        let objects = self.base_objects(run, base).await?;
        for found in checked.iter_mut() {
            if objects.contains(&records[found.index].new_object) {
                found.content = Scan::default();
            }
        }
        let known = Arc::new(self.old_secrets(run, records, policy).await?);
        for found in checked {
            found.content.secrets.retain(|secret| !is_known(secret, &known));
            found.name.retain(|secret| !is_known(secret, &known));
        }
        Ok(())
    }

    /// Returns the secrets in the old contents of the files in `records`, and in the paths of
    /// deleted files. Reads at most as many bytes as a change may have.
    async fn old_secrets(
        &self,
        run: RunId,
        records: &[Record],
        policy: &TrustPolicy,
    ) -> Result<HashSet<Vec<u8>>> {
        let deleted = records.iter().filter(|record| record.status == b'D');
        let mut texts: Vec<Vec<u8>> = deleted.map(|record| record.path.clone()).collect();
        // The old object of a submodule is a commit, which is not in this repository.
        let old = records.iter().filter(|r| r.old_object != NO_OBJECT && r.old_mode != "160000");
        let objects: Vec<&str> = old.map(|record| &*record.old_object).collect();
        let sizes = self.object_sizes(run, &objects).await?;
        let (mut total, mut readable) = (0_u64, Vec::new());
        for object in objects {
            let Some(size) = sizes.get(object) else { continue };
            if total.saturating_add(*size) <= policy.max_bytes.min(GROUP) {
                total += size;
                readable.push(object.to_owned());
            }
        }
        texts.extend(self.blobs(run, &readable).await?);
        cancellable(move |over| {
            let mut budget = Budget::of_change();
            let scans = texts.iter().map_while(|text| scan(text, &mut budget, over));
            scans.flat_map(|scan| scan.secrets).collect()
        })
        .await
    }
}

/// Divides the indices of `sizes` into groups of at most [`GROUP`] bytes.
fn groups(sizes: &[u64]) -> Vec<Vec<usize>> {
    let (mut groups, mut total) = (vec![Vec::new()], 0_u64);
    for (index, size) in sizes.iter().enumerate() {
        if total.saturating_add(*size) > GROUP && total > 0 {
            groups.push(Vec::new());
            total = 0;
        }
        total = total.saturating_add(*size);
        if let Some(group) = groups.last_mut() {
            group.push(index);
        }
    }
    groups
}

/// Returns whether `secret` is in `known`, or begins with a secret in `known`. Text behind a known
/// secret can look like a part of the secret.
fn is_known(secret: &[u8], known: &HashSet<Vec<u8>>) -> bool {
    (MIN_KNOWN..=secret.len()).any(|len| known.contains(&secret[..len])) || known.contains(secret)
}

/// Checks `files`. Stops early if `cancelled` becomes true; the result is not used then.
fn check_all(
    files: &[File],
    search: &mut SecretSearch,
    budget: &mut Budget,
    cancelled: &AtomicBool,
) -> Vec<Checked> {
    files.iter().map_while(|file| check(file, search, budget, cancelled)).collect()
}

fn check(
    file: &File,
    search: &mut SecretSearch,
    budget: &mut Budget,
    cancelled: &AtomicBool,
) -> Option<Checked> {
    let mut checked = Checked { index: file.index, ..Checked::default() };
    checked.live = search.finds_in(&file.path);
    let Some(content) = &file.content else { return Some(checked) };
    if file.is_new {
        checked.name = scan(&file.path, budget, cancelled)?.secrets;
        // The parts of a path can form a secret together.
        let joined: Vec<u8> = file.path.iter().copied().filter(|byte| *byte != b'/').collect();
        checked.name.extend(scan(&joined, budget, cancelled)?.secrets);
    }
    checked.live |= search.finds_in(content);
    checked.escapes = file.is_link && escapes(&file.path, content);
    // The search finds a secret in one encoding. Another one is removed by the scan (spec: X10c).
    let mut live = false;
    checked.content = scan_with(content, budget, cancelled, &mut |decoded| {
        live |= search.finds_in(decoded);
    })?;
    checked.live |= live;
    Some(checked)
}

#[cfg(test)]
mod tests;
