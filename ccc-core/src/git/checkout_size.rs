//! The size of a checkout, counted before a file is written (spec: X18c).
//!
//! A small repository can have a large checkout. If a tree contains a file many times, git stores
//! the file once. The same applies to a tree that other trees contain many times.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::HostGit;
use super::blocking::{spawn_blocking, write_private};
use super::git_dir::check_git_dir;
use super::limits::GitLimits;
use super::nul_records::NulRecords;
use crate::{Error, ErrorKind, ObjectId, Result};

/// Maximum length of a path in a workspace, in bytes. Linux opens no longer path.
const MAX_PATH: usize = 4_095;
/// Maximum length of a file name, in bytes. The file systems of Linux store no longer name.
const MAX_NAME: usize = 255;
/// Maximum length of the part of a record before the path, in bytes: mode, type, id and size.
const MAX_HEADER: usize = 200;

/// The file of a mirror that contains the size of its last checkout. The next checkout of the same
/// commit uses this size and does not count again.
const CACHE: &str = "checkout-size";

/// The number of files and directories of a checkout, and their total size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    entries: u64,
    bytes: u64,
}

impl HostGit {
    /// Checks that the files of the commit `base` in `mirror` fit into a workspace. Returns their total
    /// size in bytes.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] if the commit has more files and directories or more bytes than
    /// the limits allow, or a path that is too long. The count then stops at the limit.
    pub(super) async fn check_checkout_size(&self, mirror: &Path, base: &ObjectId) -> Result<u64> {
        let (root, directory) = (Arc::clone(&self.root), mirror.to_owned());
        let cached = spawn_blocking(move || {
            let relative = directory.strip_prefix(root.path()).unwrap_or(&directory);
            check_git_dir(&root, relative)?;
            root.below(relative)?.read(CACHE, 200)
        });
        if let Some(size) = cached.await?.and_then(|text| read_cache(&text, base)) {
            return size.check(&self.limits, base).map(|()| size.bytes);
        }
        let (mut count, mut records) = (Count::new(self.limits, base), NulRecords::default());
        self.git("ls-tree")
            .dir(mirror)
            // `-t`: also lists directories, so that a tree without files is counted.
            .args(["-r", "-t", "-l", "-z", "--full-tree", base.as_str()])
            .run_streamed(|chunk| count.add(&mut records, chunk))
            .await?;
        let size = count.finish()?;
        let text = format!("{base} {} {}\n", size.entries, size.bytes);
        write_private(&mirror.join(CACHE), text).await?;
        Ok(size.bytes)
    }
}

/// Reads the size of the commit `base` from the contents of the file [`CACHE`]. Returns `None` if
/// the file is for another commit.
fn read_cache(text: &[u8], base: &ObjectId) -> Option<Size> {
    let line = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let mut fields = line.split(' ');
    if fields.next() != Some(base.as_str()) {
        return None;
    }
    let mut number = || fields.next()?.parse().ok();
    Some(Size { entries: number()?, bytes: number()? })
}

impl Size {
    fn check(self, limits: &GitLimits, base: &ObjectId) -> Result<()> {
        let (entries, bytes) = (limits.checkout_entries, limits.checkout_bytes);
        if self.entries > entries {
            let line = format!(
                "the commit {base} has {} or more files and directories; a workspace may have at most {entries}: make \
                 the repository smaller, or raise the limit of files in a workspace",
                self.entries
            );
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        if self.bytes > bytes {
            let line = format!(
                "the files of the commit {base} have {} or more bytes in total; a workspace may have at most {bytes} \
                 bytes: make the repository smaller, or raise the limit of the size of a workspace",
                self.bytes
            );
            return Err(Error::new(ErrorKind::LimitExceeded, line));
        }
        Ok(())
    }
}

/// The count of the records that `git ls-tree -l -z` prints. Stops at the first record over a limit.
struct Count<'a> {
    limits: GitLimits,
    base: &'a ObjectId,
    size: Size,
    failed: Option<Error>,
}

impl<'a> Count<'a> {
    fn new(limits: GitLimits, base: &'a ObjectId) -> Self {
        Self { limits, base, size: Size::default(), failed: None }
    }

    /// Counts the records that end in `chunk`. `records` contains the start of the first one.
    fn add(&mut self, records: &mut NulRecords, chunk: &[u8]) -> ControlFlow<()> {
        records.read(chunk, |record| {
            self.record(record);
            if self.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if records.partial_len() > MAX_HEADER + MAX_PATH {
            self.failed = Some(self.too_long());
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Counts a record of the form `<mode> <type> <object> <size>TAB<path>`. The size is `-` for a
    /// directory and for a submodule.
    fn record(&mut self, record: &[u8]) {
        let parsed = memchr::memchr(b'\t', record).and_then(|tab| {
            let header = std::str::from_utf8(&record[..tab]).ok()?;
            let size = header.rsplit(' ').next()?;
            let size = if size == "-" { 0 } else { size.parse::<u64>().ok()? };
            Some((size, &record[tab + 1..]))
        });
        let Some((bytes, path)) = parsed else {
            let line = "cannot parse the list of files that git printed";
            self.failed = Some(Error::new(ErrorKind::Unexpected, line));
            return;
        };
        self.size.entries += 1;
        self.size.bytes = self.size.bytes.saturating_add(bytes);
        if path.len() > MAX_PATH || path.split(|b| *b == b'/').any(|name| name.len() > MAX_NAME) {
            self.failed = Some(self.too_long());
        } else {
            self.failed = self.size.check(&self.limits, self.base).err();
        }
    }

    fn too_long(&self) -> Error {
        let line = format!(
            "the commit {} has a file with a path of more than {MAX_PATH} bytes or a name of more than {MAX_NAME} bytes, \
             which cannot be checked out: rename the file",
            self.base
        );
        Error::new(ErrorKind::LimitExceeded, line)
    }

    fn finish(self) -> Result<Size> {
        self.failed.map_or(Ok(self.size), Err)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;
    use proptest::prelude::*;

    const BASE: &str = "1111111111111111111111111111111111111111";

    fn count(output: &[u8], chunk: usize, limits: GitLimits) -> Result<Size> {
        let base = ObjectId::new(BASE)?;
        let (mut count, mut records) = (Count::new(limits, &base), NulRecords::default());
        for chunk in output.chunks(chunk) {
            if count.add(&mut records, chunk).is_break() {
                break;
            }
        }
        count.finish()
    }

    #[test]
    fn records_are_counted_up_to_the_limits() {
        // spec: X18c
        let limits = GitLimits::default().with_checkout_entries(3u64).with_checkout_bytes(100u64);
        let blob = |size: &str, path: &str| format!("100644 blob {BASE} {size}\t{path}\0");
        let tree = |path: &str| format!("040000 tree {BASE}       -\t{path}\0");
        let long = "d/".repeat(2_048) + "f";
        for (output, expected) in [
            (blob("     60", "a") + &blob("40", "b\tc\n") + &tree("d"), Ok((3, 100))),
            (format!("160000 commit {BASE}       -\ts\0"), Ok((1, 0))),
            (blob("60", "a") + &blob("41", "b"), Err("101 or more bytes")),
            (blob("18446744073709551615", "a") + &blob("9", "b"), Err("bytes in total")),
            (tree("a") + &tree("a/a") + &tree("a/a/a") + &tree("b"), Err("4 or more files")),
            (blob("1", &long), Err("path of more than 4095 bytes")),
            (blob("1", &"n".repeat(256)), Err("name of more than 255 bytes")),
            (blob("1", &"n".repeat(255)), Ok((1, 1))),
            (blob("BAD", "a"), Err("cannot parse")),
            ("x".repeat(10_000), Err("path of more than")),
        ] {
            for chunk in [1, 7, 65_536] {
                let found = count(output.as_bytes(), chunk, limits);
                match (&found, &expected) {
                    (Ok(size), Ok((entries, bytes))) => {
                        assert_eq!((size.entries, size.bytes), (*entries, *bytes));
                    }
                    (Err(error), Err(words)) => {
                        assert!(error.to_string().contains(words), "{error}");
                    }
                    _ => panic!("{output:.200}: {found:?}"),
                }
            }
        }
    }

    #[test]
    fn the_cache_is_for_one_commit() {
        let base = ObjectId::new(BASE).unwrap();
        let read = |text: &str| read_cache(text.as_bytes(), &base);
        assert_eq!(read(&format!("{BASE} 2 30\n")), Some(Size { entries: 2, bytes: 30 }));
        for other in ["", "x 2 30\n", &format!("{BASE} 2 30"), &format!("{BASE} 2\n")] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_output_is_counted_or_refused(output in any::<Vec<u8>>()) {
            let _ = count(&output, 3, GitLimits::default());
        }
    }
}
