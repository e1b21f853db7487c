//! The limits that the engine does not hold (spec: X2).

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use ccc_keeper::{Keep, exit};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use tokio::sync::oneshot;

use crate::memory;

/// How long to wait between two looks: ten times as long as one takes, and no longer than lets a breach be
/// seen within seconds.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);
/// A crowd that is there at so many looks in a row stays.
const CROWDED_LOOKS: u32 = 3;

/// Tells the exit status that names the limit, when one is reached. Watches from a thread that is there from
/// the beginning: in a crowd there is no other to be had.
pub(crate) fn breach(keep: Keep) -> io::Result<oneshot::Receiver<u8>> {
    let (tell, told) = oneshot::channel();
    thread::Builder::new().name("watch".to_owned()).spawn(move || {
        let _ = tell.send(watch(&keep));
    })?;
    Ok(told)
}

fn watch(keep: &Keep) -> u8 {
    let mut crowded = 0;
    let mut wait = SHORTEST;
    loop {
        thread::sleep(wait);
        crowded = if memory::is_crowded() { crowded + 1 } else { 0 };
        if crowded == CROWDED_LOOKS {
            return exit::PROCESSES;
        }
        let start = Instant::now();
        if let Some(breach) = measure(keep) {
            return breach;
        }
        wait = (start.elapsed() * 10).clamp(SHORTEST, LONGEST);
    }
}

/// The first limit of the workspace that is exceeded.
pub(crate) fn measure(keep: &Keep) -> Option<u8> {
    let (mut bytes, mut entries) = (0_u64, 0_u64);
    let mut linked = HashSet::new();
    let mut open = vec![PathBuf::from(&keep.workspace)];
    while let Some(directory) = open.pop() {
        let listing = match list(&directory) {
            Ok(listing) => listing,
            // Too deep for a path: nobody needs that who does not hide something.
            Err(e) if e.kind() == io::ErrorKind::InvalidFilename => return Some(exit::ENTRIES),
            // Gone meanwhile.
            Err(e) if is_gone(&e) => continue,
            // What cannot be counted could be anything.
            Err(_) => return Some(exit::ENTRIES),
        };
        for entry in listing.flatten() {
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            entries += 1;
            let path = directory.join(OsStr::from_bytes(name));
            let look = || rustix::fs::statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW);
            let found = match look() {
                // A directory can be listed and not entered.
                Err(Errno::ACCESS) => open_up(&directory).and_then(|()| Ok(look()?)),
                found => found.map_err(io::Error::from),
            };
            let found = match found {
                Ok(found) => found,
                Err(e) if is_gone(&e) => continue,
                Err(_) => return Some(exit::ENTRIES),
            };
            let many = found.st_nlink > 1;
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                open.push(path);
            } else if many && !linked.insert((found.st_dev, found.st_ino)) {
                continue;
            }
            bytes += u64::try_from(found.st_blocks).unwrap_or(0) * 512;
            if bytes > keep.bytes {
                return Some(exit::BYTES);
            }
            if entries > keep.entries {
                return Some(exit::ENTRIES);
            }
        }
    }
    None
}

/// A directory's entries. One that its owner, which we are, may not look into is opened up.
fn list(directory: &Path) -> io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::open(directory, flags, Mode::empty());
    let opened = match open() {
        Err(Errno::ACCESS) => {
            open_up(directory)?;
            open()
        }
        opened => opened,
    };
    Ok(Dir::new(opened?)?)
}

fn open_up(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;
