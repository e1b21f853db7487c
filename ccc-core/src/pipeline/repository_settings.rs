//! What a repository asks for before the agent starts, in a file of its default branch.

use serde::{Deserialize, Serialize};

use super::bounded::within;
use super::halt::Halt;
use super::run_context::RunContext;
use crate::container::{Command, OutputStream};
use crate::text::one_line;
use crate::{Container, Error, ErrorKind, ObjectId, Result, Stage};

/// The longest file of settings, bytes.
const MAX_SETTINGS: u64 = 64 << 10;
/// The most lines of setup.
const MAX_LINES: usize = 100;
/// How much of the end of a failed program's output is told, bytes.
const LAST_WORDS: usize = 2 << 10;

/// What a repository may say about its runs. People with write permission to it wrote this, and nobody who
/// opens issues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RepositorySettings {
    /// The image that the agent runs in, one of those that the operator permits.
    pub image: Option<String>,
    /// Lines for the container's shell, run one after the other before the agent starts: to install what the
    /// tests need. They may reach the operator's `setup_hosts`, which the agent may not.
    pub setup: Vec<String>,
}

/// Where a repository's settings are, and how they are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct SettingsFile {
    pub(super) path: &'static str,
    pub(super) read: fn(&str) -> Result<RepositorySettings>,
}

/// Reads the repository's settings as of `base`, and checks them against the operator's policy.
pub(super) async fn load(run: &RunContext, base: &ObjectId) -> Result<RepositorySettings, Halt> {
    let Some(SettingsFile { path, read }) = run.parts.settings else {
        return Ok(RepositorySettings::default());
    };
    // As checked out, and no newer one.
    let file = run.parts.git.file(run.id, base, path, MAX_SETTINGS).await;
    let file = file.map_err(|error| match error.kind() {
        ErrorKind::LimitExceeded => refused(error.to_string(), path),
        _ => Halt::Error(error),
    })?;
    let Some(file) = file else { return Ok(RepositorySettings::default()) };
    let settings = read(&String::from_utf8_lossy(&file))
        .map_err(|error| refused(format!("{path} cannot be used: {error}"), path))?;
    if settings.setup.len() > MAX_LINES {
        let reason =
            format!("{path} has more than {MAX_LINES} lines of setup: put them into a script");
        return Err(refused(reason, path));
    }
    match &settings.image {
        Some(image) if !run.parts.policy.permits_image(image) => Err(refused(
            format!("{path} names an image that the operator does not permit: {image}"),
            path,
        )),
        _ => Ok(settings),
    }
}

/// Runs the lines of the repository's setup in the container. A line that fails ends the setup, and
/// not the run: an agent may do without it.
pub(super) async fn set_up(
    run: &RunContext,
    container: &dyn Container,
    settings: &RepositorySettings,
) -> Result<(), Halt> {
    let limit = run.parts.limits.setup;
    let lines = async {
        for line in &settings.setup {
            if !run_line(run, container, line).await? {
                break;
            }
        }
        Ok(())
    };
    // A program that ran too long still runs: only the end of the container ends it.
    within(&*run.parts.clock, limit, lines).await.unwrap_or_else(|| {
        let line = format!("the repository's setup took longer than {} s", limit.as_secs());
        Err(Halt::Error(Error::new(ErrorKind::TimedOut, line)))
    })
}

/// Runs one line. Returns whether it succeeded.
async fn run_line(run: &RunContext, container: &dyn Container, line: &str) -> Result<bool> {
    let shown = one_line(line, 100);
    run.emit_note(format!("setup: {shown}"));
    let mut words = Vec::new();
    let mut sink = |_: OutputStream, bytes: &[u8]| {
        words.extend_from_slice(bytes);
        words.drain(..words.len().saturating_sub(LAST_WORDS));
    };
    let command =
        Command::new(["sh", "-c", line]).with_egress(run.parts.policy.setup_hosts.clone());
    let status = container.exec(&command, &mut sink).await?;
    if !status.success() {
        let words = one_line(&String::from_utf8_lossy(&words), 600);
        run.emit_note(format!(
            "setup: `{shown}` ended with {status}, the rest is left out: {words}"
        ));
    }
    Ok(status.success())
}

fn refused(reason: String, path: &str) -> Halt {
    Halt::refused(Stage::Provision, one_line(&reason, 300), vec![path.to_owned()])
}
