//! Limits of the git processes on the host machine (spec: X18b, X18c).

use std::time::Duration;

use crate::container::Resources;
use crate::setters::setters;

/// Limits of each call of git on the host machine, and of each checkout. A hostile repository can
/// make git use any amount of time, memory and disk space.
///
/// The limits of memory, CPU time and file size apply to each process: git starts helper processes
/// for some calls. The defaults suffice for a repository of several GiB with 100 000 files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GitLimits {
    /// Maximum CPU time of one git process, in whole seconds.
    pub cpu: Duration,
    /// Maximum CPU time of one git process that compares a workspace with a commit, in whole
    /// seconds. The agent and the repository determine this time: they write the files and the
    /// ignore patterns.
    pub workspace_cpu: Duration,
    /// Maximum duration of one call of git.
    pub duration: Duration,
    /// Maximum size of the data segment of one git process, in bytes: its heap, its stacks and its
    /// other private writable memory. The packs that git maps for reading do not count.
    pub memory: u64,
    /// Maximum size of a file that git writes, in bytes. A fetch stores all new objects in one file.
    pub file_bytes: u64,
    /// Maximum size of the standard output of one call of git, in bytes.
    pub output_bytes: u64,
    /// Maximum total size of the files of a checkout, in bytes. The pipeline uses the smaller of
    /// this value and [`Resources::workspace_bytes`].
    pub checkout_bytes: u64,
    /// Maximum number of files and directories of a checkout. The pipeline uses the smaller of this
    /// value and [`Resources::workspace_entries`].
    pub checkout_entries: u64,
}

setters!(GitLimits {
    /// Sets the maximum CPU time of one git process, in whole seconds.
    with_cpu: cpu: Duration,
    /// Sets the maximum CPU time of one git process that compares a workspace with a commit, in
    /// whole seconds.
    with_workspace_cpu: workspace_cpu: Duration,
    /// Sets the maximum duration of one call of git.
    with_duration: duration: Duration,
    /// Sets the maximum size of the data segment of one git process, in bytes.
    with_memory: memory: u64,
    /// Sets the maximum size of a file that git writes, in bytes.
    with_file_bytes: file_bytes: u64,
    /// Sets the maximum size of the standard output of one call of git, in bytes.
    with_output_bytes: output_bytes: u64,
    /// Sets the maximum total size of the files of a checkout, in bytes.
    with_checkout_bytes: checkout_bytes: u64,
    /// Sets the maximum number of files and directories of a checkout.
    with_checkout_entries: checkout_entries: u64,
});

impl GitLimits {
    /// Returns these limits, with a checkout that also fits into a workspace with the limits
    /// `resources`.
    #[must_use]
    pub(crate) fn within(mut self, resources: &Resources) -> Self {
        self.checkout_bytes = self.checkout_bytes.min(resources.workspace_bytes);
        self.checkout_entries = self.checkout_entries.min(resources.workspace_entries);
        self
    }
}

impl Default for GitLimits {
    fn default() -> Self {
        let resources = Resources::default();
        Self {
            cpu: Duration::from_secs(10 * 60),
            workspace_cpu: Duration::from_secs(60),
            duration: Duration::from_secs(30 * 60),
            memory: 4 << 30,
            file_bytes: 16 << 30,
            output_bytes: 256 << 20,
            checkout_bytes: resources.workspace_bytes,
            checkout_entries: resources.workspace_entries,
        }
    }
}
