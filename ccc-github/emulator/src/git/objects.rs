//! Data that the emulator parses from git's output: commits, directory entries and sizes of
//! changes.

/// A commit, parsed from the output of `git show`.
#[derive(Debug)]
pub(crate) struct CommitInfo {
    pub(crate) sha: String,
    pub(crate) tree: String,
    pub(crate) parents: Vec<String>,
    pub(crate) author: Person,
    pub(crate) committer: Person,
    pub(crate) message: String,
}

/// The author or the committer of a commit.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) email: String,
    /// The time at which the author wrote the change or the committer committed it, in RFC 3339
    /// format.
    pub(crate) date: String,
}

/// The size of a change: its numbers of commits, added lines, deleted lines and files.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stat {
    pub(crate) commits: usize,
    pub(crate) additions: usize,
    pub(crate) deletions: usize,
    pub(crate) files: usize,
}

/// An entry of a directory in a commit.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) is_directory: bool,
    pub(crate) sha: String,
    /// The path from the root of the repository.
    pub(crate) path: String,
}
