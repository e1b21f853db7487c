//! The command that prints the log of a run.

use std::time::Duration;

use ccc_core::run::RunState;
use ccc_core::{Clock as _, Result, RunLog as _, RunStore as _, SystemClock};
use clap::Args;
use serde_json::json;

use super::record::time;
use super::store::{RunArgs, Store, no_such_run};
use crate::output::{json_for_terminal, print};

/// Number of lines that are read at a time.
const PAGE: usize = 500;

/// The time between two reads of a log that grows.
const POLL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Wait for further lines until the run ends.
    #[arg(short, long)]
    follow: bool,
}

/// Prints the log of a run. With `--json`, prints one JSON object per line.
pub(super) async fn run(store: &Store, args: &LogsArgs) -> Result<()> {
    let LogsArgs { run: RunArgs { id, json }, follow } = args;
    let run = store.find(id).await?;
    let mut next = 0;
    loop {
        // The state is read first: if the run has ended, its log is complete.
        let record = store.runs.get(run).await?.ok_or_else(|| no_such_run(id))?;
        let lines = store.runs.tail(run, next, PAGE).await?;
        for (number, line) in &lines {
            print(&match json {
                true => {
                    let line = json!({ "line": number, "at": line.at, "text": line.text });
                    json_for_terminal(&line.to_string())
                }
                false => format!("{} {}", time(line.at), line.text),
            })?;
            next = number + 1;
        }
        if lines.len() == PAGE {
            continue;
        }
        if !follow || matches!(record.state, RunState::Finished { .. }) {
            return Ok(());
        }
        SystemClock.sleep(POLL).await;
    }
}
