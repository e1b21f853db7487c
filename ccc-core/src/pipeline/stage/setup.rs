//! The repository's setup, which Provision runs in the container before the agent starts.

use crate::container::{Command, OutputStream};
use crate::pipeline::bounded::within;
use crate::pipeline::halt::Halt;
use crate::pipeline::repository_settings::RepositorySettings;
use crate::pipeline::run_context::RunContext;
use crate::untrusted_text::one_line;
use crate::{Container, Error, ErrorKind, Result};

/// Size of the last part of a line's output that is retained for the note, in bytes.
const OUTPUT_TAIL: usize = 2 << 10;

/// Runs the lines of the repository's setup in the container. A line that fails ends the setup but
/// not the run, because the agent can possibly work without it.
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
    // After a timeout the program is still running, so the run must end: only the container's end
    // stops the program.
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
        words.drain(..words.len().saturating_sub(OUTPUT_TAIL));
    };
    let command =
        Command::new(["sh", "-c", line]).with_egress(run.parts.policy.setup_hosts.clone());
    let status = container.exec(&command, &mut sink).await?;
    if !status.success() {
        let words = one_line(&String::from_utf8_lossy(&words), 600);
        run.emit_note(format!(
            "setup: `{shown}` failed ({status}), the remaining lines are skipped: {words}"
        ));
    }
    Ok(status.success())
}
