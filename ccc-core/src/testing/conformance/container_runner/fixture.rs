//! The container runner under test, and its containers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::container::{Command, ContainerSpec, Output};
use crate::testing::conformance::{KeepAlive, bounded};
use crate::{Clock, Container, ContainerExt, ContainerRunner, RunId, SystemClock};

/// The container runner under test. The runner has created no container yet, and no other test uses
/// the runner.
#[derive(Debug)]
pub struct Fixture {
    /// The container runner under test.
    pub runner: Arc<dyn ContainerRunner>,
    workspaces: Option<PathBuf>,
    owned: KeepAlive,
}

impl Fixture {
    /// Creates a fixture for `runner`. The fixture creates workspaces in the system's directory for
    /// temporary files.
    pub fn new(runner: impl ContainerRunner) -> Self {
        Self { runner: Arc::new(runner), workspaces: None, owned: KeepAlive::default() }
    }

    /// Sets the directory in which the fixture creates workspaces, for runners that can access only
    /// some directories of the host machine.
    #[must_use]
    pub fn with_workspaces_in(mut self, directory: impl Into<PathBuf>) -> Self {
        self.workspaces = Some(directory.into());
        self
    }

    /// Makes `thing`, such as a temporary directory or a server, live as long as the fixture.
    #[must_use]
    pub fn with_owned(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.owned.push(thing);
        self
    }

    /// Creates an empty workspace directory, which is deleted when the returned value is dropped.
    #[must_use]
    pub fn workspace(&self) -> TempDir {
        let made = match &self.workspaces {
            Some(directory) => tempfile::tempdir_in(directory),
            None => tempfile::tempdir(),
        };
        made.expect("cannot create a temporary directory")
    }

    /// Creates a container with an empty workspace, for a new run.
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
        let container = bounded("`spawn`", spawn)
            .await
            .expect("`spawn` must succeed if the workspace is a directory");
        Running { fixture: self, run, container, workspace }
    }
}

/// A run with its container and its workspace.
pub(in crate::testing::conformance) struct Running<'a> {
    pub(in crate::testing::conformance) fixture: &'a Fixture,
    pub(in crate::testing::conformance) run: RunId,
    pub(in crate::testing::conformance) container: Box<dyn Container>,
    pub(in crate::testing::conformance) workspace: TempDir,
}

impl Running<'_> {
    pub(in crate::testing::conformance) async fn run(&self, command: Command) -> Output {
        let what = format!("`exec` of `{}`", command.argv.join(" "));
        bounded(&what, self.container.output(&command)).await.expect("`exec` must return `Ok`")
    }

    pub(in crate::testing::conformance) async fn stop(&self, grace: Duration) {
        bounded("`stop`", self.container.stop(grace)).await.expect("`stop` must succeed");
    }

    pub(in crate::testing::conformance) async fn destroy(&self) {
        let destroyed = bounded("`destroy`", self.fixture.runner.destroy(self.run)).await;
        destroyed.expect("`destroy` must succeed");
    }

    pub(in crate::testing::conformance) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.workspace.path().join(name)).ok()
    }
}

pub(in crate::testing::conformance) fn new_run() -> RunId {
    RunId::new(SystemClock.now()).expect("cannot generate a run id")
}
