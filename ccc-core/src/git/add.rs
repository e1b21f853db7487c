//! Adding the files of a workspace to the git index of a run (spec: X6f).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::HostGit;
use super::blocking::{spawn_blocking, unusable};
use super::conversion::Conversion;
use super::diff_index::{NO_OBJECT, malformed};
use super::finding::Finding;
use super::walk::Workspace;
use crate::remove_tree::remove_tree;
use crate::{Result, RunId};

/// The mode of a symlink.
const SYMLINK: &str = "120000";

/// The changed state of one path of a workspace.
struct Changed {
    path: Vec<u8>,
    /// The mode that git stores for the new file, and the path of the copy relative to the directory
    /// of copies. `None` if the path is no longer a file.
    file: Option<(&'static str, String)>,
}

impl HostGit {
    /// Adds the files `names` in the workspace of `run` to the git index of `run`. A file that does
    /// not exist is removed from the index.
    ///
    /// Git reads copies of the files and not the workspace. A program that changes the workspace at
    /// the same time can therefore not make git store a file of another place. A copy is in the
    /// directory of its conversion, for which the run's attributes file has a line.
    ///
    /// Returns a finding if the files have more than `max_bytes` bytes in total, or if git rejects
    /// the name of a file. For example, git rejects the name `a\.git`, and rejects a symlink with
    /// the name `.gitmodules`. A rejected name is a fault in the agent's changes, and not an error
    /// of this method. The method leaves the check of names to git, because git knows more invalid
    /// names than this crate.
    pub(super) async fn add(
        &self,
        run: RunId,
        names: Vec<Vec<u8>>,
        conversions: Vec<Conversion>,
        max_bytes: u64,
    ) -> Result<Option<Finding>> {
        let paths = self.paths(run);
        let copies = paths.root.join("new");
        remove_tree(copies.clone()).await?;
        let (workspace, target) = (paths.workspace.clone(), copies.clone());
        let copied = spawn_blocking(move || {
            std::fs::DirBuilder::new().create(&target).map_err(|e| unusable(&target, &e))?;
            copy(&workspace, &target, names, &conversions, max_bytes)
                .map_err(|e| unusable(&target, &e))
        });
        let changed = match copied.await? {
            Ok(changed) => changed,
            Err(names) => {
                let reason = format!(
                    "the changed files have more than {max_bytes} bytes in total, the limit of the trust policy"
                );
                return Ok(Some(Finding::new(reason, names)));
            }
        };
        let copied = changed.iter().filter_map(|changed| changed.file.as_ref());
        let list: String = copied.map(|(_, copy)| format!("runs/{run}/new/{copy}\n")).collect();
        let printed = self
            .git("hash-object")
            .dir(&paths.git_dir)
            .setting("core.fsync=objects")
            .args(["-w", "--stdin-paths"])
            .stdin(list)
            .run()
            .await?;
        remove_tree(copies).await?;
        let printed = String::from_utf8_lossy(&printed);
        let input = index_info(&changed, printed.lines()).ok_or_else(malformed)?;
        let call =
            self.git("update-index").dir(&paths.git_dir).args(["-z", "--index-info"]).stdin(input);
        let (status, _, stderr) = call.run_raw().await?;
        // Git skips a path with an invalid name and succeeds.
        if let Some(name) = refused_name(&stderr) {
            let reason = "the agent's changes contain a file name that git rejects";
            return Ok(Some(Finding::new(reason, vec![name.to_owned()])));
        }
        if !status.success() {
            return Err(call.failure(&stderr));
        }
        Ok(None)
    }
}

/// Copies the files `names` of `workspace` to `target`, to the directories of their `conversions`,
/// with the names `0`, `1` and so on. The copy of a symlink contains its target. Returns the names as
/// an error if the files have more than `max_bytes` bytes in total.
#[allow(clippy::type_complexity, reason = "the inner error is the list of names of a finding")]
fn copy(
    workspace: &Path,
    target: &Path,
    names: Vec<Vec<u8>>,
    conversions: &[Conversion],
    max_bytes: u64,
) -> io::Result<std::result::Result<Vec<Changed>, Vec<Vec<u8>>>> {
    let workspace = Workspace::open(workspace)?;
    for conversion in Conversion::ALL {
        std::fs::DirBuilder::new().create(target.join(conversion.directory()))?;
    }
    let (mut changed, mut left, mut files) = (Vec::new(), max_bytes, 0);
    for (path, conversion) in names.iter().zip(conversions) {
        // Git lists a directory only if the directory is a repository, which `inspect` refuses.
        if path.ends_with(b"/") {
            continue;
        }
        let (mode, mut content) = match open(&workspace, path) {
            Ok(Some(opened)) => opened,
            Ok(None) => {
                changed.push(Changed { path: path.clone(), file: None });
                continue;
            }
            Err(e) => return Err(e),
        };
        // The target of a symlink has no line ends.
        let conversion = if mode == SYMLINK { Conversion::None } else { *conversion };
        let name = format!("{}/{files}", conversion.directory());
        let mut copy = File::create_new(target.join(&name))?;
        files += 1;
        let copied = io::copy(&mut content.by_ref().take(left.saturating_add(1)), &mut copy)?;
        copy.flush()?;
        match left.checked_sub(copied) {
            Some(rest) => left = rest,
            None => return Ok(Err(names)),
        }
        changed.push(Changed { path: path.clone(), file: Some((mode, name)) });
    }
    Ok(Ok(changed))
}

/// Opens the file or symlink at `path` in `workspace`. Returns the mode that git stores for the
/// file, and a reader of the content. Returns `None` if no file or symlink is at `path`.
fn open(
    workspace: &Workspace,
    path: &[u8],
) -> io::Result<Option<(&'static str, Box<dyn io::Read>)>> {
    let (directory, name) = match workspace.parent(path) {
        Ok(found) => found,
        // A directory was removed, or replaced by a file or a symlink.
        Err(e)
            if matches!(
                Errno::from_io_error(&e),
                Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
            ) =>
        {
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    let directory = directory.as_ref().unwrap_or(workspace.descriptor());
    let name = OsStr::from_bytes(name);
    // NONBLOCK: opening a named pipe must not wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => {
            let target = readlinkat(directory, name, Vec::new())?.into_bytes();
            return Ok(Some((SYMLINK, Box::new(io::Cursor::new(target)))));
        }
        opened => opened?,
    };
    let found = fstat(&file)?;
    let mode = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile if found.st_mode & 0o100 != 0 => "100755",
        FileType::RegularFile => "100644",
        _ => return Ok(None),
    };
    Ok(Some((mode, Box::new(File::from(file)))))
}

/// Returns the input of `git update-index -z --index-info`. `objects` are the ids of the new files,
/// in the order of `changed`. Returns `None` if their number differs.
fn index_info<'a>(
    changed: &[Changed],
    mut objects: impl Iterator<Item = &'a str>,
) -> Option<Vec<u8>> {
    // Removed paths come first, because a directory can replace a file or a file a directory.
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for Changed { path, file } in changed {
        let (list, mode, object) = match file {
            None => (&mut removed, "0", NO_OBJECT),
            Some((mode, _)) => (&mut added, *mode, objects.next()?),
        };
        list.extend_from_slice(format!("{mode} {object}\t").as_bytes());
        list.extend_from_slice(path);
        list.push(0);
    }
    removed.append(&mut added);
    objects.next().is_none().then_some(removed)
}

/// Extracts `NAME` from the line `Ignoring path NAME` of git's standard error. `NAME` can contain any
/// bytes. Only its first line is returned.
fn refused_name(stderr: &[u8]) -> Option<&[u8]> {
    stderr.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(&b"Ignoring path "[..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;
    use crate::git::walk::tests::swapping;

    #[test]
    fn the_rejected_name_is_read_from_the_output() {
        for (words, expected) in [
            ("Ignoring path a\\.git\n", Some("a\\.git")),
            ("warning: x\nIgnoring path it's\nIgnoring path b\n", Some("it's")),
            ("error: open(\"x\"): Permission denied\n", None),
            ("fatal: malformed index info Ignoring path\n", None),
        ] {
            let found = refused_name(words.as_bytes());
            assert_eq!(found, expected.map(str::as_bytes), "{words}");
        }
    }

    /// Returns the contents that [`copy`] reads for the file `name`.
    fn copied(workspace: &Path, name: &[u8]) -> Option<Vec<u8>> {
        let target = tempfile::tempdir().unwrap();
        let names = vec![name.to_vec()];
        let changed = copy(workspace, target.path(), names, &[Conversion::None], 1_000);
        let file = &changed.unwrap().unwrap()[0].file;
        file.as_ref().map(|(_, copy)| std::fs::read(target.path().join(copy)).unwrap())
    }

    #[test]
    fn a_file_of_a_swapped_directory_is_not_copied() {
        // spec: X6f
        let (place, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let top = place.path().join("top");
        std::fs::create_dir_all(top.join("a")).unwrap();
        std::fs::write(top.join("a/f"), "own").unwrap();
        std::fs::write(victim.path().join("f"), "secret").unwrap();
        let mut fooled = 0;
        swapping(&top, victim.path(), || {
            for _ in 0..500 {
                assert_ne!(copied(&top, b"a/f").as_deref(), Some(&b"secret"[..]));
            }
            // The same swaps redirect a reader that first checks the path and then opens it.
            for _ in 0..200_000 {
                let directory = std::fs::symlink_metadata(top.join("a")).unwrap().is_dir();
                let content = std::fs::read(top.join("a/f")).unwrap();
                fooled += usize::from(directory && content == b"secret");
                if fooled > 0 {
                    break;
                }
            }
        });
        assert!(fooled > 0, "no reader was redirected");
    }

    #[test]
    fn files_are_copied_with_their_modes_and_up_to_the_limit() {
        // spec: X6d, X6f
        let (place, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let top = place.path().join("top");
        std::fs::create_dir_all(top.join("d")).unwrap();
        std::fs::write(top.join("d/f"), "12345").unwrap();
        std::fs::write(top.join("run"), "#!").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(top.join("run"), executable).unwrap();
        std::os::unix::fs::symlink("d/f", top.join("l")).unwrap();
        let names = ["../top/run", "d", "d/f", "gone", "l", "l/x", "run"];
        let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let text = [Conversion::Text; 7];
        let changed = copy(&top, target.path(), names.clone(), &text, 10).unwrap().unwrap();
        let files: Vec<_> =
            changed.iter().map(|c| c.file.as_ref().map(|(mode, copy)| (*mode, &**copy))).collect();
        let (file, link) = (Some(("100644", "text/0")), Some((SYMLINK, "bytes/1")));
        assert_eq!(files, [None, None, file, None, link, None, Some(("100755", "text/2"))]);
        for (name, content) in [("text/0", "12345"), ("bytes/1", "d/f"), ("text/2", "#!")] {
            assert_eq!(std::fs::read_to_string(target.path().join(name)).unwrap(), content);
        }
        let objects = ["1", "2", "3"];
        let input = index_info(&changed, objects.into_iter()).unwrap();
        let input = String::from_utf8(input).unwrap();
        assert!(input.ends_with("100644 1\td/f\x00120000 2\tl\x00100755 3\trun\0"), "{input}");
        assert!(input.starts_with(&format!("0 {NO_OBJECT}\t../top/run\0")), "{input}");
        assert!(index_info(&changed, ["1"].into_iter()).is_none());
        assert!(index_info(&changed, ["1", "2", "3", "4"].into_iter()).is_none());
        let other = tempfile::tempdir().unwrap();
        assert_eq!(copy(&top, other.path(), names.clone(), &text, 9).unwrap().err(), Some(names));
    }
}
