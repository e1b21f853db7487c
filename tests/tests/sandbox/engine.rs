//! Objects that the test creates on the engine and removes at its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Program;

use ccc_core::testing::has_part;

/// The label of all created objects. Its value is the id of the test process.
const LABEL: &str = "dev.ccc.probes";

/// Checks that an engine with the image is available, and that the process is root, which it needs
/// to listen at the metadata address.
pub(crate) fn engine() -> bool {
    let there = docker(&["image", "inspect", "--format", "{{.Id}}", "ccc-agent"]).is_ok();
    let root =
        fs::metadata("/proc/self").is_ok_and(|us| std::os::unix::fs::MetadataExt::uid(&us) == 0);
    has_part("docker", there && root, "run .ci/engine and images/build, and run this test as root")
}

/// Runs `docker` and returns its standard output, or its error output if it fails.
pub(crate) fn docker(arguments: &[&str]) -> Result<String, String> {
    let output = Program::new("docker").args(arguments).output().map_err(|e| e.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// A network, and the address of the host machine in it.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) gateway: String,
}

/// The created objects. They are removed on drop, also after a failure.
#[derive(Debug)]
pub(crate) struct Made {
    /// The state directory of the runners. It contains the owner id, by which their containers are
    /// found.
    state: PathBuf,
}

impl Made {
    pub(crate) fn new(state: &Path) -> Self {
        // Removes objects of test processes that were killed.
        for kind in KINDS {
            remove(kind, &format!("label={LABEL}"), |process| {
                !Path::new("/proc").join(process).exists()
            });
        }
        Self { state: state.to_owned() }
    }

    pub(crate) fn network(&self, kind: &str, options: &[&str]) -> Network {
        let (name, label) = (format!("ccc-probes-{kind}-{}", std::process::id()), label());
        let create = ["network", "create", "--label", &label];
        docker(&[&create, options, &[&name]].concat()).unwrap();
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let gateway = docker(&["network", "inspect", "--format", format, &name]).unwrap();
        Network { name, gateway }
    }

    /// Creates an image from the one of `images/build`, with an additional setuid program that
    /// belongs to root.
    pub(crate) fn image(&self) -> String {
        let (container, label) = (format!("ccc-probes-image-{}", std::process::id()), label());
        let plant =
            "cp /usr/bin/id /usr/local/bin/id-of-root && chmod 4755 /usr/local/bin/id-of-root";
        let run =
            ["run", "--network", "none", "--user", "0:0", "--label", &label, "--name", &container];
        docker(&[&run, ["ccc-agent", "sh", "-c", plant].as_slice()].concat()).unwrap();
        let image = format!("ccc-probes:{}", std::process::id());
        docker(&["commit", &container, &image]).unwrap();
        image
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Ok(owner) = fs::read_to_string(self.state.join("owner")) {
            remove(&KINDS[0], &format!("label=dev.ccc.owner={owner}"), |_| true);
        }
        for kind in KINDS {
            remove(kind, &format!("label={}", label()), |_| true);
        }
    }
}

/// The kinds of objects in the order of their removal. Each has the command that lists them with
/// their owner, and the command that removes them.
const KINDS: &[Kind] = &[
    Kind {
        list: &["container", "ls", "--all"],
        format: "{{.ID}} {{.Label \"dev.ccc.probes\"}}",
        remove: &["container", "rm", "--force", "--volumes"],
    },
    Kind {
        list: &["network", "ls"],
        format: "{{.ID}} {{.Label \"dev.ccc.probes\"}}",
        remove: &["network", "rm"],
    },
    // `docker image ls` shows no labels, so the tag is the process id.
    Kind {
        list: &["image", "ls"],
        format: "{{.ID}} {{.Tag}}",
        remove: &["image", "rm", "--force"],
    },
];

struct Kind {
    list: &'static [&'static str],
    format: &'static str,
    remove: &'static [&'static str],
}

fn label() -> String {
    format!("{LABEL}={}", std::process::id())
}

fn remove(kind: &Kind, filter: &str, whose: impl Fn(&str) -> bool) {
    let listed = docker(&[kind.list, &["--filter", filter, "--format", kind.format]].concat());
    for line in listed.unwrap_or_default().lines() {
        let (id, process) = line.split_once(' ').unwrap_or((line, ""));
        if !whose(process) {
            continue;
        }
        let command: Vec<&str> = kind.remove.iter().copied().chain([id]).collect();
        if let Err(why) = docker(&command) {
            eprintln!("cannot remove an object of the test: {}: {why}", command.join(" "));
        }
    }
}
