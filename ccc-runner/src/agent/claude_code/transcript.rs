//! What Claude Code prints, read into events and a report. Tolerant: the program is not ours,
//! changes every few days, and may be in the hands of whoever wrote the issue.

use std::borrow::Cow;

use ccc_core::agent::{AgentEvent, AgentReport, AgentSink};
use ccc_core::untrusted_text::{one_line, truncate};
use serde_json::Value;

use crate::agent::claude_code::result_line;

/// The longest line that is read, bytes. What a longer one says is lost, and that it was there is
/// told.
const MAX_LINE: usize = 8 << 20;
/// The most marks of structure in a line: each may become a value of a hundred bytes.
const MAX_MARKS: usize = 500_000;
/// The most denials that are told one by one.
const MAX_TOLD: usize = 1_000;
/// The most bytes of text in one event.
const MAX_TEXT: usize = 64 << 10;

/// Reads `--output-format stream-json`: one JSON object in a line, of which the last that counts
/// has the type `result`.
///
/// Types, fields and kinds of content that it does not know are skipped; a line that is no JSON is
/// handed on as it is.
///
/// ```
/// use ccc_core::agent::{AgentEvent, Verdict};
/// use ccc_runner::Transcript;
///
/// let mut transcript = Transcript::new("/workspace");
/// let mut events = Vec::new();
/// let lines = concat!(
///     r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Edit","#,
///     r#""input":{"file_path":"/workspace/src/sum.rs"}}]}}"#,
///     "\n",
///     r#"{"type":"result","subtype":"success","is_error":false,"result":"Fixed."}"#,
///     "\n",
/// );
/// for piece in lines.as_bytes().chunks(7) {
///     transcript.read(piece, &mut |event| events.push(event));
/// }
/// assert_eq!(events, [AgentEvent::Edited { path: "src/sum.rs".into() }]);
/// let report = transcript.report().unwrap();
/// assert_eq!((&report.verdict, &*report.summary), (&Verdict::Completed, "Fixed."));
/// ```
#[derive(Debug)]
pub struct Transcript {
    /// What stands before every path inside the workspace.
    root: String,
    line: Vec<u8>,
    skipped: usize,
    session: Option<String>,
    /// Uses of tools whose denial was told when it happened.
    told: Vec<String>,
    report: Option<AgentReport>,
}

impl Transcript {
    /// Nothing read yet. Paths in events are relative to `workspace`.
    pub fn new(workspace: impl AsRef<std::path::Path>) -> Self {
        let root = format!("{}/", workspace.as_ref().to_string_lossy().trim_end_matches('/'));
        Self { root, line: Vec::new(), skipped: 0, session: None, told: Vec::new(), report: None }
    }

    /// The next bytes of standard output; they may end anywhere. What comes after the result is not
    /// read.
    pub fn read(&mut self, mut bytes: &[u8], events: &mut dyn AgentSink) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.append(&bytes[..end]);
            self.end_of_line(events);
            bytes = &bytes[end + 1..];
        }
        self.append(bytes);
    }

    /// There is no more: a last line without an end counts as well.
    pub fn finish(&mut self, events: &mut dyn AgentSink) {
        self.end_of_line(events);
    }

    /// What the result line says; `None` until it was read.
    #[must_use]
    pub fn report(&self) -> Option<&AgentReport> {
        self.report.as_ref()
    }

    /// The name under which Claude Code stores the conversation.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.report.is_some() {
            return;
        }
        if self.skipped > 0 || self.line.len() + bytes.len() > MAX_LINE {
            self.skipped += bytes.len() + self.line.len();
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_of_line(&mut self, events: &mut dyn AgentSink) {
        let (line, mut skipped) =
            (std::mem::take(&mut self.line), std::mem::take(&mut self.skipped));
        if line.iter().filter(|byte| b",:[{".contains(byte)).count() > MAX_MARKS {
            skipped = line.len();
        }
        if skipped > 0 {
            events.event(printed(&format!("[a line of {skipped} bytes was not read]")));
        } else if !line.trim_ascii().is_empty() && self.report.is_none() {
            match Head::of(&line) {
                Some(head) if head.says_something() => match serde_json::from_slice(&line) {
                    Ok(object) => self.object(&object, events),
                    Err(_) => events.event(printed(&String::from_utf8_lossy(&line))),
                },
                Some(_) => {}
                None => events.event(printed(&String::from_utf8_lossy(&line))),
            }
        }
    }

    fn object(&mut self, line: &Value, events: &mut dyn AgentSink) {
        if let Some(session) = text(line, "session_id").filter(|session| !session.is_empty()) {
            self.session = Some(one_line(session, 100));
        }
        match (text(line, "type"), text(line, "subtype")) {
            (Some("assistant"), _) => self.said(line, events),
            (Some("system"), Some("api_retry")) => events.event(retrying(line)),
            (Some("system"), Some("permission_denied")) if self.told.len() < MAX_TOLD => {
                self.told.push(text(line, "tool_use_id").unwrap_or_default().to_owned());
                events.event(denied(line));
            }
            (Some("rate_limit_event"), _) => {
                let info = &line["rate_limit_info"];
                if text(info, "status") == Some("rejected") {
                    let which = text(info, "rateLimitType").unwrap_or("a limit");
                    let reason =
                        format!("the account's limit is used up ({})", one_line(which, 60));
                    events.event(AgentEvent::Retrying { reason });
                }
            }
            (Some("result"), _) => {
                // Older versions tell it here, and only here.
                for denial in line["permission_denials"].as_array().into_iter().flatten() {
                    let id = text(denial, "tool_use_id").unwrap_or_default();
                    if self.told.len() < MAX_TOLD && !self.told.iter().any(|told| told == id) {
                        self.told.push(id.to_owned());
                        events.event(denied(denial));
                    }
                }
                self.report = Some(result_line::report(line, self.session.clone()));
            }
            _ => {}
        }
    }

    fn said(&self, line: &Value, events: &mut dyn AgentSink) {
        for block in line["message"]["content"].as_array().into_iter().flatten() {
            let event = match text(block, "type") {
                Some("text") => words(block, "text").map(|text| AgentEvent::Said { text }),
                Some("thinking") => {
                    words(block, "thinking").map(|text| AgentEvent::Thought { text })
                }
                Some("tool_use") => self.used(text(block, "name").unwrap_or(""), &block["input"]),
                _ => None,
            };
            if let Some(event) = event {
                events.event(event);
            }
        }
    }

    /// What the use of a tool means to a person who follows.
    fn used(&self, tool: &str, input: &Value) -> Option<AgentEvent> {
        let path = |field| Some(self.relative(text(input, field)?));
        Some(match tool {
            "Read" => AgentEvent::Read { path: path("file_path")? },
            "Edit" | "MultiEdit" | "Write" => AgentEvent::Edited { path: path("file_path")? },
            "NotebookEdit" => AgentEvent::Edited { path: path("notebook_path")? },
            "Bash" => AgentEvent::Ran { command: words(input, "command")? },
            "TodoWrite" => AgentEvent::Planned { steps: steps(&input["todos"]) },
            // Not an event of its own for every tool there will ever be: its name, and how it was
            // asked.
            tool => {
                let asked = serde_json::to_string(input).unwrap_or_default();
                AgentEvent::Ran { command: one_line(&format!("{tool} {asked}"), 200) }
            }
        })
    }

    fn relative(&self, path: &str) -> String {
        let path = one_line(path, 4_096);
        path.strip_prefix(&self.root).map_or_else(|| path.clone(), str::to_owned)
    }
}

/// What a line is. Most of the bytes are what tools answered, which nobody here reads: no tree is
/// built of those.
#[derive(serde::Deserialize)]
struct Head<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// `None` when the line is no JSON object.
    fn of(line: &'a [u8]) -> Option<Self> {
        let is_object = line.trim_ascii_start().starts_with(b"{");
        serde_json::from_slice(line).ok().filter(|_| is_object)
    }

    fn says_something(&self) -> bool {
        const KINDS: &[&str] = &["assistant", "system", "rate_limit_event", "result"];
        self.kind.as_deref().is_some_and(|kind| KINDS.contains(&kind))
    }
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str()
}

/// Text that is there, at a length that can be shown.
fn words(value: &Value, field: &str) -> Option<String> {
    text(value, field).filter(|text| !text.is_empty()).map(|text| truncate(text, MAX_TEXT))
}

fn printed(text: &str) -> AgentEvent {
    AgentEvent::Printed { error_stream: false, text: format!("{}\n", truncate(text, MAX_TEXT)) }
}

fn denied(line: &Value) -> AgentEvent {
    AgentEvent::Denied { tool: one_line(text(line, "tool_name").unwrap_or("a tool"), 100) }
}

fn steps(todos: &Value) -> Vec<(String, bool)> {
    let all = todos.as_array().into_iter().flatten().take(100);
    all.filter_map(|todo| {
        let step = one_line(text(todo, "content")?, 200);
        Some((step, text(todo, "status") == Some("completed")))
    })
    .collect()
}

fn retrying(line: &Value) -> AgentEvent {
    let number = |field: &str| line[field].as_f64().unwrap_or(0.0);
    let why = match (line["error_status"].as_u64(), text(line, "error")) {
        (Some(status), _) => format!("the model's API answered {status}"),
        (None, Some(error)) => format!("the model's API was not reached ({})", one_line(error, 60)),
        (None, None) => "the model's API was not reached".to_owned(),
    };
    let (attempt, of) = (number("attempt"), number("max_retries"));
    let seconds = number("retry_delay_ms") / 1_000.0;
    AgentEvent::Retrying { reason: format!("{why}; attempt {attempt} of {of} in {seconds:.0} s") }
}
