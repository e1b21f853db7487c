//! The list of changes that `git diff-index --raw` prints.

use super::{Change, ChangeKind, HostGit};
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

/// The object id that git prints for a path that does not exist. It is the old object of an added
/// path and the new object of a deleted path.
pub(super) const NO_OBJECT: &str = "0000000000000000000000000000000000000000";

/// One changed path, as `git diff-index --raw -z` prints it.
pub(super) struct Record {
    pub(super) old_mode: String,
    pub(super) new_mode: String,
    pub(super) old_object: String,
    pub(super) new_object: String,
    pub(super) status: u8,
    pub(super) path: Vec<u8>,
}

impl HostGit {
    /// Returns the differences between the commit `base` and the git index of `run`.
    pub(super) async fn records(&self, run: RunId, base: &ObjectId) -> Result<Vec<Record>> {
        let raw = self
            .git("diff-index")
            .dir(&self.paths(run).git_dir)
            .args(["--cached", "--raw", "-z", "--no-renames", "--full-index"])
            .args(["--no-ext-diff", "--no-textconv", "--ignore-submodules=none"])
            .args([base.as_str(), "--"])
            .run()
            .await?;
        parse(&raw)
    }
}

impl Record {
    /// Converts this record to a [`Change`]. `bytes` is the size of the file after the change, in
    /// bytes.
    pub(super) fn change(&self, bytes: u64) -> Change {
        Change {
            path: String::from_utf8_lossy(&self.path).into_owned(),
            kind: match self.status {
                b'A' => ChangeKind::Added,
                b'D' => ChangeKind::Deleted,
                _ => ChangeKind::Modified,
            },
            bytes,
        }
    }
}

pub(super) fn malformed() -> Error {
    Error::new(ErrorKind::Unexpected, "cannot parse the list of changed files that git printed")
}

/// Parses the output of `git diff-index --raw -z`. Each record has the form `:<old mode> <new mode>
/// <old object> <new object> <status>NUL<path>NUL`.
fn parse(raw: &[u8]) -> Result<Vec<Record>> {
    let mut fields = raw.split(|byte| *byte == 0);
    let mut records = Vec::new();
    while let Some(header) = fields.next().filter(|header| !header.is_empty()) {
        let path = fields.next().filter(|path| !path.is_empty()).ok_or_else(malformed)?;
        let header = std::str::from_utf8(header).map_err(|_| malformed())?;
        let parts: Vec<&str> = header.trim_start_matches(':').split(' ').collect();
        let [old_mode, new_mode, old_object, new_object, status] = parts[..] else {
            return Err(malformed());
        };
        records.push(Record {
            old_mode: old_mode.to_owned(),
            new_mode: new_mode.to_owned(),
            old_object: old_object.to_owned(),
            new_object: new_object.to_owned(),
            status: *status.as_bytes().first().ok_or_else(malformed)?,
            path: path.to_owned(),
        });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_change_list_is_read_or_refused(raw in any::<Vec<u8>>()) {
            let _ = parse(&raw);
        }
    }
}
