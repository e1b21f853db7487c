//! `ccc runs`: commands that show the runs of the service, and cancel or repeat a run. They open the run
//! store beside a running service.

use std::path::PathBuf;

use ccc_core::Result;
use clap::{Args, Subcommand};

mod change;
mod list;
mod logs;
mod record;
mod show;
mod store;

use store::{RunArgs, Store};

use crate::config::Config;
use crate::output::say;

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
    /// The configuration file. Default: ccc.toml in the current directory, if it exists.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List the runs, the newest first.
    List(list::ListArgs),
    /// Show what is stored about a run.
    Show(RunArgs),
    /// Print the log of a run: its events, warnings and the output of its agent.
    Logs(logs::LogsArgs),
    /// Request the cancellation of a run. The exit status is 1 if the run has already ended.
    Cancel(RunArgs),
    /// Start a new run for the event of a run that has ended.
    Retry(RunArgs),
}

/// Executes the subcommand. Returns `false` if there was nothing to cancel.
pub(super) async fn run(args: &RunsArgs) -> Result<bool> {
    let config = Config::load_for_command(args.config.as_deref())?;
    for warning in config.warnings() {
        say(&format!("warning: {warning}"));
    }
    let store = Store::open(&config).await?;
    match &args.command {
        RunsCommand::List(args) => list::run(&store, args).await.map(|()| true),
        RunsCommand::Show(args) => show::run(&store, args).await.map(|()| true),
        RunsCommand::Logs(args) => logs::run(&store, args).await.map(|()| true),
        RunsCommand::Cancel(args) => change::cancel(&store, args).await,
        RunsCommand::Retry(args) => change::retry(&store, args).await.map(|()| true),
    }
}
