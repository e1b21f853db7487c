//! Tests of a full disk of the service. They need root, to mount small file systems.

use std::process::Command;

use ccc_core::ErrorKind;
use ccc_core::git::HostGit;
use ccc_core::testing::has_part;
use tempfile::TempDir;

use crate::support::{Entry, World, run, within};

/// A small file system in memory, which is unmounted when the value is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a file system with these options.
    fn new(options: &str) -> Self {
        let at = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at.path());
        assert!(mount.status().unwrap().success(), "cannot mount");
        Self(at)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.unwrap().success() || std::thread::panicking(), "cannot unmount");
    }
}

#[tokio::test]
async fn a_full_disk_of_the_service_is_reported_as_such() {
    // spec: X20c
    if !has_part("root", rustix::process::geteuid().is_root(), "run this as root") {
        return;
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(3 << 20)
    .collect();
    let names: Vec<String> = (0..600).map(|n| format!("{n}")).collect();
    let large: &[Entry] = &[("100644", "large", &noise)];
    let many: Vec<Entry> = names.iter().map(|name| ("100644", &**name, &b"x"[..])).collect();
    for (entries, options, during) in [
        (large, "size=2m", Some("fetch")),
        // The files and a pack are written at the same time. Either call can fail first.
        (large, "size=4m", Some("")),
        (large, "size=7m", Some("")),
        (&many, "size=50m,nr_inodes=300", Some("")),
        // Proof that the size of the disk matters.
        (large, "size=50m", None),
        (&many, "size=50m", None),
    ] {
        let World { temp, remote, host } = World::new(entries);
        drop(host);
        let disk = SmallDisk::new(options);
        let host = HostGit::open(disk.0.path().join("host")).unwrap();
        let world = World { temp, remote, host };
        let checked_out = within(120, world.checkout(run(1))).await.map(drop);
        match (checked_out, during) {
            (Ok(()), None) => {}
            (Err(error), Some(during)) => {
                assert_eq!(error.kind(), ErrorKind::DiskFull, "{options}: {error}");
                let words = format!("so that `git {during}");
                assert!(error.to_string().contains(&words), "{options}: {error}");
            }
            (result, _) => panic!("{options}: {result:?}"),
        }
    }
}
