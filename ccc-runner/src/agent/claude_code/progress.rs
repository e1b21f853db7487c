//! Progress of a run, read from the program's output.

use ccc_core::Container;
use ccc_core::agent::{AgentEvent, AgentReport, AgentSink, Verdict};
use ccc_core::container::{ExitStatus, OutputStream};
use ccc_core::untrusted_text::one_line;

use crate::agent::claude_code::transcript::Transcript;
use crate::agent::model_session;
use crate::model::proxy::ModelAccess;

/// Maximum length of the end of standard error that is reported if there is no result, in bytes.
const MAX_STDERR_TAIL: usize = 2 << 10;

/// The reason why the work ended.
pub(crate) enum End {
    Result,
    Ended,
    Exited(ExitStatus),
}

/// The output that was read so far.
pub(crate) struct OutputProgress<'a> {
    transcript: Transcript,
    errors: Vec<u8>,
    events: &'a mut dyn AgentSink,
}

impl<'a> OutputProgress<'a> {
    pub(crate) fn new(container: &dyn Container, events: &'a mut dyn AgentSink) -> Self {
        Self { transcript: Transcript::new(container.workspace()), errors: Vec::new(), events }
    }

    /// Returns whether the result line was read.
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
                self.errors.extend_from_slice(bytes);
                self.errors.drain(..self.errors.len().saturating_sub(MAX_STDERR_TAIL));
                self.tell(AgentEvent::printed(stream, bytes));
            }
        }
    }

    /// Returns the report: the verdict from the result line, and the cost from the proxy's count.
    pub(crate) fn report(
        mut self,
        over: &End,
        access: &ModelAccess,
        limit: Option<u64>,
    ) -> AgentReport {
        self.transcript.finish(self.events);
        let mut report = match self.transcript.report() {
            Some(report) => report.clone(),
            None => {
                let mut report = AgentReport::new(self.no_result(over), "");
                report.session = self.transcript.session().map(str::to_owned);
                report
            }
        };
        model_session::apply_account(&mut report, access, limit);
        report
    }

    fn no_result(&self, over: &End) -> Verdict {
        let End::Exited(status) = over else {
            return Verdict::failed("it was stopped before it printed a result");
        };
        if *status == ExitStatus::OutOfMemory {
            return Verdict::Limited { reason: "its container ran out of memory".to_owned() };
        }
        let words = one_line(&String::from_utf8_lossy(&self.errors), 300);
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        Verdict::failed(format!("Claude Code ended without a result, with {status}{said}"))
    }
}
