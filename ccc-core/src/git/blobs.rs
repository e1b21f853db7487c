//! Reading of git objects, many at a time.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::HostGit;
use super::diff_index::malformed;
use super::nul_records::NulRecords;
use crate::{ObjectId, Result, RunId};

impl HostGit {
    /// Returns the sizes of `objects`, in bytes. An object that does not exist has no entry.
    pub(super) async fn object_sizes(
        &self,
        run: RunId,
        objects: &[&str],
    ) -> Result<HashMap<String, u64>> {
        let list: String = objects.iter().map(|object| format!("{object}\n")).collect();
        let printed = self
            .git("cat-file")
            .dir(&self.paths(run).git_dir)
            .args(["--batch-check=%(objectname) %(objectsize)"])
            .stdin(list)
            .run()
            .await?;
        Ok(String::from_utf8_lossy(&printed)
            .lines()
            .filter_map(|line| {
                let (object, size) = line.split_once(' ')?;
                Some((object.to_owned(), size.parse().ok()?))
            })
            .collect())
    }

    /// Returns the contents of `objects`, in the same order.
    pub(super) async fn blobs(&self, run: RunId, objects: &[String]) -> Result<Vec<Vec<u8>>> {
        let list: String = objects.iter().map(|object| format!("{object}\n")).collect();
        let printed = self
            .git("cat-file")
            .dir(&self.paths(run).git_dir)
            .arg("--batch")
            .stdin(list)
            .run()
            .await?;
        let blobs = parse(&printed).filter(|blobs| blobs.len() == objects.len());
        blobs.ok_or_else(malformed)
    }

    /// Returns the ids of all files in the commit `base`.
    pub(super) async fn base_objects(
        &self,
        run: RunId,
        base: &ObjectId,
    ) -> Result<HashSet<String>> {
        let listed = self
            .git("ls-tree")
            .dir(&self.paths(run).git_dir)
            .args(["-r", "--object-only", base.as_str()])
            .run()
            .await?;
        Ok(String::from_utf8_lossy(&listed).lines().map(str::to_owned).collect())
    }

    /// Returns the files in the commit `base` whose contents are one of `objects`: the id of the object
    /// and the path.
    pub(super) async fn paths_of_objects(
        &self,
        run: RunId,
        base: &ObjectId,
        objects: &HashSet<&str>,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        let (mut found, mut records) = (Vec::new(), NulRecords::default());
        self.git("ls-tree")
            .dir(&self.paths(run).git_dir)
            .args(["-r", "-z", "--full-tree", base.as_str()])
            .run_streamed(|chunk| {
                records.read(chunk, |record| {
                    // `<mode> <type> <object>TAB<path>`
                    if let Some(tab) = memchr::memchr(b'\t', record)
                        && let Ok(header) = std::str::from_utf8(&record[..tab])
                        && let Some(object) = header.split(' ').nth(2)
                        && objects.contains(object)
                    {
                        found.push((object.to_owned(), record[tab + 1..].to_vec()));
                    }
                    ControlFlow::Continue(())
                })
            })
            .await?;
        Ok(found)
    }
}

/// Parses the output of `git cat-file --batch`: for each object `<id> <kind> <size>`, a line break,
/// the contents, and a line break.
fn parse(mut printed: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut blobs = Vec::new();
    while !printed.is_empty() {
        let end = memchr::memchr(b'\n', printed)?;
        let header = std::str::from_utf8(&printed[..end]).ok()?;
        let size: usize = header.rsplit(' ').next()?.parse().ok()?;
        let start = end + 1;
        let stop = start.checked_add(size)?;
        blobs.push(printed.get(start..stop)?.to_vec());
        printed = printed.get(stop + 1..)?;
    }
    Some(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_may_look_like_headers() {
        for (printed, expected) in [
            ("", Some(vec![])),
            ("a blob 3\nx\ny\n", Some(vec!["x\ny"])),
            ("a blob 0\n\nb blob 9\na blob 1\n\n", Some(vec!["", "a blob 1\n"])),
            ("a missing\n", None),
            ("a blob 9\nx\n", None),
        ] {
            let found = parse(printed.as_bytes());
            let expected =
                expected.map(|all| all.iter().map(|text| text.as_bytes().to_vec()).collect());
            assert_eq!(found, expected, "{printed:?}");
        }
    }
}
