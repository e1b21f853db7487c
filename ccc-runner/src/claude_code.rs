//! Claude Code, the real one, with no key in its hands.

use std::sync::{Mutex, PoisonError};

use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{Command, ExitStatus, Network, OutputStream};
use ccc_core::text::one_line;
use ccc_core::{Agent, Container, Error, ErrorKind, Result, async_trait};
use tokio::sync::Notify;

mod ending;
mod launch;
mod transcript;
mod version;

pub use transcript::Transcript;
use version::Version;

use crate::model_login::{self, ModelLogin};
use crate::{ModelAccess, ModelNotice};

/// How much of the end of standard error is told when there is no result, bytes.
const LAST_WORDS: usize = 2 << 10;

/// What Claude Code may do without asking. Nobody is there to be asked: the rest is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Everything. For containers that are a wall themselves.
    All,
    /// Change files in the workspace, run programs that only read, and what these rules of Claude Code
    /// allow: `Bash(cargo test:*)`.
    EditsAnd(Vec<String>),
}

/// Claude Code as an agent. It talks to its model through a [`ModelProxy`](crate::ModelProxy), and gets that run's secret
/// in place of a credential.
///
/// The verdict comes from its result line, and never from its exit status. Settings, hooks, MCP servers
/// and commands that a repository brings are off (spec: X8). What was spent is what the proxy counted.
#[derive(Clone, Debug)]
pub struct ClaudeCode {
    login: ModelLogin,
    program: String,
    image: Option<String>,
    permissions: Permissions,
    model: Option<String>,
}

impl ClaudeCode {
    /// `claude` from the container's `PATH`, which may change files and no more.
    #[must_use]
    pub fn new(login: ModelLogin) -> Self {
        Self {
            login,
            program: "claude".to_owned(),
            image: None,
            permissions: Permissions::EditsAnd(Vec::new()),
            model: None,
        }
    }

    /// The program, as a name in the container's `PATH` or an absolute path in the container.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<String>) -> Self {
        self.program = program.into();
        self
    }

    /// The image that has the program, where runners have images.
    #[must_use]
    pub fn with_image(mut self, image: Option<String>) -> Self {
        self.image = image;
        self
    }

    /// What it may do.
    #[must_use]
    pub fn with_permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// The model, by its name or by an alias that the program knows; without it, the program's own
    /// choice.
    #[must_use]
    pub fn with_model(mut self, model: Option<String>) -> Self {
        self.model = model;
        self
    }

    /// Asks the program what it is.
    async fn probe(&self, container: &dyn Container) -> Result<Version> {
        // A line is enough of either stream, whatever else the program has to say.
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut keep = |stream, bytes: &[u8]| {
            let kept: &mut Vec<u8> =
                if stream == OutputStream::Stdout { &mut stdout } else { &mut stderr };
            kept.extend(bytes.iter().take(LAST_WORDS.saturating_sub(kept.len())));
        };
        let asked = container.exec(&Command::new([&self.program, "--version"]), &mut keep).await;
        let status = asked.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                let line = format!(
                    "there is no `{}` where the agent runs: install Claude Code \
                     (npm install -g @anthropic-ai/claude-code), or say where it is",
                    self.program
                );
                Error::new(ErrorKind::NotFound, line).with_source(error)
            }
            _ => error,
        })?;
        if !status.success() {
            let words = one_line(&String::from_utf8_lossy(&stderr), 200);
            let line = format!("`{} --version` ended with {status}: {words}", self.program);
            return Err(Error::new(ErrorKind::Unavailable, line));
        }
        version::judge(String::from_utf8_lossy(&stdout).trim())
    }
}

/// Why the work is over.
enum Over {
    Result,
    Ended,
    Exited(ExitStatus),
}

#[async_trait]
impl Agent for ClaudeCode {
    fn name(&self) -> &str {
        "claude"
    }

    fn needs(&self) -> AgentNeeds {
        let mut needs = AgentNeeds::default();
        needs.image.clone_from(&self.image);
        needs.credentials = vec![self.login.credential().clone()];
        needs.network = Network::ModelProxy;
        needs
    }

    async fn run(
        &self,
        task: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        let mut access = self.login.open(task)?;
        let version = self.probe(container).await?;
        let command = launch::command(self, version, task.run, &task.limits)
            .with_stdin(task.prompt.as_bytes());
        let shown = (self.login.variable(), &access);
        let command = self.login.shown_to(command, container, shown)?;

        let seen = Mutex::new(Seen::new(container, events));
        let lock = || seen.lock().unwrap_or_else(PoisonError::into_inner);
        let result = Notify::new();
        let mut sink = |stream, bytes: &[u8]| {
            let mut seen = lock();
            seen.take(stream, bytes);
            if seen.transcript.report().is_some() {
                result.notify_one();
            }
        };
        let work = async {
            tokio::select! {
                biased;
                // What comes after it is not waited for: the container's end is its end as well.
                () = result.notified() => Ok(Over::Result),
                status = container.exec(&command, &mut sink) => status.map(Over::Exited),
            }
        };
        let told = |told| match told {
            // What the API refuses, the program tells itself.
            model_login::Told::Notice(ModelNotice::Refused(line)) => {
                lock().tell(model_login::refused_by_us(&line));
            }
            model_login::Told::Notice(_) => {}
            model_login::Told::Alive => lock().tell(AgentEvent::Alive),
        };
        let over = model_login::watched(&mut access, work, told).await;
        let over = over.unwrap_or(Ok(Over::Ended))?;
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(seen.report(&over, &access, task.limits.micro_usd))
    }
}

/// What was seen of a run.
struct Seen<'a> {
    transcript: Transcript,
    errors: Vec<u8>,
    events: &'a mut dyn AgentSink,
}

impl<'a> Seen<'a> {
    fn new(container: &dyn Container, events: &'a mut dyn AgentSink) -> Self {
        Self { transcript: Transcript::new(container.workspace()), errors: Vec::new(), events }
    }

    fn tell(&mut self, event: AgentEvent) {
        self.events.event(event);
    }

    fn take(&mut self, stream: OutputStream, bytes: &[u8]) {
        match stream {
            OutputStream::Stdout => {
                self.transcript.read(bytes, self.events);
                self.tell(AgentEvent::Alive);
            }
            OutputStream::Stderr => {
                self.errors.extend_from_slice(bytes);
                self.errors.drain(..self.errors.len().saturating_sub(LAST_WORDS));
                self.tell(AgentEvent::printed(stream, bytes));
            }
        }
    }

    /// The report: how it ended by the result line, what it cost by the proxy's count.
    fn report(mut self, over: &Over, access: &ModelAccess, limit: Option<u64>) -> AgentReport {
        self.transcript.finish(self.events);
        let mut report = match self.transcript.report() {
            Some(report) => report.clone(),
            None => {
                let mut report = AgentReport::new(self.no_result(over), "");
                report.session = self.transcript.session().map(str::to_owned);
                report
            }
        };
        model_login::correct(&mut report, access, limit);
        report
    }

    fn no_result(&self, over: &Over) -> Verdict {
        let Over::Exited(status) = over else {
            return Verdict::failed("it was ended before it had a result");
        };
        if *status == ExitStatus::OutOfMemory {
            return Verdict::Limited { reason: "its container's memory was used up".to_owned() };
        }
        let words = one_line(&String::from_utf8_lossy(&self.errors), 300);
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        Verdict::failed(format!("Claude Code ended without a result, with {status}{said}"))
    }
}
