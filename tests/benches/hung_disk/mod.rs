//! A disk that stops responding on request.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::Result;

/// The size of the file system, in bytes.
const BYTES: u64 = 256 << 20;

/// A file system whose writes can be made to hang. Dropping the value makes it respond again, and
/// unmounts it.
#[derive(Debug)]
pub(crate) struct HungDisk {
    /// The directory in which the file system is mounted.
    mounted: PathBuf,
}

impl HungDisk {
    /// Mounts a new file system in a directory below `place`. Returns `None` if this process may not
    /// mount.
    pub(crate) fn mount(place: &Path) -> Result<Option<Self>> {
        let (image, mounted) = (place.join("image"), place.join("disk"));
        std::fs::File::create(&image)?.set_len(BYTES)?;
        std::fs::create_dir(&mounted)?;
        let [image, at] = [&image, &mounted].map(|path| path.as_os_str());
        let made = run("mkfs.ext4", &["-q".as_ref(), image])
            && run("mount", &["-o".as_ref(), "loop".as_ref(), image, at]);
        Ok(made.then_some(Self { mounted }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.mounted
    }

    /// Makes each write to the disk wait until [`respond`](Self::respond) is called.
    pub(crate) fn hang(&self) -> Result<()> {
        match run("fsfreeze", &["-f".as_ref(), self.mounted.as_os_str()]) {
            true => Ok(()),
            false => Err("cannot freeze the file system".into()),
        }
    }

    pub(crate) fn respond(&self) {
        run("fsfreeze", &["-u".as_ref(), self.mounted.as_os_str()]);
    }
}

impl Drop for HungDisk {
    fn drop(&mut self) {
        self.respond();
        run("umount", &["-l".as_ref(), self.mounted.as_os_str()]);
    }
}

/// Executes a program without output. Returns whether it succeeded.
fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> bool {
    let mut command = Command::new(program);
    let status = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
