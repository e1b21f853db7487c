//! The resources of one attacker.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::plain_git::Plain;
use super::stranger::Stranger;
use super::vector::Vector;

const VICTIM: &str = "original\n";

/// The files, repository and servers of an attack, which also show its effect.
pub(crate) struct Trap {
    pub(crate) away: PathBuf,
    canary: PathBuf,
    stranger: Stranger,
    /// A server with the remote's port on another address.
    twin: Option<Stranger>,
    pub(crate) env: Vec<(String, String)>,
}

impl Trap {
    pub(crate) fn new(dir: &Path, remote: &str, vector: &Vector) -> Self {
        let (away, canary, evil) = (dir.join("away"), dir.join("canary"), dir.join("evil"));
        fs::create_dir(&away).unwrap();
        fs::write(&evil, format!("#!/bin/sh\necho \"$0\" >> {}\n", canary.display())).unwrap();
        fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
        let stranger = Stranger::at("127.0.0.1:0");
        let authority = remote.split('/').nth(2).unwrap();
        let port = authority.rsplit(':').next().unwrap();
        let twin = vector.plant.contains("$RESOLVE").then(|| format!("127.0.0.2:{port}"));
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        let env = [
            ("EVIL", shown(&evil)),
            ("VICTIM", shown(&away.join("victim"))),
            ("THEIRS", shown(&away.join("theirs.git"))),
            ("AWAY", shown(&away)),
            ("HTTP", format!("http://127.0.0.1:{}", stranger.port)),
            ("RESOLVE", format!("{authority}:127.0.0.2")),
            ("REMOTE", remote.to_owned()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let trap = Self { away, canary, stranger, twin: twin.as_deref().map(Stranger::at), env };
        trap.set();
        trap
    }

    /// Resets the traces of an attack.
    pub(crate) fn set(&self) {
        fs::remove_file(&self.canary).ok();
        fs::write(self.away.join("victim"), VICTIM).unwrap();
        let theirs = self.away.join("theirs.git");
        fs::remove_dir_all(&theirs).ok();
        fs::create_dir(&theirs).unwrap();
        let git = Plain::in_dir(&theirs);
        git.git(&["init", "--quiet", "--bare", "."], b"");
        // The workspace has a shallow repository of one commit.
        git.git(&["config", "receive.shallowUpdate", "true"], b"");
        self.heard();
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        [&self.stranger].into_iter().chain(&self.twin).flat_map(Stranger::take).collect()
    }

    pub(crate) fn ran(&self) -> bool {
        self.canary.exists()
    }

    pub(crate) fn wrote(&self) -> bool {
        fs::read_to_string(self.away.join("victim")).ok().as_deref() != Some(VICTIM)
    }

    pub(crate) fn got_a_push(&self) -> bool {
        let theirs = Plain::in_dir(&self.away.join("theirs.git"));
        !theirs.git(&["for-each-ref"], b"").is_empty()
    }
}
