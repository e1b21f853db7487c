//! Entries of a workspace that are refused unless git ignores them (spec: X6b, X6c).

use std::collections::HashSet;

use super::HostGit;
use super::finding::Finding;
use crate::{Result, RunId};

/// Maximum number of suspects. The inspection of a workspace stops at this number.
const MAX_SUSPECTS: usize = 10_000;
/// Maximum length of a path that git is asked about, in bytes.
const MAX_ASKED: usize = 4_000;

/// Nested repositories, special files, and entries that cannot be read. An ignored entry never
/// leaves, so it is no reason to refuse the agent's work.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspects {
    /// The `.git` entries of nested repositories, under any name that a file system can treat as
    /// `.git`.
    pub(super) nested: Vec<Vec<u8>>,
    /// Pipes, sockets and devices.
    pub(super) special: Vec<Vec<u8>>,
    /// Files and directories that cannot be read.
    pub(super) unreadable: Vec<Vec<u8>>,
}

impl Suspects {
    /// Returns whether the inspection must stop. The suspects are then refused without asking git:
    /// either there are too many, or git would open one of them to learn what it ignores. Git waits
    /// for a writer when it opens a pipe.
    pub(super) fn must_stop(&self) -> bool {
        let is_read_by_git = |path: &Vec<u8>| {
            let name = path.rsplit(|byte| *byte == b'/').next();
            matches!(name, Some(b".gitignore" | b".gitattributes"))
        };
        self.nested.len() + self.special.len() + self.unreadable.len() >= MAX_SUSPECTS
            || self.special.last().is_some_and(is_read_by_git)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nested.is_empty() && self.special.is_empty() && self.unreadable.is_empty()
    }

    /// Returns a finding with the suspects of the first non-empty kind, or `None` if there are no
    /// suspects.
    pub(super) fn into_finding(self) -> Option<Finding> {
        let (reason, paths) = if !self.nested.is_empty() {
            ("the workspace contains a nested git repository", self.nested)
        } else if !self.special.is_empty() {
            ("the workspace contains pipes, sockets or devices", self.special)
        } else if !self.unreadable.is_empty() {
            ("the workspace contains files or directories that cannot be read", self.unreadable)
        } else {
            return None;
        };
        Some(Finding::new(reason, paths))
    }
}

impl HostGit {
    /// Returns a finding for those of `suspects`, entries of the workspace of `run`, that git does
    /// not ignore.
    pub(super) async fn check_suspects(
        &self,
        run: RunId,
        suspects: Suspects,
    ) -> Result<Option<Finding>> {
        if suspects.is_empty() {
            return Ok(None);
        }
        let asked: HashSet<Vec<u8>> = suspects
            .nested
            .iter()
            .map(|path| asked_for_nested(path))
            .chain(
                suspects.special.iter().chain(&suspects.unreadable).map(|path| short_enough(path)),
            )
            .filter(|path| !path.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        let ignored = match self.ignored(run, &asked).await? {
            Ok(ignored) => ignored,
            Err(finding) => return Ok(Some(finding)),
        };
        // Git reads the tracked files of an ignored directory.
        let unreadable: HashSet<_> = suspects.unreadable.iter().cloned().collect();
        let read = if unreadable.is_empty() {
            HashSet::new()
        } else {
            self.directories_in_index(run, unreadable).await?
        };
        let Suspects { mut nested, mut special, mut unreadable } = suspects;
        nested.retain(|path| !ignored.contains(asked_for_nested(path)));
        special.retain(|path| !ignored.contains(short_enough(path)));
        unreadable.retain(|path| !ignored.contains(short_enough(path)) || read.contains(path));
        Ok(Suspects { nested, special, unreadable }.into_finding())
    }
}

/// Returns the path of the repository that has the `.git` entry `path`. Git ignores a whole
/// repository, and not its `.git`.
fn asked_for_nested(path: &[u8]) -> &[u8] {
    short_enough(parent(path))
}

/// Returns `path`, or the nearest directory above it whose path is short enough for git. If git
/// ignores a directory, it also ignores everything in it.
fn short_enough(mut path: &[u8]) -> &[u8] {
    while path.len() > MAX_ASKED {
        path = parent(path);
    }
    path
}

fn parent(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).map_or(b"", |end| &path[..end])
}
