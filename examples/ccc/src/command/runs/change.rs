//! The commands that cancel and repeat a run.

use ccc_core::run::RunState;
use ccc_core::{Result, RunStore as _};
use ccc_store::SqliteRunStore;
use serde_json::json;

use super::record::state;
use super::store::{RunArgs, Store, print_json};
use crate::output::{print, say};

/// Requests the cancellation of a run. Returns `false` if the run has ended.
pub(super) async fn cancel(store: &Store, args: &RunArgs) -> Result<bool> {
    let record = store.record(&args.id).await?;
    let run = record.run;
    let has_ended = matches!(record.state, RunState::Finished { .. });
    if !has_ended {
        store.runs.request_cancel(run).await?;
    }
    if args.json {
        print_json(&json!({ "run": run, "requested": !has_ended }))?;
        return Ok(!has_ended);
    }
    if has_ended {
        say(&format!("run {run} cannot be cancelled, because it has ended ({})", state(&record)));
        return Ok(false);
    }
    print(&format!("the cancellation of run {run} is requested"))?;
    say_service(store, "ends the run within a few seconds", "ends the run").await?;
    Ok(true)
}

/// Starts a new run for the event of a run that has ended.
pub(super) async fn retry(store: &Store, args: &RunArgs) -> Result<()> {
    let run = store.find(&args.id).await?;
    let accepted = store.runs.retry(run).await?;
    let new = accepted.run;
    if args.json {
        return print_json(&json!({ "run": new, "duplicate": accepted.duplicate }));
    }
    if accepted.duplicate {
        return print(&format!("run {new} of the same request has not ended, so no run is added"));
    }
    print(&format!("run {new} repeats run {run}"))?;
    say_service(store, "starts the run within a few seconds", "executes the run").await
}

/// Prints what a running service does next, or that no service is running.
async fn say_service(store: &Store, running: &str, later: &str) -> Result<()> {
    let line = match SqliteRunStore::has_owner(&store.path).await? {
        true => format!("the running service {running}"),
        false => format!("no service is running: the next start of `ccc serve` {later}"),
    };
    say(&line);
    Ok(())
}
