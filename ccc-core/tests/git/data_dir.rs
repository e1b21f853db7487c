//! Tests of the access to the data directory: its owner, its mode, and the directories above it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use ccc_core::ErrorKind;
use ccc_core::git::HostGit;
use ccc_core::testing::has_part;

use crate::support::{TREE, World, chmod, reopen, run, write};

/// The UID of another user.
const OTHER: u32 = 65_534;

fn is_root() -> bool {
    has_part("root", rustix::process::geteuid().is_root(), "run this as root")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The variable that gives the child process of the test below its directory.
const CHILD: &str = "CCC_TEST_DATA_DIR_CHILD";

/// Opens a data directory and checks out a repository if the process is the child with its own
/// umask.
#[tokio::test]
async fn child_with_another_umask() {
    let Some(place) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let host = HostGit::open(place.join("new/host")).unwrap();
    let access = ccc_core::vcs::Access::open(
        ccc_core::vcs::Grant::Read,
        place.join("remote.git").to_str().unwrap(),
    );
    host.checkout(run(1), &crate::support::repository(), &access).await.unwrap();
}

#[test]
fn every_trusted_directory_is_private_whatever_the_umask() {
    // spec: X18a
    for umask in ["000", "002", "022", "077", "777"] {
        let world = World::new(TREE);
        let child = Command::new("/bin/sh")
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["data_dir::child_with_another_umask", "--exact", "--nocapture"])
            .env(CHILD, world.path())
            .output()
            .unwrap();
        assert!(child.status.success(), "{umask}: {child:?}");
        let host = world.path().join("new/host");
        let run = format!("runs/{}", run(1));
        for directory in [
            "..",
            "",
            "mirrors",
            "mirrors/example.com",
            "mirrors/example.com/7.git",
            "mirrors/example.com/7.git/objects",
            "runs",
            &run,
            &format!("{run}/git"),
            &format!("{run}/workspace"),
            "patches",
        ] {
            assert_eq!(mode(&host.join(directory)), 0o700, "umask {umask}: {directory}");
        }
        assert_eq!(mode(&host.join("lock")), 0o600, "umask {umask}");
        assert_eq!(mode(&host.join("mirrors/example.com/7.git/config")) & 0o077, 0);
        let file = host.join(&run).join("workspace/README.md");
        assert_eq!(mode(&file) & 0o700, 0o600, "umask {umask}");
    }
}

#[test]
fn the_private_group_of_the_user_may_write_the_directory_above() {
    // spec: X18a
    let place = tempfile::tempdir().unwrap();
    let above = place.path().join("above");
    fs::create_dir(&above).unwrap();
    let owner = fs::metadata(&above).unwrap();
    chmod(&above, 0o775);
    // Whether a group with another number is private depends on the accounts of the machine.
    let opened = HostGit::open(above.join("host"));
    assert!(opened.is_ok() || owner.uid() != owner.gid(), "{opened:?}");
}

/// An act on a closed data directory, and a part of the error with which it is then refused.
struct Refused {
    name: &'static str,
    act: fn(&Path),
    words: &'static str,
    needs_root: bool,
}

fn of_another_user(path: &Path) {
    chown(path, Some(OTHER), Some(OTHER)).unwrap();
}

const REFUSED: &[Refused] = &[
    Refused {
        name: "everybody may write",
        act: |host| chmod(host, 0o777),
        words: "chmod 700",
        needs_root: false,
    },
    Refused {
        name: "everybody may write, with the sticky bit",
        act: |host| chmod(host, 0o1777),
        words: "chmod 700",
        needs_root: false,
    },
    Refused {
        name: "the group may write",
        act: |host| chmod(host, 0o770),
        words: "chmod 700",
        needs_root: false,
    },
    Refused {
        name: "everybody may read",
        act: |host| chmod(host, 0o755),
        words: "chmod 700",
        needs_root: false,
    },
    Refused {
        name: "a directory in it",
        act: |host| chmod(&host.join("mirrors"), 0o777),
        words: "the directories `mirrors` and `runs` of the data directory",
        needs_root: false,
    },
    Refused {
        name: "a symlink",
        act: |host| {
            fs::rename(host, host.with_file_name("moved")).unwrap();
            symlink("moved", host).unwrap();
        },
        words: "symbolic link",
        needs_root: false,
    },
    Refused {
        name: "a symlink in it",
        act: |host| {
            fs::rename(host.join("mirrors"), host.join("moved")).unwrap();
            symlink("moved", host.join("mirrors")).unwrap();
        },
        words: "symbolic link",
        needs_root: false,
    },
    Refused {
        name: "everybody may write the directory above",
        act: |host| chmod(host.parent().unwrap(), 0o777),
        words: "chmod go-w",
        needs_root: false,
    },
    Refused {
        name: "a group of other users may write the directory above",
        act: |host| {
            let above = host.parent().unwrap();
            chown(above, None, Some(OTHER)).unwrap();
            chmod(above, 0o770);
        },
        words: "chmod go-w",
        needs_root: true,
    },
    Refused { name: "another owner", act: of_another_user, words: "UID 65534", needs_root: true },
    Refused {
        name: "another owner of a directory in it",
        act: |host| of_another_user(&host.join("mirrors")),
        words: "mirrors belongs to another user",
        needs_root: true,
    },
    Refused {
        name: "another owner of a file in it",
        act: |host| {
            write(host, "credentials.key", "x");
            of_another_user(&host.join("credentials.key"));
        },
        words: "credentials.key belongs to another user",
        needs_root: true,
    },
    Refused {
        name: "another owner of the lock file",
        act: |host| of_another_user(&host.join("lock")),
        words: "lock belongs to another user",
        needs_root: true,
    },
    Refused {
        name: "another owner of the directory above",
        act: |host| of_another_user(host.parent().unwrap()),
        words: "belongs to another user",
        needs_root: true,
    },
];

#[tokio::test]
async fn a_data_directory_that_others_can_write_or_replace_is_refused() {
    // spec: X18a
    for case in REFUSED {
        if case.needs_root && !is_root() {
            continue;
        }
        let place = tempfile::tempdir().unwrap();
        let above = place.path().join("above");
        fs::create_dir(&above).unwrap();
        let host = above.join("host");
        let opened = HostGit::open(&host).unwrap();
        write(&host, "mirrors/example.com/7.git/HEAD", "");
        drop(opened);
        drop(reopen(&host).await);
        (case.act)(&host);
        let before = mode(&host);
        let error = HostGit::open(&host).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{}: {error}", case.name);
        assert!(error.to_string().contains(case.words), "{}: {error}", case.name);
        assert_eq!(mode(&host), before, "{}: the mode was changed", case.name);
    }
}

#[tokio::test]
async fn other_directories_are_accepted() {
    // spec: X18a
    let place = tempfile::tempdir().unwrap();
    // Nobody can have replaced a file in an empty directory.
    for before in [0o777, 0o755, 0o770, 0o500, 0o000] {
        let host = place.path().join(format!("{before:o}"));
        fs::create_dir(&host).unwrap();
        chmod(&host, before);
        HostGit::open(&host).unwrap();
        assert_eq!(mode(&host), 0o700, "{before:o}");
    }
    // The root of a new file system contains a directory of root.
    if is_root() {
        let host = place.path().join("volume");
        for (before, accepted) in [(0o755, false), (0o700, true)] {
            let _ = fs::remove_dir_all(&host);
            fs::create_dir_all(host.join("lost+found")).unwrap();
            chmod(&host.join("lost+found"), before);
            chmod(&host, 0o755);
            assert_eq!(HostGit::open(&host).is_ok(), accepted, "{before:o}");
        }
    }
    // In a sticky directory, only the owner of an entry can rename it.
    let sticky = place.path().join("sticky");
    fs::create_dir(&sticky).unwrap();
    chmod(&sticky, 0o1777);
    HostGit::open(sticky.join("host")).unwrap();
    // A symlink above the data directory is resolved once.
    symlink("sticky", place.path().join("link")).unwrap();
    let host = HostGit::open(place.path().join("link/other")).unwrap();
    assert_eq!(host.root(), fs::canonicalize(sticky.join("other")).unwrap());
}

/// Checks the attack on a data directory that everybody may write: another user replaces `mirrors`
/// and waits for the next fetch.
#[tokio::test]
async fn a_program_in_a_replaced_mirror_is_not_executed() {
    // spec: X18a
    if !is_root() {
        return;
    }
    let world = World::new(TREE);
    world.checkout(run(1)).await.unwrap();
    let mark = world.path().join("mark");
    let url = format!("file://{}", world.remote.display());
    let access = ccc_core::vcs::Access::open(ccc_core::vcs::Grant::Read, &url);
    let host = world.path().join("host");
    let mirrors = host.join("mirrors");
    // The copy of the attacker has the mode and the owner of a directory that another user made.
    crate::support::shell(&host, "cp -r mirrors planted && chmod -R go+rX planted");
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[remote \"{url}\"]\n\tuploadpack = touch {}; git-upload-pack\n",
        mark.display()
    );
    let planted = host.join("planted/example.com/7.git/config");
    fs::write(&planted, config).unwrap();
    crate::support::shell(&host, "chown -R 65534:65534 planted");
    fs::rename(&mirrors, host.join("old")).unwrap();
    fs::rename(host.join("planted"), &mirrors).unwrap();

    // The running service does not use the mirror.
    let repository = crate::support::repository();
    let error = world.host.checkout(run(2), &repository, &access).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(!mark.exists());
    // The next start does not use it either.
    let World { temp, host: opened, .. } = world;
    drop(opened);
    assert_eq!(HostGit::open(&host).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(fs::metadata(&mirrors).unwrap().uid(), OTHER);

    // Without the check, the program is executed.
    let args = ["-c", "safe.directory=*", "fetch", "-q", "--", &url, "+refs/heads/*:refs/heads/*"];
    crate::support::plain_git(&mirrors.join("example.com/7.git"))
        .env("GIT_DIR", ".")
        .args(args)
        .output()
        .unwrap();
    assert!(mark.exists(), "the attack has no effect on plain git");
    drop(temp);
}

#[tokio::test]
async fn a_mirror_that_others_can_write_is_not_used() {
    // spec: X18a
    let world = World::new(TREE);
    world.checkout(run(1)).await.unwrap();
    let mut next = 2;
    let writable = "may be written by other users";
    for (path, open, closed, words) in [
        ("mirrors/example.com", 0o777, 0o700, "is accessible to other users (mode 777)"),
        ("mirrors/example.com/7.git", 0o720, 0o700, writable),
        ("mirrors/example.com/7.git", 0o702, 0o755, writable),
        ("mirrors/example.com/7.git/config", 0o666, 0o644, writable),
    ] {
        let path = world.path().join("host").join(path);
        chmod(&path, open);
        let error = world.checkout(run(next)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{path:?} {open:o}: {error}");
        assert!(error.to_string().contains(words), "{error}");
        chmod(&path, closed);
        world.checkout(run(next + 1)).await.unwrap();
        next += 2;
    }
}

/// Executes the test `child_with_another_umask` by `program`, as the user 40001 if this process is
/// root. Returns the output of the child, or `None` if it succeeded.
fn child_fails(world: &World, program: &[&str]) -> Option<String> {
    // The other user must be able to execute the test, so the directories above are not used.
    let tests = world.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
    chmod(&tests, 0o755);
    let other = ["setpriv", "--reuid=40001", "--regid=40001", "--clear-groups"];
    let before = if is_root() { &other[..] } else { &[] };
    let command: Vec<&str> = [before, program].concat();
    let child = Command::new(command[0])
        .args(&command[1..])
        .arg(&tests)
        .args(["data_dir::child_with_another_umask", "--exact", "--nocapture"])
        .env(CHILD, world.path())
        .current_dir("/")
        .output()
        .unwrap();
    let printed = [child.stdout, child.stderr].concat();
    (!child.status.success()).then(|| String::from_utf8_lossy(&printed).into_owned())
}

fn can_unshare() -> bool {
    let works = |program: &str| {
        let mut command = Command::new(program);
        if rustix::process::geteuid().is_root() {
            command.args(["--reuid=40001", "--clear-groups", "unshare"]);
        }
        command.args(["-Ur", "true"]).status().is_ok_and(|status| status.success())
    };
    let program = if rustix::process::geteuid().is_root() { "setpriv" } else { "unshare" };
    has_part("user namespaces", works(program), "permit unprivileged user namespaces")
}

#[test]
fn a_service_in_a_user_namespace_accepts_directories_of_users_outside_of_it() {
    // spec: X18f
    if !can_unshare() {
        return;
    }
    let world = World::new(TREE);
    let place = world.path();
    fs::create_dir(place.join("new")).unwrap();
    if is_root() {
        crate::support::shell(place, "chown -R 40001:40001 new remote.git");
    }
    chmod(place, 0o755);
    // The owner of `/` is root of the machine, which has no number in the namespace.
    assert_eq!(child_fails(&world, &["unshare", "-Ur"]), None);
    fs::remove_dir_all(place.join("new/host")).unwrap();
    // Without a map, this user cannot be distinguished from other users.
    let printed = child_fails(&world, &["unshare", "-U"]).unwrap();
    assert!(printed.contains("not mapped in its user namespace"), "{printed}");
    // Users outside can still be refused because of the mode.
    if is_root() {
        chmod(place, 0o777);
        let printed = child_fails(&world, &["unshare", "-Ur"]).unwrap();
        assert!(printed.contains("chmod go-w"), "{printed}");
        // A group outside can have members outside.
        chmod(place, 0o775);
        let printed = child_fails(&world, &["unshare", "-Ur"]).unwrap();
        assert!(printed.contains("the group with GID 65534 (mode 775)"), "{printed}");
    }
}

#[test]
fn a_writable_volume_is_refused_with_the_steps_for_a_container() {
    // spec: X18f
    if !is_root() {
        return;
    }
    let world = World::new(TREE);
    let place = world.path();
    // An `emptyDir` is `root:root` 0777, and `root:<gid>` 2777 or 2775 with `fsGroup`.
    for (mode, gid, data) in [(0o777, 0, "new"), (0o2777, 7777, "new"), (0o2775, 7777, "new")] {
        let _ = fs::remove_dir_all(place.join(data));
        fs::create_dir(place.join(data)).unwrap();
        let script = format!(
            "mount -t tmpfs -o mode={mode:o},gid={gid} none {0} && exec setpriv --reuid=40001 --regid=7777 --clear-groups \"$@\"",
            place.join(data).display()
        );
        let tests = place.join("tests");
        fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
        chmod(place, 0o755);
        let child = Command::new("unshare")
            .args(["-m", "/bin/sh", "-c", &script, "sh"])
            .arg(&tests)
            .args(["data_dir::child_with_another_umask", "--exact", "--nocapture"])
            .env(CHILD, place)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&child.stderr).into_owned();
        assert!(printed.contains("`subPath`") && printed.contains("mkdir -m 700"), "{printed}");
    }
}
