//! What every container runner must do, fakes among them.
//!
//! The programs that the cases run are `true`, `false`, `cat`, `tee -- PATH`, `printenv NAME` and
//! `sleep SECONDS`: few enough for a fake to understand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::{Kept, bounded};
use crate::container::{Command, ContainerSpec, Output};
use crate::{Clock, Container, ContainerExt, ContainerRunner, RunId, SystemClock};

mod lifecycle;
mod programs;

pub use lifecycle::*;
pub use programs::*;

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
    pub(crate) async fn container(&self) -> Running<'_> {
        let workspace = self.workspace();
        let spec = ContainerSpec::new(workspace.path());
        self.container_with(spec, workspace).await
    }

    pub(crate) async fn container_with(
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
pub(crate) struct Running<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) run: RunId,
    pub(crate) container: Box<dyn Container>,
    pub(crate) workspace: TempDir,
}

impl Running<'_> {
    pub(crate) async fn run(&self, command: Command) -> Output {
        let what = format!("`{}`", command.argv.join(" "));
        bounded(&what, self.container.output(&command)).await.expect("a program that runs")
    }

    pub(crate) async fn stop(&self, grace: Duration) {
        bounded("stop", self.container.stop(grace)).await.expect("stop");
    }

    pub(crate) async fn destroy(&self) {
        bounded("destroy", self.fixture.runner.destroy(self.run)).await.expect("destroy");
    }

    pub(crate) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.workspace.path().join(name)).ok()
    }
}

/// Makes a test of every case for container runners. See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! container_runner_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            container_runner,
            $make,
            [
                facts_stay_as_they_are_and_check_changes_nothing,
                exit_status_0_is_success,
                a_program_that_fails_is_no_error,
                what_is_given_on_stdin_comes_out_whole,
                no_output_is_no_chunk,
                the_environment_of_the_container_reaches_every_program,
                the_environment_of_a_command_reaches_that_program_alone,
                the_environment_of_the_host_does_not_get_in,
                a_file_that_was_written_is_on_the_host_after_stop,
                host_files_that_nobody_touched_are_the_same_after_stop,
                a_later_program_sees_what_an_earlier_one_left,
                a_workspace_that_is_no_directory_is_invalid_input,
                a_program_that_is_not_there_is_not_run,
                the_model_proxy_is_for_those_who_asked,
                runs_do_not_see_each_others_workspace,
                destroy_before_spawn_is_ok,
                destroy_twice_is_ok,
                destroy_ends_an_exec,
                destroy_of_one_run_leaves_the_others_alone,
                destroy_leaves_the_workspace_to_the_caller,
                a_spawn_that_was_dropped_stands_in_nobodys_way,
                an_exec_that_was_dropped_is_ended_by_stop,
                a_dropped_container_is_still_there_for_destroy,
                orphans_are_what_was_spawned_and_not_destroyed,
            ]
        );
    };
}

pub(crate) fn new_run() -> RunId {
    RunId::new(SystemClock.now()).expect("random bytes")
}
