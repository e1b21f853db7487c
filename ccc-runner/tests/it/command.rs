//! Tests of an arbitrary program as an agent with access to a model.

use ccc_core::agent::{AgentEvent, Task, Verdict};
use ccc_core::container::{ContainerSpec, Network};
use ccc_core::{Agent as _, Clock as _, ContainerRunner as _, CredentialKey, RunId, SystemClock};
use ccc_runner::{
    CommandAgent, CredentialKind, ModelLogin, ModelProxy, ScriptedModel, SubprocessRunner,
};

#[tokio::test]
async fn a_program_reaches_its_model_without_the_key_and_its_cost_is_counted() {
    // spec: X3b, X3d
    let scenario = "[[turn]]\nsay = 'Done.'\ntokens = { input = 100000, output = 0 }";
    let model = ScriptedModel::start(scenario).await.unwrap();
    let proxy = ModelProxy::builder().upstream(model.url()).start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let runner = SubprocessRunner::new(dir.path().join("state")).unwrap();
    let runner = runner.with_model_proxy(proxy.url());
    let key = CredentialKey::new("model/key").unwrap();
    let body = r#"{"model":"claude-opus-5-5","max_tokens":10,"stream":true,"messages":[],"tools":[{"name":"x"}]}"#;
    let ask = format!(
        "cat > /dev/null; env; \
         curl -s -H \"x-api-key: $ANTHROPIC_API_KEY\" -d '{body}' $ANTHROPIC_BASE_URL/v1/messages"
    );
    for (limit, line, expected, cost) in [
        (None, ask.clone(), Verdict::Completed, 400_000),
        (
            Some(1_000_000),
            format!("while :; do {ask}; done"),
            Verdict::Limited { reason: "the run reached its spending limit of $1.000000".into() },
            // The third answer is cut off after the API has reported its input tokens and its first
            // output token.
            3 * 400_000 + 20,
        ),
    ] {
        let agent = CommandAgent::new(["sh", "-c", &line]).unwrap().with_model(ModelLogin::new(
            proxy.clone(),
            CredentialKind::ApiKey,
            key.clone(),
        ));
        assert_eq!(agent.needs().credentials.first(), Some(&key));
        let mut task = Task::new(RunId::new(SystemClock.now()).unwrap(), "Solve it.");
        task.credentials = vec![(key.clone(), model.key().clone())];
        task.limits.micro_usd = limit;
        let workspace = tempfile::tempdir().unwrap();
        let spec = ContainerSpec::new(workspace.path()).with_network(Network::ModelProxy);
        let container = runner.spawn(task.run, &spec).await.unwrap();
        let mut printed = String::new();
        let mut sink = |event| match event {
            AgentEvent::Printed { text, .. } => printed.push_str(&text),
            AgentEvent::Alive => {}
            event => panic!("{event:?}"),
        };
        let report = agent.run(&task, &*container, &mut sink).await.unwrap();
        runner.destroy(task.run).await.unwrap();
        assert_eq!((report.verdict, report.micro_usd), (expected, Some(cost)), "{printed}");
        assert!(printed.contains("ANTHROPIC_API_KEY=run-"), "{printed}");
        assert!(!printed.contains(model.key().expose_str().unwrap()), "{printed}");
    }
}
