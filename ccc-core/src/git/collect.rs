//! What an agent changed, read by our own git, and whether it may leave (spec: X6, X7, X10).

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;

use super::{Change, ChangeKind, ChangeSet, HostGit, Refusal, walk};
use crate::observe::Redactor;
use crate::policy::TrustPolicy;
use crate::secret_scan::SecretShapes;
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

/// The most files that a workspace may hold.
const MAX_ENTRIES: u64 = 2_000_000;
const NO_OBJECT: &str = "0000000000000000000000000000000000000000";

/// What was found in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collected {
    /// Nothing changed.
    Nothing,
    /// This changed, and may leave.
    Changes(ChangeSet),
    /// It changed in a way that must not leave.
    Refused(Refusal),
}

/// One record of `git diff-index --raw -z`.
struct Record {
    old_mode: String,
    new_mode: String,
    old_object: String,
    new_object: String,
    status: u8,
    path: Vec<u8>,
}

impl HostGit {
    /// Reads what changed in the run's workspace since `base`, and checks it against `policy`.
    ///
    /// No program of the run may be alive. The throw-away `.git` is deleted. Objects are on disk,
    /// synced, when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] and [`ErrorKind::LimitExceeded`] when the host's disk does not do;
    /// a change that must not leave is no error but [`Collected::Refused`].
    pub async fn collect(
        &self,
        run: RunId,
        base: &ObjectId,
        policy: &TrustPolicy,
        redactor: &Redactor,
    ) -> Result<Collected> {
        let paths = self.paths(run);
        let root = paths.workspace.clone();
        let inspected = tokio::task::spawn_blocking(move || walk::inspect(&root, MAX_ENTRIES))
            .await
            .map_err(|e| Error::new(ErrorKind::Unexpected, "inspection died").with_source(e))??;
        if let Err((reason, paths)) = inspected {
            return Ok(Collected::Refused(Refusal::new(reason, paths, redactor)));
        }
        // Before anything is stored: what is too much to leave is too much to hash, too.
        if let Some((reason, names)) = self.too_much(run, policy).await? {
            return Ok(Collected::Refused(Refusal::new(reason, names, redactor)));
        }
        if let Some((reason, names)) = self.add(run).await? {
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
        // What was stored counts, should it be more than what was seen before.
        if let Some(reason) = too_large(sizes.iter().copied(), policy) {
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

    /// Whether more files or bytes differ than may leave.
    async fn too_much(&self, run: RunId, policy: &TrustPolicy) -> Result<Option<walk::Finding>> {
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
            let reason =
                format!("the work changes {} files; {} may leave", names.len(), policy.max_files);
            return Ok(Some((reason, names)));
        }
        let size = |name: &Vec<u8>| {
            let path = paths.workspace.join(std::ffi::OsStr::from_bytes(name));
            // A file that is gone takes nothing along.
            std::fs::symlink_metadata(path).map_or(0, |found| found.len())
        };
        Ok(too_large(names.iter().map(size), policy).map(|reason| (reason, names)))
    }

    async fn records(&self, run: RunId, base: &ObjectId) -> Result<Vec<Record>> {
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

    /// Looks into the new contents: links must stay inside, secrets must stay here.
    async fn check_contents(
        &self,
        run: RunId,
        records: &[Record],
        redactor: &Redactor,
    ) -> Result<Option<Refusal>> {
        let (mut escaping, mut leaking) = (Vec::new(), Vec::new());
        for record in records {
            let gone = record.new_object == NO_OBJECT;
            let odd = !gone && SecretShapes::adds(b"", &record.path);
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
            // What a person committed before is not the agent's doing.
            let old = match record.old_object.as_str() {
                NO_OBJECT => Vec::new(),
                // Nothing to compare with.
                _ if !SecretShapes::adds(b"", &new) => Vec::new(),
                // The commit of a submodule, which is not here.
                _ if record.old_mode == "160000" => Vec::new(),
                object => self.blob(run, object).await?,
            };
            if redactor.finds_in(&new) || SecretShapes::adds(&old, &new) {
                leaking.push(&record.path);
            }
        }
        Ok(if !leaking.is_empty() {
            Some(Refusal::new("the work holds what looks like a secret", leaking, redactor))
        } else if !escaping.is_empty() {
            Some(Refusal::new(
                "the work holds links that lead out of the repository",
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

impl Record {
    fn change(&self, bytes: u64) -> Change {
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

fn malformed() -> Error {
    Error::new(ErrorKind::Unexpected, "git printed a change list that we cannot read")
}

/// Parses `:<mode> <mode> <object> <object> <status>NUL<path>NUL`, repeated.
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

fn too_large(sizes: impl Iterator<Item = u64>, policy: &TrustPolicy) -> Option<String> {
    let most = policy.max_bytes;
    // Files of holes are as large as they like, and together more than a number holds.
    let total = sizes.fold(0, u64::saturating_add);
    (total > most).then(|| format!("the work is {total} bytes in changed files; {most} may leave"))
}

fn paths_of(records: &[Record]) -> impl Iterator<Item = &Vec<u8>> {
    records.iter().map(|record| &record.path)
}

/// What can be refused by names, modes and numbers alone.
fn check_records(records: &[Record], policy: &TrustPolicy, redactor: &Redactor) -> Option<Refusal> {
    let matching = |test: &dyn Fn(&Record) -> bool| -> Vec<&Vec<u8>> {
        records.iter().filter(|r| test(r)).map(|r| &r.path).collect()
    };
    let refuse = |reason: &str, test: &dyn Fn(&Record) -> bool| {
        let paths = matching(test);
        (!paths.is_empty()).then(|| Refusal::new(reason, paths, redactor))
    };
    refuse("the work adds or moves a submodule", &|r| r.new_mode == "160000")
        .or_else(|| {
            refuse("the work has file names that are no printable UTF-8", &|r| {
                std::str::from_utf8(&r.path).map_or(true, |path| path.chars().any(char::is_control))
            })
        })
        .or_else(|| {
            refuse("the work changes files that configure tools or reviews", &|r| {
                policy.protects(&String::from_utf8_lossy(&r.path))
            })
        })
}

/// Whether a link at `path` to `target` leads out of the tree, or into a `.git`.
///
/// `..` may stand at the start alone. After a name it would go up from wherever that name leads: the
/// name may be a link itself, and two links that each stay inside may lead out together.
fn escapes(path: &[u8], target: &[u8]) -> bool {
    let mut above = path.split(|b| *b == b'/').count() - 1;
    let mut named = false;
    target.starts_with(b"/")
        || target.split(|b| *b == b'/').any(|part| match part {
            b"" | b"." => false,
            b".." if named || above == 0 => true,
            b".." => {
                above -= 1;
                false
            }
            name => {
                named = true;
                walk::is_dot_git(name)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links_may_point_anywhere_inside() {
        // spec: X6c
        for (path, target, expected) in [
            ("a", "b", false),
            ("a", "/etc/passwd", true),
            ("a", "..", true),
            ("a/b", "../c", false),
            ("a/b", "../../c", true),
            ("a/b", "c/../../../d", true),
            ("a/b/c", "../../d", false),
            ("a", "./b/c", false),
            ("a", "b/../c", true),
            ("a/b/c", ".././../d", false),
            ("a", ".git/hooks", true),
            ("a/b", "../.GIT", true),
        ] {
            assert_eq!(escapes(path.as_bytes(), target.as_bytes()), expected, "{path} -> {target}");
        }
    }

    proptest! {
        #[test]
        fn any_change_list_is_read_or_refused(raw in any::<Vec<u8>>()) {
            let _ = parse(&raw);
        }
    }
}
