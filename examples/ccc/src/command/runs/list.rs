//! The command that lists runs.

use ccc_core::run::RunRecord;
use ccc_core::{Clock as _, Result, RunStore as _, SystemClock};
use clap::Args;
use serde_json::json;

use super::record::{age, as_json, issue, state};
use super::store::{Store, print_json};
use crate::output::{print, say};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Maximum number of runs to list.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// List only runs that are older than this run. The value can be the beginning of an id.
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints one line for each run.
pub(super) async fn run(store: &Store, args: &ListArgs) -> Result<()> {
    let before = match &args.before {
        Some(start) => Some(store.find(start).await?),
        None => None,
    };
    let limit = usize::from(args.limit);
    let mut records = store.runs.list(before, limit + 1).await?;
    let is_complete = records.len() <= limit;
    records.truncate(limit);
    let next = records.last().filter(|_| !is_complete).map(|record| record.run);
    if args.json {
        let runs: Vec<_> = records.iter().map(as_json).collect();
        return print_json(&json!({ "runs": runs, "next": next }));
    }
    if records.is_empty() {
        say("there are no runs");
        return Ok(());
    }
    let now = SystemClock.now();
    let row = |record: &RunRecord| {
        let age = age(record.accepted_at, now);
        [record.run.to_string(), age, issue(record), state(record)]
    };
    let heading = ["RUN", "AGE", "ISSUE", "STATE"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(heading).chain(records.iter().map(row)).collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (id, age, issue) = (width(0), width(1), width(2));
    for [run, accepted, number, state] in &rows {
        print(&format!("{run:id$}  {accepted:>age$}  {number:issue$}  {state}"))?;
    }
    if let Some(next) = next {
        say(&format!("older runs: ccc runs list --before {next}"));
    }
    Ok(())
}
