//! Changed files that a filter of the repository, such as Git LFS, converts (spec: X6h).
//!
//! The service side runs no filter. The file that an agent writes is therefore not what the
//! repository stores: a large file instead of a pointer, or a secret in plain text.
//!
//! Files of Git LFS, git-crypt and transcrypt that are converted have a form that shows it. Whether
//! another filter, such as nbstripout, would change a file depends on its program and its settings,
//! which are not part of a repository. Only contents that the base stores with this filter are known
//! to be converted.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::HostGit;
use super::attributes::{BASE, CHANGED, directory_of_attributes};
use super::blocking::write_private;
use super::changes::escaped;
use super::conversion::nul_list;
use super::diff_index::{NO_OBJECT, Record, malformed};
use super::finding::Finding;
use crate::policy::TrustPolicy;
use crate::{ObjectId, Result, RunId};

/// The name of the filter of Git LFS.
const LFS: &str = "lfs";
/// Maximum size of a pointer of Git LFS, in bytes.
/// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>
const MAX_POINTER: u64 = 1_024;
/// Maximum number of names in the list of permitted files.
const MAX_NAMED: usize = 20;

impl HostGit {
    /// Checks that no file in `records`, whose sizes are `sizes`, has a filter and contents that the
    /// filter did not convert. Filters count that the attributes of the commit `base` or those after the
    /// change name. Returns lines for the pull request if `policy` permits such files, and a finding if
    /// it does not.
    pub(super) async fn check_filtered(
        &self,
        run: RunId,
        base: &ObjectId,
        records: &[Record],
        sizes: &[u64],
        policy: &TrustPolicy,
    ) -> Result<std::result::Result<Vec<String>, Finding>> {
        let filters = match self.filters(run, records).await? {
            Ok(filters) => filters,
            Err(finding) => return Ok(Err(finding)),
        };
        let mut raw = Vec::new();
        for ((record, size), filters) in records.iter().zip(sizes).zip(filters) {
            let stays = record.new_object == NO_OBJECT || record.new_object == record.old_object;
            if stays || record.new_mode == "120000" {
                continue;
            }
            for filter in filters {
                if !self.is_converted(run, record, *size, &filter).await? {
                    raw.push((record, filter));
                }
            }
        }
        if let Err(finding) = self.remove_stored(run, base, &mut raw).await? {
            return Ok(Err(finding));
        }
        let (mut lfs, mut other): (Vec<_>, Vec<_>) =
            raw.into_iter().partition(|(_, filter)| filter == LFS);
        let paths = |raw: &mut Vec<(&Record, String)>| {
            raw.dedup_by(|(one, _), (other, _)| one.path == other.path);
            raw.iter().map(|(record, _)| record.path.clone()).collect::<Vec<_>>()
        };
        if !other.is_empty() {
            let names: BTreeSet<_> = other.iter().map(|(_, filter)| filter.clone()).collect();
            return Ok(Err(Finding::new(filter_reason(&names), paths(&mut other))));
        }
        let lfs = paths(&mut lfs);
        if !lfs.is_empty() && !policy.allow_raw_lfs {
            let reason = "the repository stores the changed files with Git LFS, which does not run here: a \
                          commit would contain the files themselves instead of pointers";
            return Ok(Err(Finding::new(reason, lfs)));
        }
        let line = |path: &Vec<u8>| {
            let path = escaped(&String::from_utf8_lossy(path));
            format!("the file {path} belongs to Git LFS, and this change contains the file itself")
        };
        Ok(Ok(lfs.iter().take(MAX_NAMED).map(line).collect()))
    }

    /// Returns the names of the filters of each file in `records`: by the attributes of the base, and by
    /// those after the change. Returns a finding if git exceeds its limits, or if the attributes after
    /// the change do.
    async fn filters(
        &self,
        run: RunId,
        records: &[Record],
    ) -> Result<std::result::Result<Vec<BTreeSet<String>>, Finding>> {
        let is_changed = records.iter().any(|r| directory_of_attributes(&r.path).is_some());
        if !is_changed && !self.has_attributes(run).await? {
            return Ok(Ok(vec![BTreeSet::new(); records.len()]));
        }
        let mut attributes = vec![BASE.filter];
        let mut changed = None;
        if is_changed {
            let rendered = match self.changed_attributes(run).await {
                Ok(rendered) => rendered,
                Err(error) => return Finding::of_limit(error).map(Err),
            };
            let file = self.paths(run).git_dir.join("changed-attributes");
            write_private(&file, rendered).await?;
            attributes.push(CHANGED.filter);
            changed = Some(file);
        }
        let names: Vec<_> = records.iter().map(|record| record.path.as_slice()).collect();
        self.filters_of(run, &names, &attributes, changed.as_deref()).await
    }

    /// Returns the rendered attributes files of the git index of `run`.
    async fn changed_attributes(&self, run: RunId) -> Result<Vec<u8>> {
        let files = self.attributes_in_index(run).await?;
        let objects: Vec<_> = files.iter().map(|(object, _)| object.as_str()).collect();
        self.check_attributes(run, &objects).await?;
        self.render_attributes(run, files, &CHANGED).await
    }

    /// Returns the values of `attributes` of each file in `names` that name a filter. `changed` is the
    /// file with the attributes after the change.
    async fn filters_of(
        &self,
        run: RunId,
        names: &[&[u8]],
        attributes: &[&str],
        changed: Option<&Path>,
    ) -> Result<std::result::Result<Vec<BTreeSet<String>>, Finding>> {
        let mut call = self.git("check-attr").dir(&self.paths(run).git_dir).reads_workspace();
        if let Some(file) = changed {
            call = call.setting(format!("core.attributesFile={}", file.display()));
        }
        let call = call.args(["-z", "--stdin"]).args(attributes).stdin(nul_list(names));
        let printed = match call.run().await {
            Ok(printed) => printed,
            // The number of files and their names determine the time that git needs.
            Err(error) => return Finding::of_limit(error).map(Err),
        };
        let mut fields = printed.split(|byte| *byte == 0);
        let mut filters_of_one = |name: &[u8]| {
            let mut found = BTreeSet::new();
            for attribute in attributes {
                let matches = fields.next()? == name && fields.next()? == attribute.as_bytes();
                match fields.next().filter(|_| matches)? {
                    b"unspecified" | b"unset" | b"set" => {}
                    filter => {
                        found.insert(String::from_utf8_lossy(filter).into_owned());
                    }
                }
            }
            Some(found)
        };
        let found: Option<Vec<_>> = names.iter().map(|name| filters_of_one(name)).collect();
        found.ok_or_else(malformed).map(Ok)
    }

    /// Removes from `raw` the files whose contents the commit `base` stores at another path with the same
    /// filter, for example because the agent moved a file. Returns a finding if git exceeds its limits.
    async fn remove_stored(
        &self,
        run: RunId,
        base: &ObjectId,
        raw: &mut Vec<(&Record, String)>,
    ) -> Result<std::result::Result<(), Finding>> {
        if raw.is_empty() {
            return Ok(Ok(()));
        }
        let objects: HashSet<&str> = raw.iter().map(|(record, _)| &*record.new_object).collect();
        let stored = self.paths_of_objects(run, base, &objects).await?;
        let names: Vec<_> = stored.iter().map(|(_, path)| path.as_slice()).collect();
        let filters = match self.filters_of(run, &names, &[BASE.filter], None).await? {
            Ok(filters) => filters,
            Err(finding) => return Ok(Err(finding)),
        };
        let stored: HashSet<(&str, &str)> = stored
            .iter()
            .zip(&filters)
            .flat_map(|((object, _), filters)| {
                filters.iter().map(|f| (object.as_str(), f.as_str()))
            })
            .collect();
        raw.retain(|(record, filter)| !stored.contains(&(&*record.new_object, filter.as_str())));
        Ok(Ok(()))
    }

    /// Returns whether the new contents of the file in `record` have the form that `filter` produces.
    async fn is_converted(
        &self,
        run: RunId,
        record: &Record,
        size: u64,
        filter: &str,
    ) -> Result<bool> {
        if filter == LFS && size > MAX_POINTER || !has_known_form(filter) {
            return Ok(false);
        }
        let contents = self.blobs(run, std::slice::from_ref(&record.new_object)).await?;
        let content = contents.first().ok_or_else(malformed)?;
        Ok(has_form(content, filter))
    }
}

/// Returns the reason for the refusal of files with the filters `names`.
fn filter_reason(names: &BTreeSet<String>) -> String {
    let (filters, attributes): (Vec<_>, Vec<_>) =
        names.iter().map(|name| (format!("`{name}`"), format!("`filter={name}`"))).unzip();
    format!(
        "the repository stores the changed files through a git filter, which does not run here: a commit would \
         contain the files as they are: a person must commit them where the filter {} runs, or remove the attribute \
         {} from .gitattributes",
        filters.join(" or "),
        attributes.join(" or ")
    )
}

/// Returns whether [`has_form`] knows the form that `filter` produces.
fn has_known_form(filter: &str) -> bool {
    filter == LFS || filter == "crypt" || filter.starts_with("git-crypt")
}

/// Returns whether `content` has the form that `filter` produces. The filter of an unknown name
/// produces no known form.
fn has_form(content: &[u8], filter: &str) -> bool {
    match filter {
        // The specification of Git LFS: an empty file is its own pointer.
        LFS => {
            content.is_empty()
                || content.starts_with(b"version https://git-lfs.github.com/spec/v1\n")
        }
        // The header of an encrypted file: https://github.com/AGWA/git-crypt, commands.cpp.
        _ if filter.starts_with("git-crypt") => content.starts_with(b"\0GITCRYPT\0"),
        // `Salted__` in base64, which OpenSSL writes: https://github.com/elasticdog/transcrypt
        "crypt" => content.starts_with(b"U2FsdGVkX1"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converted_contents_are_recognized() {
        // spec: X6h
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        for (content, filter, expected) in [
            (pointer, "lfs", true),
            ("", "lfs", true),
            ("version https://git-lfs.github.com/spec/v10\n", "lfs", false),
            ("data", "lfs", false),
            ("\0GITCRYPT\0x", "git-crypt", true),
            ("\0GITCRYPT\0x", "git-crypt-key2", true),
            ("password", "git-crypt", false),
            ("U2FsdGVkX1+x", "crypt", true),
            ("password", "crypt", false),
            (pointer, "other", false),
        ] {
            assert_eq!(has_form(content.as_bytes(), filter), expected, "{filter}: {content}");
        }
    }
}
