//! A program with its own agent. The agent runs in a pipeline of test doubles, so the program needs
//! no network, no container engine and no account.
//!
//! ```sh
//! cargo run -p ccc-embed --bin custom_agent
//! cargo test -p ccc-embed custom_agent
//! ```
use ccc_core::agent::{AgentEvent, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{Command, Container, ContainerExt as _, Output};
use ccc_core::{Agent, CancellationToken, Result, async_trait, testing::Fakes};

#[derive(Debug)]
struct Shouting;

#[async_trait]
impl Agent for Shouting {
    fn name(&self) -> &str {
        "shouting"
    }

    #[rustfmt::skip]
    async fn run(&self, _: &Task, container: &dyn Container, events: &mut dyn AgentSink) -> Result<AgentReport> {
        events.event(AgentEvent::Edited { path: "README.md".to_owned() });
        let Output { status, stdout, .. } = container.output(&Command::new(["cat", "--", "README.md"])).await?;
        let tee = Command::new(["tee", "--", "README.md"]).with_stdin(stdout.to_ascii_uppercase());
        if !status.success() || !container.output(&tee).await?.status.success() {
            return Ok(AgentReport::new(Verdict::failed("cannot change the README"), ""));
        }
        Ok(AgentReport::new(Verdict::Completed, "The README is louder."))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let fakes = Fakes::new(&[("README.md", "hello\n")]);
    let pipeline = fakes.pipeline().agent(Shouting).build()?;
    let event = fakes.host.open_issue("Make the README louder", "");
    println!("{:?}", pipeline.run(event, &CancellationToken::new()).await?.outcome);
    Ok(())
}

#[cfg(test)]
mod tests {
    use ccc_core::testing::{FakeRunner, conformance::agent::Fixture};

    ccc_core::agent_conformance!(async || {
        Fixture::new(super::Shouting, FakeRunner::default(), ("README.md", b"HELLO\n"))
            .with_file("README.md", b"hello\n")
    });
}
