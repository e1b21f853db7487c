//! The run store of the service, as the commands open it.

use std::path::PathBuf;
use std::sync::Arc;

use ccc_core::run::RunRecord;
use ccc_core::{Error, ErrorKind, Result, RunId, RunStore as _, SystemClock};
use ccc_store::{Bounds, SqliteRunStore};
use clap::Args;
use serde_json::Value;

use crate::config::{Config, RunStoreKind};
use crate::output::{json_for_terminal, print};

/// Maximum number of ids that an error lists.
const MAX_LISTED: usize = 5;

/// A run, and the format of the output.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The id of the run, or the beginning of the id.
    pub(super) id: String,
    /// Print the result as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// The run store of the service, and the path of its database.
pub(super) struct Store {
    pub(super) runs: SqliteRunStore,
    pub(super) path: PathBuf,
}

impl Store {
    pub(super) async fn open(config: &Config) -> Result<Self> {
        if config.runs.store == RunStoreKind::Memory {
            let line = "runs.store is memory, so only the process of `ccc serve` knows its runs: set runs.store to \
                        sqlite, or remove the setting, and start the service again";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let path = config.run_store_path()?;
        let opened = SqliteRunStore::open_beside(&path, Arc::new(SystemClock), Bounds::on_disk());
        let runs = opened.await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                let line = format!(
                    "there are no runs, because {} does not exist: `ccc serve` creates it, so check data_dir if a \
                     service has been started",
                    path.display()
                );
                Error::new(ErrorKind::NotFound, line)
            }
            _ => error,
        })?;
        Ok(Self { runs, path })
    }

    /// Returns the record of the only run whose id begins with `start`.
    pub(super) async fn record(&self, start: &str) -> Result<RunRecord> {
        let run = self.find(start).await?;
        self.runs.get(run).await?.ok_or_else(|| no_such_run(start))
    }

    /// Returns the only run whose id begins with `start`.
    pub(super) async fn find(&self, start: &str) -> Result<RunId> {
        let is_part = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
        };
        if !is_part(start) {
            return Err(no_such_run(start));
        }
        let found = self.runs.find(&start.to_ascii_lowercase(), MAX_LISTED + 1).await?;
        match &*found {
            [] => Err(no_such_run(start)),
            [run] => Ok(*run),
            runs => {
                let ids = runs.iter().take(MAX_LISTED).map(RunId::to_string).collect::<Vec<_>>();
                let more = if runs.len() > MAX_LISTED { " and others" } else { "" };
                let line = format!(
                    "the ids of several runs begin with {start}: use more characters of {}{more}",
                    ids.join(", ")
                );
                Err(Error::new(ErrorKind::InvalidInput, line))
            }
        }
    }
}

pub(super) fn no_such_run(start: &str) -> Error {
    let shown: String = start.chars().take(60).flat_map(char::escape_default).collect();
    let line =
        format!("no run has an id that begins with `{shown}`: `ccc runs list` shows the ids");
    Error::new(ErrorKind::NotFound, line)
}

/// Prints `value` as JSON, in which no character controls the terminal.
pub(super) fn print_json(value: &Value) -> Result<()> {
    let json = format!("{value:#}");
    print(&json.lines().map(json_for_terminal).collect::<Vec<_>>().join("\n"))
}
