//! Parsed commits, directory entries and change sizes.

/// A commit.
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
    /// The date of the commit, in RFC 3339 format.
    pub(crate) date: String,
}

/// The size of a change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stat {
    pub(crate) commits: usize,
    pub(crate) additions: usize,
    pub(crate) deletions: usize,
    pub(crate) files: usize,
}

/// An entry of a directory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) is_directory: bool,
    pub(crate) sha: String,
    /// The path from the root of the repository.
    pub(crate) path: String,
}
