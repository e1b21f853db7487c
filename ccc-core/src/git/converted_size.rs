//! The size of a checkout after the conversion of line ends, counted before a file is written (spec:
//! X18c).
//!
//! A file with the attribute `eol=crlf` can become twice as large.

use std::ops::ControlFlow;

use super::HostGit;
use super::nul_records::NulRecords;
use crate::{Error, ErrorKind, ObjectId, Result, RunId};

impl HostGit {
    /// Checks that the files of the commit `base` fit into a workspace with the line ends that
    /// `attributes`, the rendered attributes, request. `bytes` is their total size without a conversion.
    ///
    /// The lines of all files are counted, and not only those of converted files. This is necessary only
    /// in a repository that needs more than half of a workspace.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`] if the files have more bytes than the limits allow. The count then
    /// stops at the limit.
    pub(super) async fn check_converted_size(
        &self,
        run: RunId,
        base: &ObjectId,
        attributes: &[u8],
        bytes: u64,
    ) -> Result<()> {
        let most = self.limits.checkout_bytes;
        let is_converted = memchr::memmem::find(attributes, b"eol=crlf").is_some();
        if !is_converted || bytes.saturating_mul(2) <= most {
            return Ok(());
        }
        let (mut list, mut records) = (Vec::new(), NulRecords::default());
        let mut lines = 0_u64;
        self.git("ls-tree")
            .dir(&self.paths(run).git_dir)
            .args(["-r", "-z", "--full-tree", base.as_str()])
            .run_streamed(|chunk| {
                records.read(chunk, |record| {
                    // `<mode> <type> <object>TAB<path>`
                    let header = record.split(|byte| *byte == b'\t').next().unwrap_or_default();
                    if record.starts_with(b"100")
                        && let Some(object) = header.split(|byte| *byte == b' ').nth(2)
                    {
                        list.extend_from_slice(object);
                        list.push(b'\n');
                        // The output below has two line breaks more for each object.
                        lines += 2;
                    }
                    ControlFlow::Continue(())
                })
            })
            .await?;
        let (most_lines, mut found) = (lines.saturating_add(most - bytes), 0_u64);
        self.git("cat-file")
            .dir(&self.paths(run).git_dir)
            .arg("--batch")
            .stdin(list)
            .run_streamed(|chunk| {
                found += memchr::memchr_iter(b'\n', chunk).count() as u64;
                if found > most_lines { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .await?;
        if found <= most_lines {
            return Ok(());
        }
        let line = format!(
            "the files of the commit {base} have {} or more bytes in total with the line end CRLF, which its attributes \
             request; a workspace may have at most {most} bytes: make the repository smaller, or raise the limit of \
             the size of a workspace",
            bytes + found - lines
        );
        Err(Error::new(ErrorKind::LimitExceeded, line))
    }
}
