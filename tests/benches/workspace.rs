//! Benchmark of a workspace of 20 000 files from an up-to-date mirror, compared with a shallow
//! clone without a mirror. Both use HTTP to an emulator on the same machine. So the result does not
//! contain the network time that the mirror saves and the clone does not.

#[path = "../emulated/mod.rs"]
mod emulated;
mod support;

use std::path::Path;
use std::process::ExitCode;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ccc_core::RunId;
use ccc_core::git::HostGit;
use ccc_core::vcs::{Access, Grant, Repository};
use github_emulator::{Emulator, EmulatorConfig};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use emulated::repo_ref;
use support::{Report, Result, Side, Stopwatch, git, scratch};

/// Maximum ratio to the clone. The remaining work is writing the files, which a clone does too.
const MOST: f64 = 0.5;
const FILES: usize = 20_000;
const ROUNDS: usize = 9;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut report = Report::new("workspace");
    let dir = scratch(&report)?;
    let seed = dir.path().join("seed");
    write_files(&seed)?;
    let config = EmulatorConfig::new(dir.path().join("github"), "secret".into());
    let emulator = Emulator::start(config).await?;
    let repo = emulator.add_repository("octo", "wide", &seed).await?;
    emulator.set_public(&repo, true);
    // Repacks the repository into one pack, as a VCS host does.
    let served = dir.path().join(format!("github/{}.git", repo.id));
    git(&served, &["repack", "-adq"]).await?;

    let counted = git(&served, &["count-objects", "-v"]).await?;
    let pack = counted.lines().find(|line| line.starts_with("size-pack")).unwrap_or_default();
    report.say(&format!("{FILES} files, {pack} KiB"));

    let host = HostGit::open(dir.path().join("data"))?;
    let access = Access::open(Grant::Read, emulator.git_url(&repo));
    let repository = Repository::new(repo_ref(&repo), "main");
    let clone = dir.path().join("clone");
    let mut ours = Side::new("workspace from a warm mirror");
    let mut theirs = Side::new("git clone --depth 1");
    for round in 0..=ROUNDS {
        for turn in 0..2 {
            let watch = Stopwatch::start();
            if (round + turn) % 2 == 0 {
                let run = RunId::new(Timestamp::UNIX_EPOCH)?;
                let workspace = host.checkout(run, &repository, &access).await?;
                let took = watch.elapsed();
                look(&seed, &workspace.path)?;
                host.remove(run).await?;
                // The first checkout fills the mirror.
                if round > 0 {
                    ours.add(took);
                }
            } else {
                let url = access.clone_url.as_str();
                let arguments = ["clone", "--quiet", "--depth", "1", "--", url, "clone"];
                git(dir.path(), &arguments).await?;
                let took = watch.elapsed();
                look(&seed, &clone)?;
                ccc_core::remove_tree::remove_tree(clone.clone()).await?;
                if round > 0 {
                    theirs.add(took);
                }
            }
        }
    }
    report.goal(&ours, &theirs, MOST);
    emulator.stop().await;
    Ok(report.finish())
}

/// Writes files of about a kilobyte, 23 MB when packed by git. Their content is the same in every
/// run.
fn write_files(root: &Path) -> Result<()> {
    for number in 0..FILES {
        let path = root.join(path_of(number));
        std::fs::create_dir_all(path.parent().ok_or("a file without a directory")?)?;
        let noise = |line: usize| Sha256::digest(format!("{number}/{line}"));
        let bytes: Vec<u8> = (0..33).flat_map(noise).collect();
        let lines: Vec<_> = bytes.chunks(54).map(|line| BASE64_STANDARD.encode(line)).collect();
        std::fs::write(path, lines.join("\n") + "\n")?;
    }
    Ok(())
}

fn path_of(number: usize) -> String {
    format!("module-{:03}/part-{}/file-{number:05}.txt", number % 200, number / 200 % 10)
}

/// Checks three files of a checkout: the first, the middle and the last one written.
fn look(seed: &Path, checkout: &Path) -> Result<()> {
    for number in [0, FILES / 2, FILES - 1] {
        let path = path_of(number);
        if std::fs::read(seed.join(&path))? != std::fs::read(checkout.join(&path))? {
            return Err(format!("{path} has other content").into());
        }
    }
    Ok(())
}
