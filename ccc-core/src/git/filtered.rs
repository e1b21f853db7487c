//! Changed files that a filter of the repository, such as Git LFS, converts (spec: X6h).
//!
//! The service side runs no filter. The file that an agent writes is therefore not what the
//! repository stores: a large file instead of a pointer, or a secret in plain text.

use super::HostGit;
use super::attributes::{self, AttributesFile, FILTER};
use super::blocking::write_private;
use super::changes::escaped;
use super::conversion::nul_list;
use super::diff_index::{NO_OBJECT, Record, malformed};
use super::finding::Finding;
use crate::policy::TrustPolicy;
use crate::{Result, RunId};

/// The name of the filter of Git LFS.
const LFS: &str = "lfs";
/// Maximum size of a pointer of Git LFS, in bytes.
/// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>
const MAX_POINTER: u64 = 1_024;
/// Maximum number of names in the list of permitted files.
const MAX_NAMED: usize = 20;

impl HostGit {
    /// Checks that no file in `records`, whose sizes are `sizes`, has a filter and contents that the
    /// filter did not convert. Filters count that the base or the agent's changes name. Returns lines
    /// for the pull request if `policy` permits such files, and a finding if it does not.
    pub(super) async fn check_filtered(
        &self,
        run: RunId,
        records: &[Record],
        sizes: &[u64],
        policy: &TrustPolicy,
    ) -> Result<std::result::Result<Vec<String>, Finding>> {
        let filters = self.filters(run, records).await?;
        let (mut lfs, mut other) = (Vec::new(), Vec::new());
        for ((record, size), filter) in records.iter().zip(sizes).zip(filters) {
            let Some(filter) = filter else { continue };
            let stays = record.new_object == NO_OBJECT || record.new_object == record.old_object;
            if stays
                || record.new_mode == "120000"
                || self.is_converted(run, record, *size, &filter).await?
            {
                continue;
            }
            if filter == LFS {
                lfs.push(record.path.clone());
            } else {
                other.push(record.path.clone());
            }
        }
        if !other.is_empty() {
            let reason = "the repository stores the changed files through a git filter, which does not run \
                          here: a commit would contain the files as they are";
            return Ok(Err(Finding::new(reason, other)));
        }
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

    /// Returns the name of the filter of each file in `records`.
    async fn filters(&self, run: RunId, records: &[Record]) -> Result<Vec<Option<String>>> {
        let git_dir = self.paths(run).git_dir;
        let changed: Vec<&Record> = records
            .iter()
            .filter(|r| r.new_object != NO_OBJECT && r.new_mode != "120000")
            .filter(|r| directory_of_attributes(&r.path).is_some())
            .collect();
        if changed.is_empty() && !self.has_attributes(run).await? {
            return Ok(vec![None; records.len()]);
        }
        let objects: Vec<String> = changed.iter().map(|r| r.new_object.clone()).collect();
        let contents =
            if objects.is_empty() { Vec::new() } else { self.blobs(run, &objects).await? };
        let mut files: Vec<_> = changed
            .iter()
            .zip(contents)
            .filter_map(|(record, content)| {
                let directory = directory_of_attributes(&record.path)?.to_vec();
                Some(AttributesFile { directory, content })
            })
            .collect();
        let file = git_dir.join("changed-attributes");
        write_private(&file, attributes::render(&mut files)).await?;
        let names: Vec<&Vec<u8>> = records.iter().map(|record| &record.path).collect();
        let printed = self
            .git("check-attr")
            .dir(&git_dir)
            .setting(format!("core.attributesFile={}", file.display()))
            .reads_workspace()
            .args(["-z", "--stdin", FILTER])
            .stdin(nul_list(&names))
            .run()
            .await?;
        let mut fields = printed.split(|byte| *byte == 0);
        names
            .iter()
            .map(|name| {
                let (path, _) = (fields.next(), fields.next());
                let value = fields.next().filter(|_| path == Some(name.as_slice()));
                match value.ok_or_else(malformed)? {
                    b"unspecified" | b"unset" | b"set" => Ok(None),
                    filter => Ok(Some(String::from_utf8_lossy(filter).into_owned())),
                }
            })
            .collect()
    }

    /// Returns whether the new contents of the file in `record` have the form that `filter` produces.
    async fn is_converted(
        &self,
        run: RunId,
        record: &Record,
        size: u64,
        filter: &str,
    ) -> Result<bool> {
        if filter == LFS && size > MAX_POINTER {
            return Ok(false);
        }
        let contents = self.blobs(run, std::slice::from_ref(&record.new_object)).await?;
        let content = contents.first().ok_or_else(malformed)?;
        Ok(has_form(content, filter))
    }
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

/// Returns the directory of the attributes file at `path`, or `None` for every other path.
fn directory_of_attributes(path: &[u8]) -> Option<&[u8]> {
    match path.strip_suffix(b".gitattributes")? {
        b"" => Some(b""),
        directory => directory.strip_suffix(b"/"),
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
        for (path, expected) in [
            (".gitattributes", Some("")),
            ("a/b/.gitattributes", Some("a/b")),
            ("a.gitattributes", None),
            ("/.gitattributes", Some("")),
        ] {
            assert_eq!(directory_of_attributes(path.as_bytes()), expected.map(str::as_bytes));
        }
    }
}
