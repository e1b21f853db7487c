//! The command that shows a run.

use ccc_core::Result;
use ccc_core::run::{ActorCheck, RunRecord, RunState};
use ccc_core::untrusted_text::one_line;

use super::record::{as_json, cost, issue, outcome, state, time, trigger};
use super::store::{RunArgs, Store, print_json};
use crate::output::print;

/// Prints what is stored about a run.
pub(super) async fn run(store: &Store, args: &RunArgs) -> Result<()> {
    let record = store.record(&args.id).await?;
    if args.json {
        return print_json(&as_json(&record));
    }
    for (name, value) in fields(&record) {
        print(&format!("{name:<12}{value}"))?;
    }
    Ok(())
}

/// Returns the name and the value of each field, for a reader.
fn fields(record: &RunRecord) -> Vec<(&'static str, String)> {
    let (event, policy) = (&record.event, record.progress.policy());
    let actor = match record.actor_check {
        ActorCheck::Permitted => "may start runs",
        ActorCheck::Pending => "the permission was not known when the run was accepted",
    };
    let mut fields = vec![
        ("run", record.run.to_string()),
        ("state", state(record)),
        ("issue", format!("{} on {}", issue(record), one_line(&record.repo().host, 200))),
        ("title", one_line(&event.issue.title, 200)),
        ("started by", format!("{} ({actor})", one_line(&event.actor.login, 100))),
        ("because", trigger(&event.trigger)),
        ("accepted", time(record.accepted_at)),
        ("completed", format!("the stage {}", record.progress.stage())),
        ("attempts", attempts(record)),
    ];
    fields.extend(cost(record).map(|cost| ("cost", cost)));
    fields.extend(policy.map(|policy| ("policy", one_line(&policy.summary(), 500))));
    fields.extend(outcome(record).map(|outcome| ("outcome", outcome)));
    fields
}

fn attempts(record: &RunRecord) -> String {
    let count = record.attempts;
    match record.state {
        RunState::Finished { .. } => format!("{count} at the last stage"),
        _ => format!("{count} since the last completed stage"),
    }
}
