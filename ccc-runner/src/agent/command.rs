//! An agent that executes any program.

use std::sync::Mutex;

use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{Command, ExitStatus, Network, OutputStream};
use ccc_core::untrusted_text::OutputEnd;
use ccc_core::{Agent, Container, Error, ErrorKind, Result, async_trait};

use crate::agent::model_session::{self, ProxyEvent};
use crate::lock::lock;
use crate::model::login::ModelLogin;
use crate::model::proxy::ModelNotice;

/// Maximum length of the report's summary, in bytes. The summary is the end of the program's
/// standard output.
const MAX_SUMMARY: usize = 8 << 10;

/// An agent that executes any program. The program starts in the workspace and receives the prompt
/// on its standard input. Exit status 0 means success. The end of the program's standard output is
/// the summary of the report.
#[derive(Clone, Debug)]
pub struct CommandAgent {
    name: String,
    argv: Vec<String>,
    login: Option<ModelLogin>,
}

impl CommandAgent {
    /// Creates an agent that executes the program `argv[0]`. The other elements of `argv` are the
    /// program's arguments. No shell interprets them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `argv` is empty, or if the program is an empty string.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        let Some(program) = argv.first().filter(|program| !program.is_empty()) else {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the command agent has no program: give a program and its arguments",
            ));
        };
        let base = program.rsplit('/').next().unwrap_or(program);
        Ok(Self { name: format!("command:{base}"), argv, login: None })
    }

    /// Gives the program access to a model through the proxy of `login`. The program finds the
    /// proxy's address in the environment variable `ANTHROPIC_BASE_URL`, and the run's secret in
    /// `ANTHROPIC_API_KEY`. Anthropic's clients read these variables. The names do not depend on
    /// the kind of credential that the proxy adds to requests.
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
        let command = Command::new(&self.argv).with_stdin(task.prompt.as_bytes());
        let Some(login) = &self.login else {
            let mut printed = Output { end: OutputEnd::new(MAX_SUMMARY), events };
            let mut sink = |stream, bytes: &[u8]| printed.take(stream, bytes);
            let status = container.exec(&command, &mut sink).await?;
            return Ok(self.report(Some(status), &printed.end));
        };
        let mut access = model_session::open(login, task)?;
        let command = model_session::configure(command, container, "ANTHROPIC_API_KEY", &access)?;
        let printed = Mutex::new(Output { end: OutputEnd::new(MAX_SUMMARY), events });
        let mut sink = |stream, bytes: &[u8]| lock(&printed).take(stream, bytes);
        let report = |event| {
            lock(&printed).events.event(match event {
                ProxyEvent::Notice(ModelNotice::Refused(line)) => {
                    model_session::proxy_refusal_event(&line)
                }
                ProxyEvent::Notice(ModelNotice::CallFailed(reason)) => {
                    AgentEvent::Retrying { reason }
                }
                ProxyEvent::Alive => AgentEvent::Alive,
            });
        };
        let work = container.exec(&command, &mut sink);
        let status = model_session::watch(&mut access, work, report).await.transpose()?;
        let mut report = self.report(status, &lock(&printed).end);
        model_session::apply_account(&mut report, &access, task.limits.micro_usd);
        Ok(report)
    }
}

impl CommandAgent {
    /// Creates the report. `status` is the program's exit status, or `None` if this agent stopped
    /// the program. `printed` is the end of the program's standard output.
    fn report(&self, status: Option<ExitStatus>, printed: &OutputEnd) -> AgentReport {
        let verdict = match status {
            Some(ExitStatus::Code(0)) => Verdict::Completed,
            Some(ExitStatus::OutOfMemory) => {
                Verdict::Limited { reason: "the container ran out of memory".to_owned() }
            }
            Some(status) => Verdict::failed(format!("`{}` failed: {status}", self.argv[0])),
            None => Verdict::failed("the agent's program was stopped before it finished"),
        };
        AgentReport::new(verdict, printed.text().trim())
    }
}

/// The end of the program's standard output, and the receiver of the agent's events.
struct Output<'a> {
    end: OutputEnd,
    events: &'a mut dyn AgentSink,
}

impl Output<'_> {
    fn take(&mut self, stream: OutputStream, bytes: &[u8]) {
        if stream == OutputStream::Stdout {
            self.end.push(bytes);
        }
        self.events.event(AgentEvent::printed(stream, bytes));
    }
}
