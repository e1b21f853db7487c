//! The submodules of the commit that a run is based on (spec: X6g).

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::{ffi::OsStr, io, os::unix::ffi::OsStrExt as _};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat, statat};

use crate::remove_tree::remove_tree_at;

/// The paths of submodules, relative to the root of the repository. Git stores a pointer to a commit
/// at such a path, and the workspace has an empty directory there.
#[derive(Clone, Debug, Default)]
pub(super) struct Submodules {
    /// The sorted paths.
    paths: Vec<Vec<u8>>,
}

/// The state of the directory of a submodule after the agent's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubmoduleState {
    /// The directory is empty.
    Empty,
    /// The agent checked the submodule out. The directory has been removed.
    CheckedOut,
    /// The directory contains files, but no repository.
    Changed,
}

impl Submodules {
    pub(super) fn new(mut paths: Vec<Vec<u8>>) -> Self {
        paths.sort();
        Self { paths }
    }

    /// Returns whether a submodule is at `path`.
    pub(super) fn contains(&self, path: &[u8]) -> bool {
        self.at_or_below(path).any(|found| found == path)
    }

    /// Returns the submodules at `path` and in the directory `path`.
    pub(super) fn at_or_below<'a>(&'a self, path: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let start = self.paths.partition_point(|other| other.as_slice() < path);
        self.paths[start..]
            .iter()
            .map(Vec::as_slice)
            .take_while(move |other| other.starts_with(path))
            .filter(move |other| matches!(other.get(path.len()), None | Some(b'/')))
    }

    /// Removes the paths of submodules from `names`.
    pub(super) fn remove_from(&self, names: &mut Vec<Vec<u8>>) {
        names.retain(|name| !self.contains(name));
    }
}

/// Returns the state of the directory `name` of a submodule in `at`. Removes the directory if it is a
/// repository: a checked-out submodule is not a change, and git must not read its `.git`.
pub(super) fn take_away(at: &OwnedFd, name: &[u8]) -> io::Result<SubmoduleState> {
    let name = OsStr::from_bytes(name);
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(at, name, flags, Mode::empty())?;
    if statat(&directory, ".git", AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        remove_tree_at(at, name, &AtomicBool::new(false))?;
        return Ok(SubmoduleState::CheckedOut);
    }
    for entry in Dir::read_from(&directory)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(SubmoduleState::Changed);
        }
    }
    Ok(SubmoduleState::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_compared_by_its_components() {
        let paths = ["a/b", "a-b", "a/b-c", "a/b/c", "lib"];
        let submodules = Submodules::new(paths.map(|path| path.as_bytes().to_vec()).to_vec());
        for (path, expected) in [
            ("a", &["a/b", "a/b-c", "a/b/c"][..]),
            ("a/b", &["a/b", "a/b/c"]),
            ("lib", &["lib"]),
            ("li", &[]),
            ("lib/x", &[]),
            ("", &[]),
        ] {
            let found: Vec<_> = submodules.at_or_below(path.as_bytes()).collect();
            let expected: Vec<_> = expected.iter().map(|path| path.as_bytes()).collect();
            assert_eq!(found, expected, "{path}");
            assert_eq!(submodules.contains(path.as_bytes()), paths.contains(&path), "{path}");
        }
    }
}
