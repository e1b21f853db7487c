//! The checks of the files of a local repository, before git reads or writes them (spec: X20e).

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{DirEntry, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use ccc_core::untrusted_text::one_line;
use ccc_core::{Error, ErrorKind, Result};

use crate::local_repository::MAX_LINE_FILE;

/// The files of a git directory that git reads, each with its maximum size in bytes. Git reads some of
/// them into memory as a whole.
const FILES: &[(&str, u64)] = &[
    ("HEAD", MAX_LINE_FILE),
    ("config", 16 << 20),
    ("config.worktree", 16 << 20),
    ("commondir", MAX_LINE_FILE),
    ("packed-refs", u64::MAX),
    ("shallow", 64 << 20),
    ("objects/info/alternates", MAX_LINE_FILE),
];

/// Maximum number of entries in the directories of refs, and in those of packs. The check of more
/// entries would take long.
const MAX_ENTRIES: usize = 100_000;

/// Maximum number of loose objects. Their files are checked without another system call.
const MAX_OBJECTS: usize = 1_000_000;

/// Maximum number of repositories whose objects a repository borrows. Git borrows the objects of six
/// repositories at most that borrow from each other.
const MAX_ALTERNATES: usize = 100;

/// The next step after a check of a file fails.
const RESTORE: &str = "restore it from a clone of the repository";

/// Checks that the files in `git_dir`, a git directory of the repository at `root`, are regular files,
/// and that its refs and objects contain no symlink to a directory. Git would wait for a writer of a
/// FIFO, and write refs and objects outside of the repository.
///
/// The directory `objects` itself must not be a symlink either: it could lead to any directory. A
/// repository borrows the objects of another one with the file `objects/info/alternates`.
pub(crate) fn check_files(root: &Path, git_dir: &Path) -> Result<()> {
    for (name, most) in FILES {
        // The type is read without opening the file. A symlink to a regular file is harmless.
        let Ok(found) = std::fs::metadata(git_dir.join(name)) else { continue };
        if !is_plain(&git_dir.join(name), &found) {
            return Err(not_a_file(root, name));
        }
        if found.len() > *most {
            let why =
                format!("has the file {name} in its git directory with more than {most} bytes");
            return Err(unusable(root, &why, RESTORE));
        }
    }
    for name in ["refs", "refs/heads", "reftable", "objects"] {
        let Ok(found) = std::fs::symlink_metadata(git_dir.join(name)) else { continue };
        // In the format reftable, `refs/heads` is a file.
        let is_usual = found.is_dir() || name == "refs/heads" && found.is_file();
        if !is_usual {
            let why = format!("has {name} in its git directory, which is not a directory");
            return Err(unusable(root, &why, RESTORE));
        }
    }
    // Git replaces these files through a symlink.
    for name in ["packed-refs", "shallow"] {
        if git_dir.join(name).is_symlink() {
            return Err(not_a_file(root, name));
        }
    }
    for tree in &TREES {
        check_tree(root, git_dir, tree, tree.limit)?;
    }
    check_alternates(root, git_dir)
}

/// Checks the objects that the repository at `root` with the git directory `git_dir` borrows from other
/// repositories.
fn check_alternates(root: &Path, git_dir: &Path) -> Result<()> {
    let mut waiting = vec![git_dir.join("objects")];
    let mut checked = HashSet::new();
    while let Some(objects) = waiting.pop() {
        let file = objects.join("info/alternates");
        let Ok(found) = std::fs::metadata(&file) else { continue };
        if !is_plain(&file, &found) || found.len() > MAX_LINE_FILE {
            return Err(not_a_file(root, &file.to_string_lossy()));
        }
        let Ok(text) = std::fs::read(&file) else { continue };
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let borrowed = objects.join(OsStr::from_bytes(line));
            let Ok(borrowed) = std::fs::canonicalize(borrowed) else { continue };
            if checked.len() >= MAX_ALTERNATES {
                let why = format!("borrows the objects of more than {MAX_ALTERNATES} repositories");
                return Err(unusable(root, &why, "copy the objects with `git repack -ad`"));
            }
            if checked.insert(borrowed.clone()) {
                for tree in &TREES {
                    if let Ok(rest) = Path::new(tree.name).strip_prefix("objects") {
                        check_entries(root, git_dir, borrowed.join(rest), tree, tree.limit)?;
                    }
                }
                waiting.push(borrowed);
            }
        }
    }
    Ok(())
}

/// A directory of a git directory whose entries are checked.
struct Tree {
    name: &'static str,
    /// The number of levels of directories below it that are checked too.
    levels: usize,
    /// Maximum size of a file, in bytes. The value is `None` if git does not read a file as a whole.
    most: Option<u64>,
    /// Maximum number of entries.
    limit: usize,
    /// The next step if there are too many entries.
    step: &'static str,
}

const TREES: [Tree; 5] = [
    Tree {
        name: "refs",
        levels: usize::MAX,
        most: Some(MAX_LINE_FILE),
        limit: MAX_ENTRIES,
        step: "pack its refs with `git pack-refs --all`",
    },
    Tree {
        name: "reftable",
        levels: 0,
        most: None,
        limit: MAX_ENTRIES,
        step: "compact it with `git pack-refs --all`",
    },
    Tree { name: "objects", levels: 1, most: None, limit: MAX_OBJECTS, step: PACK },
    Tree { name: "objects/info", levels: 1, most: None, limit: MAX_ENTRIES, step: PACK },
    Tree { name: "objects/pack", levels: 1, most: None, limit: MAX_ENTRIES, step: PACK },
];

/// The next step if there are too many loose objects or packs.
const PACK: &str = "pack its objects with `git gc`";

/// Checks the entries of `tree`, at most `limit`, in `git_dir`, a git directory of the repository at
/// `root`.
fn check_tree(root: &Path, git_dir: &Path, tree: &Tree, limit: usize) -> Result<()> {
    check_entries(root, git_dir, git_dir.join(tree.name), tree, limit)
}

/// Checks the entries of `directory` as those of `tree`.
fn check_entries(
    root: &Path,
    git_dir: &Path,
    directory: PathBuf,
    tree: &Tree,
    limit: usize,
) -> Result<()> {
    let mut directories = vec![(directory, tree.levels)];
    let mut entries = 0;
    while let Some((directory, levels)) = directories.pop() {
        // Git cannot open a directory either that this process cannot open.
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            entries += 1;
            if entries > limit {
                let name = tree.name;
                let why = format!("has more than {limit} entries in {name} of its git directory");
                return Err(unusable(root, &why, tree.step));
            }
            if entry.file_type().is_ok_and(|found| found.is_dir()) {
                if levels > 0 {
                    directories.push((entry.path(), levels - 1));
                }
            } else if !is_harmless(&entry, tree.most) {
                let path = entry.path();
                let name = path.strip_prefix(git_dir).unwrap_or(&path);
                return Err(not_a_file(root, &name.to_string_lossy()));
            }
        }
    }
    Ok(())
}

/// Returns whether `entry`, which is not a directory, is a regular file of at most `most` bytes, or a
/// symlink to such a file.
fn is_harmless(entry: &DirEntry, most: Option<u64>) -> bool {
    if most.is_none() && entry.file_type().is_ok_and(|found| found.is_file()) {
        return true;
    }
    let path = entry.path();
    match std::fs::metadata(&path) {
        Ok(found) => is_plain(&path, &found) && most.is_none_or(|most| found.len() <= most),
        // A symlink that leads nowhere is a damaged ref, or a file that git has removed by now.
        Err(_) => true,
    }
}

/// Returns whether the file at `path` with the metadata `found` is a regular file on a disk. A file of
/// `/proc` has the length 0, and can have contents without an end.
fn is_plain(path: &Path, found: &Metadata) -> bool {
    found.is_file() && !(found.len() == 0 && path.is_symlink())
}

/// Checks that the ref of the branch `branch` in `git_dir`, a git directory of the repository at
/// `root`, is no symlink and at most as long as a ref can be.
pub(crate) fn check_branch(root: &Path, git_dir: &Path, branch: &str) -> Result<()> {
    let name = format!("refs/heads/{branch}");
    match std::fs::symlink_metadata(git_dir.join(&name)) {
        Ok(found) if !found.is_dir() && (!found.is_file() || found.len() > MAX_LINE_FILE) => {
            Err(not_a_file(root, &name))
        }
        _ => Ok(()),
    }
}

/// Returns the error that the file `name` in the git directory of the repository at `root` is not a
/// regular file.
fn not_a_file(root: &Path, name: &str) -> Error {
    let why = format!(
        "has the file {} in its git directory, which is not a regular file of a usual size",
        one_line(name, 300)
    );
    unusable(root, &why, RESTORE)
}

/// Returns the error that a run cannot use the repository at `root`. `why` is the reason, and `step` is
/// the next step of the operator.
pub(crate) fn unusable(root: &Path, why: &str, step: &str) -> Error {
    let line = format!("the git repository {} {why}: {step}", root.display());
    Error::new(ErrorKind::InvalidInput, line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure fails the test")]

    use super::*;

    #[test]
    fn a_directory_with_too_many_entries_is_refused() {
        // spec: X20e
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for tree in &TREES {
            let filled = root.join(tree.name);
            std::fs::create_dir_all(&filled).unwrap();
            let check = |limit| check_tree(root, root, tree, limit);
            for number in 0..5 {
                std::fs::File::create(filled.join(number.to_string())).unwrap();
            }
            check(5).unwrap();
            let error = check(4).unwrap_err().to_string();
            assert!(error.contains("more than 4 entries") && error.contains(tree.step), "{error}");
        }
        // The entries of directories count too.
        std::fs::create_dir_all(root.join("refs/heads/a/b")).unwrap();
        assert!(check_tree(root, root, &TREES[0], 7).is_err());
        check_tree(root, root, &TREES[0], 8).unwrap();
    }
}
