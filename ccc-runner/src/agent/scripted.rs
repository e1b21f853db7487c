//! An agent that follows a script.

use std::path::Path;
use std::time::Duration;

use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{Command, Output};
use ccc_core::{
    Agent, Clock, Container, ContainerExt, Error, ErrorKind, Result, SystemClock, async_trait,
};
use serde::Deserialize;

/// An agent that follows a script, for demos and tests. Like every agent, it acts only through the
/// container. It costs nothing, needs no account, and performs the same steps in every run.
///
/// ```toml
/// summary = "What the agent says at the end."
///
/// [[step]]
/// say = "Looking at it."
/// [[step]]
/// replace = { path = "src/sum.py", from = "a - b", to = "a + b" }
/// [[step]]
/// write = { path = "notes/why.md", content = "Because.\n" }
/// [[step]]
/// delete = "old.txt"
/// [[step]]
/// run = ["python3", "-m", "unittest"]
/// [[step]]
/// wait = 0.5                       # seconds
/// [[step]]
/// fail = "I give up."
/// ```
#[derive(Clone, Debug)]
pub struct ScriptedAgent {
    script: Script,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    summary: String,
    #[serde(default)]
    step: Vec<Step>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Say(String),
    Write { path: String, content: String },
    Replace { path: String, from: String, to: String },
    Delete(String),
    Run(Vec<String>),
    Wait(f64),
    Fail(String),
}

impl ScriptedAgent {
    /// Reads a script from the TOML file `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the file cannot be read, and the errors of
    /// [`parse`](Self::parse).
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| {
            let line = format!("cannot read the script {} of the scripted agent", path.display());
            Error::new(ErrorKind::NotFound, line).with_source(e)
        })?;
        Self::parse(&text)
    }

    /// Parses a script in TOML.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `text` is not a valid script (the message contains the line
    /// number), or if a `wait` is not a valid duration.
    pub fn parse(text: &str) -> Result<Self> {
        let script: Script = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            Error::new(
                ErrorKind::InvalidInput,
                format!("line {line} of the scripted agent's script is invalid: {}", e.message()),
            )
        })?;
        for step in &script.step {
            if let Step::Wait(seconds) = step
                && Duration::try_from_secs_f64(*seconds).is_err()
            {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!(
                        "the scripted agent's script contains `wait = {seconds}`, which is not a \
                         valid duration in seconds"
                    ),
                ));
            }
        }
        Ok(Self { script })
    }
}

#[async_trait]
impl Agent for ScriptedAgent {
    fn name(&self) -> &str {
        "scripted"
    }

    fn needs(&self) -> AgentNeeds {
        AgentNeeds::default()
    }

    async fn run(
        &self,
        _: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        for step in &self.script.step {
            if let Err(reason) = perform(step, container, events).await? {
                return Ok(AgentReport::new(Verdict::failed(reason), &self.script.summary));
            }
        }
        events.event(AgentEvent::Said { text: self.script.summary.clone() });
        Ok(AgentReport::new(Verdict::Completed, &self.script.summary))
    }
}

/// Performs `step`. The outer error is a failure of the container. The inner error is the reason
/// why the agent failed.
async fn perform(
    step: &Step,
    container: &dyn Container,
    events: &mut dyn AgentSink,
) -> Result<std::result::Result<(), String>> {
    let outcome = match step {
        Step::Say(text) => {
            events.event(AgentEvent::Said { text: text.clone() });
            Ok(())
        }
        Step::Write { path, content } => write(container, events, path, content).await?,
        Step::Replace { path, from, to } => {
            events.event(AgentEvent::Read { path: path.clone() });
            let output = container.output(&Command::new(["cat", "--", path])).await?;
            let text = String::from_utf8_lossy(&output.stdout);
            if !output.status.success() {
                Err(format!("the script cannot read the file `{path}`"))
            } else if !text.contains(from.as_str()) {
                Err(format!("the file `{path}` does not contain the text that the script replaces"))
            } else {
                write(container, events, path, &text.replace(from.as_str(), to)).await?
            }
        }
        Step::Delete(path) => {
            events.event(AgentEvent::Edited { path: path.clone() });
            done(&container.output(&Command::new(["rm", "--", path])).await?)
        }
        Step::Run(argv) => {
            events.event(AgentEvent::Ran { command: argv.join(" ") });
            let mut sink = |stream, bytes: &[u8]| events.event(AgentEvent::printed(stream, bytes));
            let status = container.exec(&Command::new(argv), &mut sink).await?;
            if status.success() {
                Ok(())
            } else {
                Err(format!("`{}` failed: {status}", argv.join(" ")))
            }
        }
        Step::Wait(seconds) => {
            SystemClock.sleep(Duration::try_from_secs_f64(*seconds).unwrap_or_default()).await;
            Ok(())
        }
        Step::Fail(reason) => Err(reason.clone()),
    };
    Ok(outcome)
}

async fn write(
    container: &dyn Container,
    events: &mut dyn AgentSink,
    path: &str,
    content: &str,
) -> Result<std::result::Result<(), String>> {
    events.event(AgentEvent::Edited { path: path.to_owned() });
    if let Some((directory, _)) = path.rsplit_once('/') {
        let made = container.output(&Command::new(["mkdir", "-p", "--", directory])).await?;
        if let Err(reason) = done(&made) {
            return Ok(Err(reason));
        }
    }
    // `tee` instead of a shell: neither the path nor the text is interpreted as code.
    let written =
        container.output(&Command::new(["tee", "--", path]).with_stdin(content.as_bytes())).await?;
    Ok(done(&written))
}

fn done(output: &Output) -> std::result::Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("the script cannot change a file: {}: {}", output.status, words.trim()))
}
