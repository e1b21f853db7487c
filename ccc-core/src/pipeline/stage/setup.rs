//! The repository's setup commands, which Provision executes in the container before the agent
//! starts.

use crate::container::{Command, OutputStream};
use crate::pipeline::bounded::within;
use crate::pipeline::halt::Halt;
use crate::pipeline::repository_settings::RepositorySettings;
use crate::pipeline::run_context::RunContext;
use crate::untrusted_text::{OutputEnd, one_line};
use crate::{Container, Error, ErrorKind, Result};

/// Number of bytes that are retained from the end of a setup command's output. If the command
/// fails, a note shows these bytes as one line of text.
const OUTPUT_TAIL: usize = 600;

/// Executes the repository's setup commands in the container. If a command fails, the remaining
/// commands are skipped. The run still continues, because the agent can possibly work without a
/// complete setup.
pub(super) async fn set_up(
    run: &RunContext,
    container: &dyn Container,
    settings: &RepositorySettings,
) -> Result<(), Halt> {
    let limit = run.parts.limits.setup;
    let lines = async {
        for line in &settings.setup {
            if !execute_setup_command(run, container, line).await? {
                break;
            }
        }
        Ok(())
    };
    // After a timeout, the setup command is still running. The run must end, because only the end
    // of the container stops the command.
    within(&*run.parts.clock, limit, lines).await.unwrap_or_else(|| {
        let line = format!("the setup commands exceeded their time limit of {} s", limit.as_secs());
        Err(Halt::Error(Error::new(ErrorKind::TimedOut, line)))
    })
}

/// Executes one setup command. Returns whether the command succeeded.
async fn execute_setup_command(
    run: &RunContext,
    container: &dyn Container,
    line: &str,
) -> Result<bool> {
    let shown = one_line(line, 100);
    run.emit_note(format!("executing the setup command `{shown}`"));
    let mut output = OutputEnd::new(OUTPUT_TAIL);
    let mut sink = |_: OutputStream, bytes: &[u8]| output.push(bytes);
    let command =
        Command::new(["sh", "-c", line]).with_egress(run.parts.policy.setup_hosts.clone());
    let status = container.exec(&command, &mut sink).await?;
    if !status.success() {
        let end = one_line(&output.text(), 2 * OUTPUT_TAIL);
        run.emit_note(format!(
            "the setup command `{shown}` failed ({status}), so the remaining setup commands are \
             skipped; the end of the output is: {end}"
        ));
    }
    Ok(status.success())
}
