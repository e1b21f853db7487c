//! The conformance suites of the Docker runner, with mounted and with copied workspaces. If the
//! engine is missing, `has_part` reports it and the suites run with subprocesses instead.

use ccc_core::testing::conformance::container_runner::Fixture;
use ccc_runner::{SubprocessRunner, Workspaces};

fn fixture(workspaces: Workspaces) -> Fixture {
    if super::engine() {
        let (runner, state) = super::runner(workspaces);
        return Fixture::new(runner).with_owned(state);
    }
    let state = tempfile::tempdir().unwrap();
    Fixture::new(SubprocessRunner::new(state.path()).unwrap()).with_owned(state)
}

mod mounted {
    use super::*;

    async fn fresh() -> Fixture {
        fixture(Workspaces::Mounted)
    }

    ccc_core::container_runner_conformance!(fresh);
    ccc_core::processes_conformance!(fresh);
}

mod copied {
    use super::*;

    async fn fresh() -> Fixture {
        fixture(Workspaces::Copied)
    }

    ccc_core::container_runner_conformance!(fresh);
    ccc_core::processes_conformance!(fresh);
}
