//! A wrapper around an agent under test. Every program that the agent executes in its container
//! fails or hangs.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::agent::{AgentNeeds, AgentReport, AgentSink, Task};
use crate::container::{Command, ExitStatus, OutputSink, OutputStream};
use crate::{Agent, Container, Result};

/// The behaviour of every program that an [`AlteredAgent`] executes in its container.
#[derive(Clone, Copy, Debug)]
pub(super) enum Programs {
    /// Every program ends with exit status 1.
    Fail,
    /// Every program sleeps for 300 seconds.
    Hang,
}

/// A wrapper around an agent under test. Every program that the agent executes in its container
/// fails or hangs.
#[derive(Debug)]
pub(super) struct AlteredAgent {
    pub(super) agent: Arc<dyn Agent>,
    pub(super) programs: Programs,
}

#[async_trait]
impl Agent for AlteredAgent {
    fn name(&self) -> &str {
        self.agent.name()
    }

    fn needs(&self) -> AgentNeeds {
        self.agent.needs()
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        let container = AlteredContainer { container, programs: self.programs };
        self.agent.run(task, &container, events).await
    }
}

struct AlteredContainer<'a> {
    container: &'a dyn Container,
    programs: Programs,
}

impl fmt::Debug for AlteredContainer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.container.fmt(f)
    }
}

#[async_trait]
impl Container for AlteredContainer<'_> {
    fn workspace(&self) -> &Path {
        self.container.workspace()
    }

    fn model_proxy(&self) -> Option<&str> {
        self.container.model_proxy()
    }

    fn denied_hosts(&self) -> Vec<String> {
        self.container.denied_hosts()
    }

    async fn exec(&self, _: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        match self.programs {
            Programs::Fail => {
                output.chunk(OutputStream::Stderr, b"this program always fails\n");
                Ok(ExitStatus::Code(1))
            }
            Programs::Hang => self.container.exec(&Command::new(["sleep", "300"]), output).await,
        }
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        self.container.stop(grace).await
    }
}
