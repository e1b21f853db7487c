//! Parser that converts Claude Code's output to events and a report. The parser tolerates unknown
//! and malformed lines: Claude Code changes every few days, and the author of the issue can
//! influence the output.

use std::borrow::Cow;
use std::collections::HashSet;

use ccc_core::agent::{AgentEvent, AgentReport, AgentSink};
use ccc_core::untrusted_text::{one_line, truncate};
use serde_json::Value;

use crate::agent::claude_code::result_line;

/// Maximum length of a line that is parsed, in bytes. A longer line is dropped, and an event
/// reports the length of the line.
const MAX_LINE: usize = 8 << 20;
/// Maximum number of the JSON characters `,`, `:`, `[` and `{` in a line that is parsed. The limit
/// bounds memory: each of these characters can become a parsed value of about a hundred bytes.
const MAX_MARKS: usize = 500_000;
/// Maximum number of denied tool uses that are reported as events.
const MAX_REPORTED: usize = 1_000;
/// Maximum length of the text in one event, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// A parser of Claude Code's output with `--output-format stream-json`: one JSON object per line.
/// The object of the type `result` contains the verdict. The lines after this object are ignored.
///
/// Objects of unknown types, unknown fields and unknown kinds of content are skipped. A line that
/// is not a JSON object becomes an event with the text of the line.
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
    /// The prefix of every path inside the workspace, such as `/workspace/`.
    root: String,
    line: Vec<u8>,
    skipped: usize,
    session: Option<String>,
    /// The IDs of tool uses whose denial was already reported.
    told: HashSet<String>,
    report: Option<AgentReport>,
}

impl Transcript {
    /// Creates a parser. In events, paths inside `workspace` are relative to `workspace`.
    pub fn new(workspace: impl AsRef<std::path::Path>) -> Self {
        let root = format!("{}/", workspace.as_ref().to_string_lossy().trim_end_matches('/'));
        Self {
            root,
            line: Vec::new(),
            skipped: 0,
            session: None,
            told: HashSet::new(),
            report: None,
        }
    }

    /// Parses the next bytes of Claude Code's standard output, and sends the resulting events to
    /// `events`. `bytes` can end in the middle of a line. Bytes after the result line are ignored.
    pub fn read(&mut self, mut bytes: &[u8], events: &mut dyn AgentSink) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.append(&bytes[..end]);
            self.end_of_line(events);
            bytes = &bytes[end + 1..];
        }
        self.append(bytes);
    }

    /// Parses the last line if it has no line break. Call this method at the end of the output.
    pub fn finish(&mut self, events: &mut dyn AgentSink) {
        self.end_of_line(events);
    }

    /// Returns the report from the result line, or `None` if that line was not read yet.
    #[must_use]
    pub fn report(&self) -> Option<&AgentReport> {
        self.report.as_ref()
    }

    /// Returns the ID under which Claude Code stores the conversation, or `None` if no line
    /// contained it yet.
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
            events.event(printed(&format!(
                "[skipped a line of Claude Code's output: the line is too large ({skipped} bytes)]"
            )));
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
            (Some("system"), Some("permission_denied")) if self.told.len() < MAX_REPORTED => {
                self.told.insert(text(line, "tool_use_id").unwrap_or_default().to_owned());
                events.event(denied(line));
            }
            (Some("rate_limit_event"), _) => {
                let info = &line["rate_limit_info"];
                if text(info, "status") == Some("rejected") {
                    let which = one_line(text(info, "rateLimitType").unwrap_or("unknown"), 60);
                    let reason = format!("the model account reached the rate limit `{which}`");
                    events.event(AgentEvent::Retrying { reason });
                }
            }
            (Some("result"), _) => {
                // Older versions report denials only in the result line.
                for denial in line["permission_denials"].as_array().into_iter().flatten() {
                    let id = text(denial, "tool_use_id").unwrap_or_default();
                    if self.told.len() < MAX_REPORTED && self.told.insert(id.to_owned()) {
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

    /// Returns the event for a use of `tool`, or `None` if `input` lacks a necessary field.
    fn used(&self, tool: &str, input: &Value) -> Option<AgentEvent> {
        let path = |field| Some(self.relative(text(input, field)?));
        Some(match tool {
            "Read" => AgentEvent::Read { path: path("file_path")? },
            "Edit" | "MultiEdit" | "Write" => AgentEvent::Edited { path: path("file_path")? },
            "NotebookEdit" => AgentEvent::Edited { path: path("notebook_path")? },
            "Bash" => AgentEvent::Ran { command: words(input, "command")? },
            "TodoWrite" => AgentEvent::Planned { steps: steps(&input["todos"]) },
            // Other tools have no dedicated event: report the name of the tool and its input.
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

/// The type of a line of output. The type is parsed first, because most of the output consists of
/// tool results, which are never used and need not be parsed completely.
#[derive(serde::Deserialize)]
struct Head<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// Parses the type of `line`. Returns `None` if `line` is not a JSON object.
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

/// Returns the text of `field` in `value`, truncated to [`MAX_TEXT`] bytes, or `None` if there is
/// no text.
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
        (Some(status), _) => format!("the model's API answered with HTTP status {status}"),
        (None, Some(error)) => format!("cannot reach the model's API ({})", one_line(error, 60)),
        (None, None) => "cannot reach the model's API".to_owned(),
    };
    let (attempt, of) = (number("attempt"), number("max_retries"));
    let seconds = number("retry_delay_ms") / 1_000.0;
    AgentEvent::Retrying { reason: format!("{why}: retry {attempt} of {of} in {seconds:.0} s") }
}
