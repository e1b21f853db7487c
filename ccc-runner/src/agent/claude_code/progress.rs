//! Progress of Claude Code, read from its output.

use ccc_core::Container;
use ccc_core::agent::{AgentEvent, AgentReport, AgentSink, Verdict};
use ccc_core::container::{ExitStatus, OutputStream};
use ccc_core::untrusted_text::{OutputEnd, one_line};

use crate::agent::claude_code::transcript::Transcript;
use crate::agent::model_session;
use crate::model::proxy::ModelAccess;

/// Maximum number of bytes of Claude Code's standard error that are stored. Older bytes are
/// dropped. The stored bytes are reported if Claude Code exits before it prints a result line.
const MAX_STDERR_TAIL: usize = 2 << 10;

/// The reason why the wait for Claude Code ended.
pub(crate) enum End {
    /// Claude Code printed its result line.
    Result,
    /// The run reached its spending limit, or the model's API rejected the credential.
    ModelUnusable,
    /// Claude Code exited.
    Exited(ExitStatus),
}

/// The output of Claude Code that was read so far, and the receiver of the agent's events.
pub(crate) struct OutputProgress<'a> {
    transcript: Transcript,
    errors: OutputEnd,
    events: &'a mut dyn AgentSink,
}

impl<'a> OutputProgress<'a> {
    pub(crate) fn new(container: &dyn Container, events: &'a mut dyn AgentSink) -> Self {
        let errors = OutputEnd::new(MAX_STDERR_TAIL);
        Self { transcript: Transcript::new(container.workspace()), errors, events }
    }

    /// Returns whether the result line of Claude Code was read.
    pub(crate) fn has_result(&self) -> bool {
        self.transcript.report().is_some()
    }

    pub(crate) fn tell(&mut self, event: AgentEvent) {
        self.events.event(event);
    }

    pub(crate) fn take(&mut self, stream: OutputStream, bytes: &[u8]) {
        match stream {
            OutputStream::Stdout => {
                self.transcript.read(bytes, self.events);
                self.tell(AgentEvent::Alive);
            }
            OutputStream::Stderr => {
                self.errors.push(bytes);
                self.tell(AgentEvent::printed(stream, bytes));
            }
        }
    }

    /// Creates the report. The verdict comes from the result line, or from `end` if there is no
    /// result line. The cost comes from `access`, because the model proxy counts it. `limit` is the
    /// spending limit, in millionths of a US dollar.
    pub(crate) fn report(
        mut self,
        end: &End,
        access: &ModelAccess,
        limit: Option<u64>,
    ) -> AgentReport {
        self.transcript.finish(self.events);
        let mut report = match self.transcript.report() {
            Some(report) => report.clone(),
            None => {
                let mut report = AgentReport::new(self.no_result(end), "");
                report.session = self.transcript.session().map(str::to_owned);
                report
            }
        };
        model_session::apply_account(&mut report, access, limit);
        report
    }

    fn no_result(&self, end: &End) -> Verdict {
        let End::Exited(status) = end else {
            return Verdict::failed("Claude Code was stopped before it printed a result");
        };
        if *status == ExitStatus::OutOfMemory {
            return Verdict::Limited { reason: "the container ran out of memory".to_owned() };
        }
        let words = one_line(&self.errors.text(), 300);
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        Verdict::failed(format!("Claude Code ended without a result: {status}{said}"))
    }
}
