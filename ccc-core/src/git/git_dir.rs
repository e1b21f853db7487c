//! The check of a git directory before git uses it (spec: X18a).
//!
//! The configuration of a git directory can name programs, proxies and other directories. A specific
//! setting such as `protocol.ext.allow` takes precedence over a general one such as `protocol.allow`
//! on the command line. Therefore the command line alone cannot disable every setting, and git may
//! only use a directory whose configuration is the one that `git init` writes.

use std::ffi::OsStr;
use std::path::Path;

use super::blocking::refused;
use super::own_dir::OwnDir;
use crate::Result;

/// Maximum size of a configuration file, in bytes. `git init` writes less than 200 bytes.
const MAX_CONFIG: u64 = 4_096;
/// Maximum size of the file with the alternates, in bytes: one path.
const MAX_ALTERNATES: u64 = 8_192;

/// The lines that `git init --bare` writes to the file `config`. Git chooses the values that
/// describe the file system.
const CONFIG_LINES: &[&str] = &[
    "[core]",
    "repositoryformatversion = 0",
    "filemode = true",
    "filemode = false",
    "bare = true",
    "symlinks = false",
    "ignorecase = true",
    "precomposeunicode = true",
    "precomposeunicode = false",
];

/// Files of a git directory that make git read a configuration, refs or objects from other places.
/// Host git creates none of these files.
const REDIRECTIONS: &[&str] = &["commondir", "config.worktree", "gitdir", "info/grafts"];

/// Checks the git directory `relative` of the data directory `root`: a mirror, or the git directory
/// of a run. Git may use the directory only after this check.
///
/// # Errors
/// - [`Refused`](crate::ErrorKind::Refused) if another user owns or may write the directory, if its
///   configuration is not the one that `git init` writes, or if it uses objects from outside the
///   mirrors;
/// - [`NotFound`](crate::ErrorKind::NotFound) if the directory does not exist.
pub(super) fn check_git_dir(root: &OwnDir, relative: &Path) -> Result<()> {
    let directory = root.below(relative)?;
    check_config(&directory)?;
    for name in REDIRECTIONS {
        if directory.read(name, MAX_CONFIG)?.is_some() {
            return Err(replaced(&directory, name));
        }
    }
    let Some(alternates) = directory.read("objects/info/alternates", MAX_ALTERNATES)? else {
        return Ok(());
    };
    // Only the git directory of a run uses the objects of another directory, its mirror.
    let mirror = (!relative.starts_with("mirrors"))
        .then(|| mirror_of(root, &alternates))
        .flatten()
        .ok_or_else(|| replaced(&directory, "objects/info/alternates"))?;
    check_git_dir(root, mirror)
}

/// Returns the path of the mirror, relative to `root`, whose directory `objects` is the only line of
/// the file `alternates`.
fn mirror_of<'a>(root: &OwnDir, alternates: &'a [u8]) -> Option<&'a Path> {
    let line = std::str::from_utf8(alternates).ok()?.strip_suffix("/objects\n")?;
    let mirror = Path::new(line).strip_prefix(root.path()).ok()?;
    let names: Vec<&OsStr> = mirror.iter().collect();
    let plain = !line.contains('\n') && names.iter().all(|name| *name != ".." && *name != ".");
    (plain && names.len() == 3 && names[0] == "mirrors").then_some(mirror)
}

fn check_config(directory: &OwnDir) -> Result<()> {
    let config = directory.read("config", MAX_CONFIG)?.unwrap_or_default();
    let known = |line: &str| CONFIG_LINES.contains(&line.trim_matches([' ', '\t']));
    match std::str::from_utf8(&config) {
        Ok(text) if text.split_terminator('\n').all(known) => Ok(()),
        _ => Err(replaced(directory, "config")),
    }
}

fn replaced(directory: &OwnDir, file: &str) -> crate::Error {
    let why = format!(
        "contains a file `{file}` that this program did not write, and that can make git execute programs: find out which \
         user or program wrote it, and remove the directory. The next run creates it again"
    );
    refused(directory.path(), &why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use std::fs;
    use std::path::PathBuf;
    use std::process::{Command, Output};

    use super::*;
    use crate::ErrorKind;
    use crate::event::RepoRef;
    use crate::git::HostGit;
    use crate::vcs::{Access, Grant, Repository};
    use crate::{Clock as _, RunId, SystemClock};

    /// Files that another user puts into a mirror. `URL` stands for the URL of the remote, `MARK` for
    /// a file that the attacker's program creates, and `EVIL` for a directory of the attacker.
    struct Attack {
        name: &'static str,
        files: &'static [(&'static str, &'static str)],
        /// Whether the general settings on the command line leave the attack possible.
        passes_general_settings: bool,
        /// Whether the attack also passes the specific settings of [`SETTINGS`](super::super::settings).
        passes_settings: bool,
    }

    const BARE: &str = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
    const UPLOAD: &str = "[remote \"URL\"]\n\tuploadpack = touch MARK; git-upload-pack\n";

    const ATTACKS: &[Attack] = &[
        Attack {
            name: "a program of the remote's settings",
            files: &[(
                "config",
                "BARE[remote \"URL\"]\n\tuploadpack = touch MARK; git-upload-pack\n",
            )],
            passes_general_settings: true,
            passes_settings: true,
        },
        Attack {
            name: "an included configuration",
            files: &[("config", "BARE[include]\n\tpath = EVIL/config\n")],
            passes_general_settings: true,
            passes_settings: true,
        },
        Attack {
            name: "the configuration of another directory",
            files: &[("commondir", "EVIL\n")],
            passes_general_settings: true,
            passes_settings: true,
        },
        Attack {
            name: "a configuration of the work tree",
            files: &[
                ("config", "BARE[extensions]\n\tworktreeConfig = true\n"),
                (
                    "config.worktree",
                    "[remote \"URL\"]\n\tuploadpack = touch MARK; git-upload-pack\n",
                ),
            ],
            passes_general_settings: true,
            passes_settings: true,
        },
        Attack {
            name: "the protocol ext",
            files: &[(
                "config",
                "BARE[protocol \"ext\"]\n\tallow = always\n[url \"ext::touch MARK #\"]\n\tinsteadOf = URL\n",
            )],
            passes_general_settings: true,
            passes_settings: false,
        },
        Attack {
            name: "the protocol ssh",
            files: &[(
                "config",
                "BARE[protocol \"ssh\"]\n\tallow = always\n[core]\n\tsshCommand = touch MARK; false\n\
                 [url \"ssh://localhost/\"]\n\tinsteadOf = URL\n",
            )],
            passes_general_settings: true,
            passes_settings: false,
        },
        Attack {
            name: "a program that watches files",
            files: &[("config", "BARE[core]\n\tfsmonitor = touch MARK\n")],
            passes_general_settings: false,
            passes_settings: false,
        },
        Attack {
            name: "objects of another place",
            files: &[("objects/info/alternates", "EVIL/objects\n")],
            passes_general_settings: false,
            passes_settings: false,
        },
    ];

    fn plain_git(directory: &Path, args: &[&str]) -> Output {
        let mut command = Command::new("git");
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs([("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@a")])
            .envs([("GIT_COMMITTER_NAME", "A"), ("GIT_COMMITTER_EMAIL", "a@a")])
            .args(args)
            .current_dir(directory)
            .output()
            .unwrap()
    }

    struct Fixture {
        place: tempfile::TempDir,
        git: HostGit,
        mirror: PathBuf,
        url: String,
        mark: PathBuf,
        repository: Repository,
    }

    impl Fixture {
        async fn new() -> Self {
            let place = tempfile::tempdir().unwrap();
            let remote = place.path().join("remote");
            fs::create_dir(&remote).unwrap();
            for args in [
                &["init", "-q", "-b", "main"][..],
                &["commit", "-q", "--allow-empty", "-m", "seed"],
            ] {
                assert!(plain_git(&remote, args).status.success());
            }
            let git = HostGit::open(place.path().join("data")).unwrap();
            let url = format!("file://{}", remote.display());
            let (owner, name) = ("o".to_owned(), "r".to_owned());
            let repo = RepoRef { host: "host".to_owned(), id: 1, owner, name };
            let repository = Repository::new(repo, "main");
            let mirror = git.root().join("mirrors/host/1.git");
            let mark = place.path().join("mark");
            let fixture = Self { place, git, mirror, url, mark, repository };
            fixture.checkout().await.unwrap();
            fixture
        }

        fn access(&self) -> Access {
            Access::open(Grant::Read, &self.url)
        }

        async fn checkout(&self) -> Result<()> {
            let run = RunId::new(SystemClock.now()).unwrap();
            self.git.checkout(run, &self.repository, &self.access()).await.map(drop)
        }

        fn plant(&self, attack: &Attack) {
            let evil = self.place.path().join("evil");
            let text = |text: &str| {
                text.replace("BARE", BARE)
                    .replace("URL", &self.url)
                    .replace("MARK", self.mark.to_str().unwrap())
                    .replace("EVIL", evil.to_str().unwrap())
            };
            plain_git(self.place.path(), &["init", "-q", "--bare", evil.to_str().unwrap()]);
            fs::write(evil.join("config"), text(&format!("{BARE}{UPLOAD}"))).unwrap();
            for (name, content) in attack.files {
                let path = self.mirror.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text(content)).unwrap();
            }
        }

        /// Returns whether the attacker's program was executed, and forgets it.
        fn executed(&self) -> bool {
            fs::remove_file(&self.mark).is_ok()
        }
    }

    #[tokio::test]
    async fn git_does_not_use_a_directory_whose_configuration_was_replaced() {
        // spec: X5b, X18a
        for attack in ATTACKS {
            let fixture = Fixture::new().await;
            fixture.plant(attack);
            let name = attack.name;
            let fetch = ["fetch", "-q", "--", &fixture.url, "+refs/heads/*:refs/heads/*"];
            let general = ["-c", "protocol.allow=never", "-c", "protocol.file.allow=always"];
            let plain = [&general[..], &["-c", "core.fsmonitor=false"], &fetch].concat();
            plain_git(&fixture.mirror, &plain);
            assert_eq!(fixture.executed(), attack.passes_general_settings, "{name}");

            let call = fixture.git.git("fetch").unchecked_dir(&fixture.mirror);
            let call = call.remote(&fixture.access()).unwrap().args(&fetch[1..]);
            let _ = call.run_raw().await;
            assert_eq!(fixture.executed(), attack.passes_settings, "{name}");

            let error = fixture.checkout().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{name}: {error}");
            let path = fixture.mirror.to_str().unwrap();
            assert!(error.to_string().contains(path), "{name}: {error}");
            assert!(!fixture.executed(), "{name}");

            // The remedy of the message.
            fs::remove_dir_all(&fixture.mirror).unwrap();
            fixture.checkout().await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_git_directory_of_a_run_uses_only_the_objects_of_a_mirror() {
        // spec: X18a
        let fixture = Fixture::new().await;
        let root = fixture.git.root().to_owned();
        let run = fs::read_dir(root.join("runs")).unwrap().next().unwrap().unwrap().file_name();
        let relative = Path::new("runs").join(run).join("git");
        let file = root.join(&relative).join("objects/info/alternates");
        let own = fs::read_to_string(&file).unwrap();
        let check = || check_git_dir(&fixture.git.root, &relative);
        check().unwrap();
        let root = root.display();
        for planted in [
            "/elsewhere/objects\n",
            &format!("{root}/runs/x/y/objects\n"),
            &format!("{root}/mirrors/../mirrors/objects\n"),
            &format!("{root}/mirrors/host/../host/1.git/objects\n"),
            &format!("{own}/elsewhere/objects\n"),
            "",
        ] {
            fs::write(&file, planted).unwrap();
            assert_eq!(check().unwrap_err().kind(), ErrorKind::Refused, "{planted}");
        }
        fs::write(&file, own).unwrap();
        check().unwrap();
    }
}
