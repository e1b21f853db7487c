//! The conformance suites of the runners and agents of this crate.

mod subprocess_runner {
    use ccc_core::testing::conformance::container_runner::Fixture;
    use ccc_runner::SubprocessRunner;

    async fn fresh() -> Fixture {
        let state = tempfile::tempdir().unwrap();
        Fixture::new(SubprocessRunner::new(state.path()).unwrap()).with_owned(state)
    }

    ccc_core::container_runner_conformance!(fresh);
    ccc_core::processes_conformance!(fresh);
}

mod scripted_agent {
    use std::sync::Arc;

    use ccc_core::Agent;
    use ccc_core::testing::conformance::agent::Fixture;
    use ccc_runner::{ScriptedAgent, SubprocessRunner};

    fn script(text: &str) -> Arc<dyn Agent> {
        Arc::new(ScriptedAgent::parse(text).unwrap())
    }

    async fn fresh() -> Fixture {
        let state = tempfile::tempdir().unwrap();
        let runner = SubprocessRunner::new(state.path()).unwrap();
        let agent = script(
            "summary = 'Done.'\n[[step]]\nwrite = { path = 'notes/why.md', content = \"Because.\\n\" }",
        );
        let failing = script("[[step]]\nrun = ['sh', '-c', 'exit 3']");
        let slow = script("[[step]]\nsay = 'Hm.'\n[[step]]\nrun = ['sleep', '300']");
        Fixture::with_agents([agent, failing, slow], runner, ("notes/why.md", b"Because.\n"))
            .with_owned(state)
    }

    ccc_core::agent_conformance!(fresh);
}

mod command_agent {
    use std::sync::Arc;

    use ccc_core::Agent;
    use ccc_core::testing::conformance::agent::Fixture;
    use ccc_runner::{CommandAgent, SubprocessRunner};

    fn command(line: &str) -> Arc<dyn Agent> {
        Arc::new(CommandAgent::new(["sh", "-c", line]).unwrap())
    }

    async fn fresh() -> Fixture {
        let state = tempfile::tempdir().unwrap();
        let runner = SubprocessRunner::new(state.path()).unwrap();
        let agent = command("cat > prompt && rm prompt && echo why > why.txt && echo Done.");
        let failing = command("cat > /dev/null; echo No. >&2; exit 3");
        let slow = command("echo Hm.; sleep 300");
        Fixture::with_agents([agent, failing, slow], runner, ("why.txt", b"why\n"))
            .with_owned(state)
    }

    ccc_core::agent_conformance!(fresh);
}
