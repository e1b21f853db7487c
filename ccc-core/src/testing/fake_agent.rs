use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::lock;

use crate::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use crate::container::{Command, ContainerExt};
use crate::{Agent, Clock, Container, CredentialKey, Result, SystemClock};

/// An agent for tests. It executes `tee` in the container to write the configured files, and then
/// reports the configured verdict and summary.
#[derive(Clone, Debug)]
pub struct FakeAgent {
    files: Vec<(String, String)>,
    credentials: Vec<CredentialKey>,
    verdict: Verdict,
    summary: String,
    beats: (u32, Duration),
    prompts: Arc<Mutex<Vec<String>>>,
}

impl Default for FakeAgent {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            credentials: Vec::new(),
            verdict: Verdict::Completed,
            summary: "the fake agent is done".to_owned(),
            beats: (0, Duration::ZERO),
            prompts: Arc::default(),
        }
    }
}

impl FakeAgent {
    /// Makes the agent write `content` to the file `path`, which is relative to the workspace.
    #[must_use]
    pub fn writes(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }

    /// Adds `key` to the credentials that the agent needs.
    #[must_use]
    pub fn needs_credential(mut self, key: CredentialKey) -> Self {
        self.credentials.push(key);
        self
    }

    /// Sets the summary of the report that the agent returns.
    #[must_use]
    pub fn says(mut self, summary: &str) -> Self {
        summary.clone_into(&mut self.summary);
        self
    }

    /// Returns the prompts that the agent and its clones have received, oldest first.
    #[must_use]
    pub fn prompts(&self) -> Vec<String> {
        lock(&self.prompts).clone()
    }

    /// Makes the agent emit the event [`AgentEvent::Alive`] `times` times before the agent ends.
    /// The agent waits for the duration `pause` before each of these events.
    #[must_use]
    pub fn with_heartbeats(mut self, times: u32, pause: Duration) -> Self {
        self.beats = (times, pause);
        self
    }

    /// Sets the verdict of the report that the agent returns.
    #[must_use]
    pub fn ends(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }
}

#[async_trait]
impl Agent for FakeAgent {
    fn name(&self) -> &str {
        "fake"
    }

    fn needs(&self) -> AgentNeeds {
        AgentNeeds { credentials: self.credentials.clone(), ..AgentNeeds::default() }
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        lock(&self.prompts).push(task.prompt.clone());
        events.event(AgentEvent::Said { text: "working".to_owned() });
        for (path, content) in &self.files {
            events.event(AgentEvent::Edited { path: path.clone() });
            let tee = Command::new(["tee", "--", path]).with_stdin(content.as_bytes());
            let written = container.output(&tee).await?;
            if !written.status.success() {
                let reason = format!("cannot write {path}: `tee` ended with {}", written.status);
                return Ok(AgentReport::new(Verdict::failed(reason), ""));
            }
        }
        let (times, pause) = self.beats;
        for _ in 0..times {
            SystemClock.sleep(pause).await;
            events.event(AgentEvent::Alive);
        }
        Ok(AgentReport::new(self.verdict.clone(), &self.summary))
    }
}
