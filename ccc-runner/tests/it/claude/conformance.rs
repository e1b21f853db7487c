//! The conformance suite of the agent, with the real program or, if it is missing, a substitute.

use std::sync::Arc;

use ccc_core::Agent;
use ccc_core::testing::conformance::agent::Fixture;
use ccc_runner::SubprocessRunner;

use super::{Fixture as World, impostor, key, program};

const SCENARIO: &str = r#"
[[model.claude-writes.turn]]
say = "I write it down."
use = [{ tool = "Write", input = { file_path = "why.txt", content = "why\n" } }]

[[model.claude-fails.turn]]
fail = { status = 400, times = 100 }

[[model.claude-hangs.turn]]
say = "I was going to say"
end = "stall"
"#;

const IMPOSTOR: &str = r#"
cat > prompt; rm prompt
case "$*" in
  *claude-writes*) echo why > why.txt; say=false;;
  *claude-fails*) say=true;;
  *) echo '{"type":"assistant","message":{"content":[{"type":"text","text":"Hm."}]}}'; sleep 300;;
esac
echo '{"type":"assistant","message":{"content":[{"type":"text","text":"So."}]}}'
echo '{"type":"result","subtype":"success","is_error":'$say',"result":"Done."}'
"#;

async fn fresh() -> Fixture {
    let (fixture, state) = (World::new(SCENARIO).await, tempfile::tempdir().unwrap());
    let program =
        program().unwrap_or_else(|| impostor(state.path(), "2.1.330 (Claude Code)", IMPOSTOR));
    let agents = ["claude-writes", "claude-fails", "claude-hangs"].map(|model| {
        Arc::new(fixture.agent(&program).with_model(Some(model.to_owned()))) as Arc<dyn Agent>
    });
    let runner = SubprocessRunner::new(state.path().join("runner")).unwrap();
    let runner = runner.with_model_proxy(fixture.proxy.url());
    let secret = fixture.model.key().clone();
    Fixture::with_agents(agents, runner, ("why.txt", b"why\n"))
        .with_credential(key(), secret)
        .with_owned((state, fixture))
}

ccc_core::agent_conformance!(fresh);
