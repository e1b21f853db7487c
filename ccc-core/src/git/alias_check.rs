//! The check of the names that symlinks give to changed files (spec: X17e).

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;

use super::aliases::{Alias, Symlink, TooManySteps, aliases, is_relevant};
use super::blocking::spawn_blocking;
use super::cancellable::cancellable;
use super::diff_index::{Record, malformed};
use super::names::protected_reason;
use super::{HostGit, Refusal};
use crate::observe::Redactor;
use crate::policy::TrustPolicy;
use crate::{Result, RunId};

/// One path of the git index.
struct Entry {
    path: Vec<u8>,
    object: String,
    is_symlink: bool,
}

impl HostGit {
    /// Returns a refusal if a change in `records` affects a file with a protected name. Only the
    /// names that symlinks of the repository give to a file are checked, new symlinks included.
    pub(super) async fn check_aliases(
        &self,
        run: RunId,
        records: &[Record],
        policy: &TrustPolicy,
        redactor: &Redactor,
    ) -> Result<Option<Refusal>> {
        let listed = self
            .git("ls-files")
            .dir(&self.paths(run).git_dir)
            .args(["-z", "--stage", "--full-name"])
            .run()
            .await?;
        let for_entries = policy.clone();
        let (entries, is_needed) = spawn_blocking(move || {
            let entries = parse(&listed).ok_or_else(malformed)?;
            let is_needed =
                entries.iter().any(|e| e.is_symlink && is_relevant(&e.path, &for_entries));
            Ok((entries, is_needed))
        })
        .await?;
        if !is_needed {
            return Ok(None);
        }
        let objects: BTreeSet<&str> =
            entries.iter().filter(|e| e.is_symlink).map(|e| &*e.object).collect();
        let objects: Vec<String> = objects.into_iter().map(str::to_owned).collect();
        let targets = self.blobs(run, &objects).await?;
        let targets: HashMap<String, Vec<u8>> = objects.into_iter().zip(targets).collect();
        let changed: Vec<Vec<u8>> = records.iter().map(|record| record.path.clone()).collect();
        let policy = policy.clone();
        let found =
            cancellable(move |over| find(&entries, &targets, &changed, &policy, over)).await?;
        Ok(match found {
            Ok(found) => refusal(&found, redactor),
            Err(TooManySteps) => Some(Refusal::new(
                "the symlinks of the repository lead to too many names to check the change: a \
                 person must make these changes",
                records.iter().map(|record| &record.path),
                redactor,
            )),
        })
    }
}

fn find(
    entries: &[Entry],
    targets: &HashMap<String, Vec<u8>>,
    changed: &[Vec<u8>],
    policy: &TrustPolicy,
    cancelled: &AtomicBool,
) -> Result<Vec<Alias>, TooManySteps> {
    let symlinks: Vec<Symlink<'_>> = entries
        .iter()
        .filter(|entry| entry.is_symlink)
        .filter_map(|entry| {
            Some(Symlink { path: &entry.path, target: targets.get(&entry.object)? })
        })
        .collect();
    let files: Vec<&[u8]> = entries.iter().map(|entry| &*entry.path).collect();
    let changed: Vec<&[u8]> = changed.iter().map(Vec::as_slice).collect();
    aliases(&symlinks, &files, &changed, policy, cancelled)
}

/// Returns the refusal of a change that affects the paths in `found`. The refusal names the paths
/// and the symlinks that lead to them.
fn refusal(found: &[Alias], redactor: &Redactor) -> Option<Refusal> {
    let protections: BTreeSet<_> = found.iter().map(|alias| alias.protection).collect();
    let paths = found.iter().map(|alias| {
        [alias.path.as_slice(), b" (the symlink ", alias.symlink.as_slice(), b" leads to it)"]
            .concat()
    });
    (!found.is_empty())
        .then(|| Refusal::new(protected_reason(protections.into_iter()), paths, redactor))
}

/// Parses the output of `git ls-files -z --stage`. Each entry has the form
/// `<mode> <object> <stage>TAB<path>NUL`.
fn parse(listed: &[u8]) -> Option<Vec<Entry>> {
    let lines = listed.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let tab = memchr::memchr(b'\t', line)?;
            let mut fields = std::str::from_utf8(&line[..tab]).ok()?.split(' ');
            let (mode, object) = (fields.next()?, fields.next()?);
            Some(Entry {
                path: line[tab + 1..].to_vec(),
                object: object.to_owned(),
                is_symlink: mode == "120000",
            })
        })
        .collect()
}
