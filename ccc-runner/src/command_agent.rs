use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{Command, ExitStatus, Network, OutputStream};
use ccc_core::{Agent, Container, Error, ErrorKind, Result, async_trait};

/// The most bytes of a program's standard output that become its closing words.
const MAX_SUMMARY: usize = 8 << 10;

/// Any program as an agent: it starts in the workspace with the prompt on its standard input, and
/// exit status 0 means done. The end of what it prints is its closing words.
#[derive(Clone, Debug)]
pub struct CommandAgent {
    name: String,
    argv: Vec<String>,
}

impl CommandAgent {
    /// The program and its arguments; no shell takes part.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when there is no program.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        let Some(program) = argv.first().filter(|program| !program.is_empty()) else {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "a command agent needs a program: `command:my-agent --flag`",
            ));
        };
        let base = program.rsplit('/').next().unwrap_or(program);
        Ok(Self { name: format!("command:{base}"), argv })
    }
}

#[async_trait]
impl Agent for CommandAgent {
    fn name(&self) -> &str {
        &self.name
    }

    fn needs(&self) -> AgentNeeds {
        let mut needs = AgentNeeds::default();
        needs.network = Network::ModelProxy;
        needs
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        let command = Command::new(&self.argv).with_stdin(task.prompt.as_bytes());
        let mut words = Vec::new();
        let mut sink = |stream, bytes: &[u8]| {
            if stream == OutputStream::Stdout {
                words.extend_from_slice(bytes);
                words.drain(..words.len().saturating_sub(MAX_SUMMARY));
            }
            events.event(AgentEvent::printed(stream, bytes));
        };
        let status = container.exec(&command, &mut sink).await?;
        let verdict = match status {
            ExitStatus::Code(0) => Verdict::Completed,
            status => Verdict::failed(format!("`{}` ended with {status}", self.argv[0])),
        };
        Ok(AgentReport::new(verdict, String::from_utf8_lossy(&words).trim()))
    }
}
