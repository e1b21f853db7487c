#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::os::unix::fs::{PermissionsExt, symlink};

use tar::{Builder, EntryType, Header};

use super::*;

/// An entry of an archive: type, path, and target or contents.
type Entry = (EntryType, &'static [u8], &'static [u8]);

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    let root: &[Entry] = &[(D, b"w/", b"")];
    for (kind, path, more) in root.iter().chain(entries) {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path);
        let link = matches!(kind, EntryType::Link | EntryType::Symlink);
        if link {
            header.as_gnu_mut().unwrap().linkname[..more.len()].copy_from_slice(more);
        }
        let contents: &[u8] = if link { b"" } else { more };
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        header.set_mtime(1_000_000);
        header.set_size(contents.len() as u64);
        header.set_cksum();
        archive.append(&header, contents).unwrap();
    }
    archive.into_inner().unwrap()
}

struct Place {
    parent: tempfile::TempDir,
    workspace: PathBuf,
}

/// Creates a workspace with a file in it, next to a file that must not change.
fn place() -> Place {
    let parent = tempfile::tempdir().unwrap();
    let workspace = parent.path().join("workspace");
    fs::create_dir(&workspace).unwrap();
    fs::write(workspace.join("before"), "before").unwrap();
    fs::write(parent.path().join("canary"), "alive").unwrap();
    Place { parent, workspace }
}

impl Place {
    fn unharmed(&self) {
        let mut names: Vec<_> =
            fs::read_dir(self.parent.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(
            names,
            ["canary", "workspace"],
            "the directory beside the workspace contains other files"
        );
        assert_eq!(fs::read_to_string(self.parent.path().join("canary")).unwrap(), "alive");
    }
}

const D: EntryType = EntryType::Directory;
const F: EntryType = EntryType::Regular;
const L: EntryType = EntryType::Symlink;
const H: EntryType = EntryType::Link;

#[test]
fn an_entry_outside_the_tree_is_refused_and_the_workspace_is_unchanged() {
    // spec: X1
    let cases: &[&[Entry]] = &[
        &[(F, b"w/../canary", b"dead")],
        &[(F, b"/w/x", b"")],
        &[(F, b"w/a/../../canary", b"dead")],
        &[(L, b"w/out", b".."), (F, b"w/out/canary", b"dead")],
        &[(L, b"w/out", b"/etc"), (D, b"w/out/new", b"")],
        &[(D, b"w/d", b""), (L, b"w/d/up", b"../.."), (F, b"w/d/up/canary", b"dead")],
        &[(H, b"w/hard", b"../canary")],
        &[(H, b"w/hard", b"/etc/passwd")],
        &[(L, b"w/out", b".."), (H, b"w/hard", b"w/out/canary")],
        // The same name twice: the existing entry is not written through.
        &[(L, b"w/f", b"../canary"), (F, b"w/f", b"dead")],
        &[(F, b"w/f", b"one"), (F, b"w/f", b"two")],
        &[(EntryType::Char, b"w/null", b"")],
        &[(EntryType::Block, b"w/disk", b"")],
    ];
    for entries in cases {
        let place = place();
        let archive = archive(entries);
        let refused =
            unpack(&place.workspace, &archive[..], UnpackLimits { bytes: 1 << 20, entries: 100 });
        assert!(refused.is_err(), "{entries:?} was accepted");
        assert_eq!(fs::read_to_string(place.workspace.join("before")).unwrap(), "before");
        place.unharmed();
    }
}

#[test]
fn a_tree_is_unpacked_with_its_modes_times_and_links() {
    let place = place();
    let entries: &[Entry] = &[
        (D, b"w/d", b""),
        (F, b"w/d/run", b"#!/bin/sh\n"),
        (H, b"w/d/same", b"w/d/run"),
        (L, b"w/link", b"/nowhere/at all"),
        (EntryType::Fifo, b"w/pipe", b""),
        (F, b"w/\xff\xfe", b"odd"),
    ];
    unpack(&place.workspace, &archive(entries)[..], UnpackLimits { bytes: 1 << 20, entries: 100 })
        .unwrap();
    assert!(!place.workspace.join("before").exists(), "the old tree is still there");
    let run = place.workspace.join("d/run");
    assert_eq!(fs::read_to_string(&run).unwrap(), "#!/bin/sh\n");
    let metadata = fs::metadata(&run).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o755);
    let modified = metadata.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(modified.as_secs(), 1_000_000);
    use std::os::unix::fs::MetadataExt;
    assert_eq!(metadata.nlink(), 2);
    let target = fs::read_link(place.workspace.join("link")).unwrap();
    assert_eq!(target, Path::new("/nowhere/at all"));
    assert!(place.workspace.join(OsStr::from_bytes(b"\xff\xfe")).exists());
    place.unharmed();
}

#[test]
fn holes_stay_holes_and_use_no_disk_space() {
    // spec: X2
    use std::os::unix::fs::MetadataExt;
    const ROOM: usize = 4 * DISK_BLOCK;
    // Only the first byte and one byte in the middle are not zero.
    let mut long = vec![0; 3 * ROOM + 7];
    long[0] = 1;
    long[2 * ROOM] = 2;
    let long: &'static [u8] = long.leak();
    let place = place();
    unpack(
        &place.workspace,
        &archive(&[(F, b"w/long", long)])[..],
        UnpackLimits { bytes: ROOM as u64, entries: 100 },
    )
    .unwrap();
    let laid = place.workspace.join("long");
    assert_eq!(fs::read(&laid).unwrap(), long);
    assert!(fs::metadata(&laid).unwrap().blocks() * 512 <= ROOM as u64, "the file has no holes");
    place.unharmed();
    let error = unpack(
        &place.workspace,
        &archive(&[(F, b"w/long", long)])[..],
        UnpackLimits { bytes: 1_024, entries: 100 },
    );
    assert_eq!(error.unwrap_err().kind(), ErrorKind::LimitExceeded);
    // The file has only holes, and is longer than the limit on the total length permits.
    let holes: &'static [u8] = vec![0; 5 * ROOM].leak();
    let error = unpack(
        &place.workspace,
        &archive(&[(F, b"w/holes", holes)])[..],
        UnpackLimits { bytes: ROOM as u64, entries: 100 },
    );
    assert_eq!(error.unwrap_err().kind(), ErrorKind::LimitExceeded);
    place.unharmed();
}

#[test]
fn trees_are_exchanged_in_steps_without_an_atomic_exchange() {
    let place = place();
    let new = place.parent.path().join("new");
    fs::create_dir(&new).unwrap();
    fs::write(new.join("after"), "").unwrap();
    exchange_in_steps(&new, &place.workspace).unwrap();
    assert!(place.workspace.join("after").exists() && new.join("before").exists());
    fs::remove_dir_all(&new).unwrap();
    // There is no new tree: the old one stays in place.
    exchange_in_steps(&new, &place.workspace).unwrap_err();
    assert!(place.workspace.join("after").exists());
    place.unharmed();
}

#[test]
fn a_tree_that_exceeds_its_limits_is_refused() {
    // spec: X2
    let many: Vec<Entry> = vec![(F, b"w/a", b"1"), (F, b"w/b", b"2"), (F, b"w/c", b"3")];
    for (bytes, entries, expected) in [(3, 3, true), (2, 3, false), (3, 2, false)] {
        let place = place();
        let laid = unpack(&place.workspace, &archive(&many)[..], UnpackLimits { bytes, entries });
        match laid {
            Ok(()) => assert!(expected, "{bytes} bytes, {entries} entries"),
            Err(error) => {
                assert!(!expected, "{error}");
                assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
            }
        }
        place.unharmed();
    }
}

#[test]
fn a_truncated_stream_leaves_the_workspace_unchanged() {
    let whole = archive(&[(D, b"w/d", b""), (F, b"w/d/f", &[7; 2_000])]);
    // In the middle of entries, and between them.
    for cut in [0, 1, 511, 512, 600, 1_024, 1_100, 1_536, 2_000, 3_584, whole.len() - 512] {
        let place = place();
        assert!(
            unpack(&place.workspace, &whole[..cut], UnpackLimits { bytes: 1 << 20, entries: 100 })
                .is_err(),
            "cut at {cut}"
        );
        assert!(place.workspace.join("before").exists());
        place.unharmed();
    }
}

#[test]
fn a_symlink_in_place_of_the_workspace_is_not_followed() {
    let place = place();
    fs::rename(&place.workspace, place.parent.path().join("elsewhere")).unwrap();
    symlink("elsewhere", &place.workspace).unwrap();
    unpack(
        &place.workspace,
        &archive(&[(F, b"w/new", b"")])[..],
        UnpackLimits { bytes: 1 << 20, entries: 100 },
    )
    .unwrap();
    assert!(place.parent.path().join("elsewhere/before").exists(), "the link was followed");
}
