//! Tests of access control lists on the data directory and on the directories above it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ccc_core::ErrorKind;
use ccc_core::git::HostGit;
use ccc_core::testing::has_part;
use rustix::fs::{XattrFlags, lgetxattr, setxattr};
use rustix::io::Errno;

use crate::support::{chmod, reopen};

const ACCESS: &str = "system.posix_acl_access";
const DEFAULT: &str = "system.posix_acl_default";

/// The tags of the entries in an ACL.
const USER: u16 = 0x02;
const GROUP: u16 = 0x08;

/// Sets an ACL with the entry `extra`, which permits everything that the mask permits.
fn set(path: &Path, name: &str, extra: Option<(u16, u32)>, group: u16, mask: u16) -> bool {
    let none = u32::MAX;
    let mut entries =
        vec![(0x01, 7, none), (0x04, group, none), (0x10, mask, none), (0x20, 0, none)];
    entries.extend(extra.map(|(tag, id)| (tag, 7, id)));
    entries.sort_unstable();
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(u16::to_le_bytes(tag));
        bytes.extend(u16::to_le_bytes(permissions));
        bytes.extend(u32::to_le_bytes(id));
    }
    match setxattr(path, name, &bytes, XattrFlags::empty()) {
        Err(Errno::OPNOTSUPP) => has_part("ACLs", false, "mount the file system with `acl`"),
        result => {
            result.unwrap();
            true
        }
    }
}

fn has_default(path: &Path) -> bool {
    lgetxattr(path, DEFAULT, &mut [0; 1024][..]).is_ok()
}

#[test]
fn an_acl_above_the_data_directory_counts_as_the_kernel_applies_it() {
    // spec: X18e
    let me = rustix::process::geteuid().as_raw();
    let own_group = rustix::process::getegid().as_raw();
    for (name, extra, group, mask, words) in [
        ("another user", Some((USER, 4001)), 5, 7, "the user with UID 4001"),
        ("another group", Some((GROUP, 4002)), 5, 7, "setfacl -x g:4002"),
        ("another user, may not write", Some((USER, 4001)), 5, 5, ""),
        ("this user", Some((USER, me)), 5, 7, ""),
        ("root", Some((USER, 0)), 5, 7, ""),
        ("no further user", None, 5, 7, ""),
    ] {
        let place = tempfile::tempdir().unwrap();
        let above = place.path().join("above");
        fs::create_dir(&above).unwrap();
        if !set(&above, ACCESS, extra, group, mask) {
            return;
        }
        // The mode of the directory is the one that a private group gives it.
        let mode = fs::metadata(&above).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o700 | u32::from(mask) << 3, "{name}");
        let opened = HostGit::open(above.join("host"));
        match words {
            "" => drop(opened.unwrap_or_else(|e| panic!("{name}: {e}"))),
            words => {
                let error = opened.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Refused, "{name}: {error}");
                assert!(error.to_string().contains(words), "{name}: {error}");
                assert!(error.to_string().contains(above.to_str().unwrap()), "{name}: {error}");
            }
        }
        // Without the ACL, the same mode is accepted.
        if me == own_group && rustix::fs::removexattr(&above, ACCESS).is_ok() {
            chmod(&above, 0o770);
            HostGit::open(above.join("host")).unwrap();
        }
    }
}

#[test]
fn the_advised_command_removes_write_access_of_the_group() {
    // spec: X18e
    let root = rustix::process::geteuid().is_root();
    if !has_part("root", root, "run this as root") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let above = place.path().join("two words; 'x'");
    fs::create_dir(&above).unwrap();
    std::os::unix::fs::chown(&above, None, Some(4003)).unwrap();
    if !set(&above, ACCESS, Some((USER, 0)), 7, 7) {
        return;
    }
    let error = HostGit::open(above.join("host")).unwrap_err().to_string();
    let quoted = above.to_str().unwrap().replace('\'', "'\\''");
    let command = format!("chmod g-w '{quoted}'");
    assert!(error.contains("its group may write it"), "{error}");
    assert!(error.contains(&format!("`{command}`")), "{error}");
    let status = std::process::Command::new("sh").args(["-c", &command]).status().unwrap();
    assert!(status.success());
    let mode = fs::metadata(&above).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o750);
    HostGit::open(above.join("host")).unwrap();
}

#[tokio::test]
async fn new_files_of_the_data_directory_get_no_acl() {
    // spec: X18e
    let place = tempfile::tempdir().unwrap();
    let above = place.path().join("above");
    fs::create_dir(&above).unwrap();
    if !set(&above, DEFAULT, Some((USER, 4001)), 7, 7) {
        return;
    }
    // The data directory inherits the list, and is empty: the list is removed.
    let host = above.join("host");
    drop(HostGit::open(&host).unwrap());
    assert!(has_default(&above) && !has_default(&host) && !has_default(&host.join("mirrors")));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&host), mode(&host.join("mirrors"))), (0o700, 0o700));
    drop(reopen(&host).await);
    // A directory that is not empty can contain files of other users.
    for directory in ["", "mirrors"] {
        let path = host.join(directory);
        fs::create_dir_all(host.join("mirrors/example.com")).unwrap();
        for (extra, group, refused) in [
            (Some((USER, 4001)), 0, true),
            (Some((GROUP, 4002)), 0, true),
            (None, 7, true),
            (None, 5, false),
        ] {
            set(&path, DEFAULT, extra, group, 7);
            match HostGit::open(&host) {
                Ok(host) => {
                    assert!(!refused, "{directory} {extra:?}");
                    drop(host);
                }
                Err(error) => {
                    assert!(refused, "{directory} {extra:?}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                    assert!(error.to_string().contains("setfacl -R -b -k"), "{error}");
                }
            }
        }
        rustix::fs::removexattr(&path, DEFAULT).unwrap();
    }
    drop(reopen(&host).await);
}
