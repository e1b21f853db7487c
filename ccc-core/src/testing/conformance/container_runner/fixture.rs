//! The runner that the cases are about, and its containers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::container::{Command, ContainerSpec, Output};
use crate::testing::conformance::{Kept, bounded};
use crate::{Clock, Container, ContainerExt, ContainerRunner, RunId, SystemClock};

/// A runner that holds nothing yet, and that nobody else uses.
#[derive(Debug)]
pub struct Fixture {
    /// The runner.
    pub runner: Arc<dyn ContainerRunner>,
    workspaces: Option<PathBuf>,
    kept: Kept,
}

impl Fixture {
    /// A runner; workspaces are temporary directories where the system has them.
    pub fn new(runner: impl ContainerRunner) -> Self {
        Self { runner: Arc::new(runner), workspaces: None, kept: Kept::default() }
    }

    /// Makes workspaces in this directory: for runners that do not see every directory.
    #[must_use]
    pub fn with_workspaces_in(mut self, directory: impl Into<PathBuf>) -> Self {
        self.workspaces = Some(directory.into());
        self
    }

    /// Keeps something for as long as the fixture is there.
    #[must_use]
    pub fn keeping(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.kept.push(thing);
        self
    }

    /// An empty directory for a run.
    #[must_use]
    pub fn workspace(&self) -> TempDir {
        let made = match &self.workspaces {
            Some(directory) => tempfile::tempdir_in(directory),
            None => tempfile::tempdir(),
        };
        made.expect("a temporary directory")
    }

    /// A new run with a container over an empty workspace.
    pub(in crate::testing::conformance) async fn container(&self) -> Running<'_> {
        let workspace = self.workspace();
        let spec = ContainerSpec::new(workspace.path());
        self.container_with(spec, workspace).await
    }

    pub(in crate::testing::conformance) async fn container_with(
        &self,
        spec: ContainerSpec,
        workspace: TempDir,
    ) -> Running<'_> {
        let run = new_run();
        let spawn = self.runner.spawn(run, &spec);
        let container = bounded("spawn", spawn).await.expect("a spawn over a directory");
        Running { fixture: self, run, container, workspace }
    }
}

/// A run with its container.
pub(in crate::testing::conformance) struct Running<'a> {
    pub(in crate::testing::conformance) fixture: &'a Fixture,
    pub(in crate::testing::conformance) run: RunId,
    pub(in crate::testing::conformance) container: Box<dyn Container>,
    pub(in crate::testing::conformance) workspace: TempDir,
}

impl Running<'_> {
    pub(in crate::testing::conformance) async fn run(&self, command: Command) -> Output {
        let what = format!("`{}`", command.argv.join(" "));
        bounded(&what, self.container.output(&command)).await.expect("a program that runs")
    }

    pub(in crate::testing::conformance) async fn stop(&self, grace: Duration) {
        bounded("stop", self.container.stop(grace)).await.expect("stop");
    }

    pub(in crate::testing::conformance) async fn destroy(&self) {
        bounded("destroy", self.fixture.runner.destroy(self.run)).await.expect("destroy");
    }

    pub(in crate::testing::conformance) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.workspace.path().join(name)).ok()
    }
}

pub(in crate::testing::conformance) fn new_run() -> RunId {
    RunId::new(SystemClock.now()).expect("random bytes")
}
