use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{Command, ExitStatus, Network, OutputStream};
use ccc_core::{Agent, Container, Error, ErrorKind, Result, async_trait};

use crate::ModelAccess;
use crate::model_login::{self, ModelLogin};

/// The most bytes of a program's standard output that become its closing words.
const MAX_SUMMARY: usize = 8 << 10;

/// Any program as an agent: it starts in the workspace with the prompt on its standard input, and
/// exit status 0 means done. The end of what it prints is its closing words.
#[derive(Clone, Debug)]
pub struct CommandAgent {
    name: String,
    argv: Vec<String>,
    login: Option<ModelLogin>,
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
        Ok(Self { name: format!("command:{base}"), argv, login: None })
    }

    /// Lets the program reach a model through the proxy: it finds the proxy's address and a secret of
    /// its run in the variables that Anthropic's clients know, `ANTHROPIC_BASE_URL` and
    /// `ANTHROPIC_API_KEY` (or the other two of [`CredentialKind`](crate::CredentialKind)).
    #[must_use]
    pub fn with_model(mut self, login: ModelLogin) -> Self {
        self.login = Some(login);
        self
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
        needs.credentials.extend(self.login.as_ref().map(|login| login.credential().clone()));
        needs
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        let mut command = Command::new(&self.argv).with_stdin(task.prompt.as_bytes());
        let mut access = None;
        if let Some(login) = &self.login {
            let opened = login.open(task)?;
            command = login.shown_to(command, container, &opened)?;
            access = Some(opened);
        }
        let mut words = Vec::new();
        let mut sink = |stream, bytes: &[u8]| {
            if stream == OutputStream::Stdout {
                words.extend_from_slice(bytes);
                words.drain(..words.len().saturating_sub(MAX_SUMMARY));
            }
            events.event(AgentEvent::printed(stream, bytes));
        };
        let spent = access.as_ref().map(ModelAccess::exhausted).unwrap_or_default();
        let status = tokio::select! {
            biased;
            status = container.exec(&command, &mut sink) => Some(status?),
            () = spent.cancelled() => None,
        };
        let verdict = match status {
            Some(ExitStatus::Code(0)) => Verdict::Completed,
            Some(status) => Verdict::failed(format!("`{}` ended with {status}", self.argv[0])),
            None => Verdict::failed("it was ended before it was done"),
        };
        let mut report = AgentReport::new(verdict, String::from_utf8_lossy(&words).trim());
        if let Some(access) = &access {
            model_login::correct(&mut report, access, task.limits.micro_usd);
        }
        Ok(report)
    }
}
