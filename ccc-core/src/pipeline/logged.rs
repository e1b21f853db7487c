//! Execution of a run while its log is written.

use super::log_text::event_lines;
use super::run_context::RunContext;
use crate::Outcome;
use crate::observe::EventKind;

/// Executes `work`, and writes the log of `run` meanwhile, if the run has a log. Returns after the
/// last line has been written or lost.
pub(super) async fn logged<T>(run: &RunContext, work: impl Future<Output = T>) -> T {
    let Some(log) = &run.log else { return work.await };
    let work = async {
        let done = work.await;
        log.close().await;
        done
    };
    let write = log.write(|error| {
        run.emit_note(format!(
            "lines of this run's log are lost, because the log cannot be written: {error}"
        ));
    });
    let (done, ()) = tokio::join!(work, write);
    done
}

/// Writes the outcome of `run` as the last line of its log, and then ends the run with it, because the log
/// of an ended run cannot be written. Returns whether the run has ended.
pub(super) async fn finish(run: &RunContext, outcome: &Outcome) -> bool {
    if let Some(log) = &run.log {
        let end = EventKind::Finished { outcome: outcome.clone() };
        log.add(event_lines(&end, &run.redactor));
        log.close().await;
    }
    fault_point!(Some(run.id), "finish.begin");
    let is_finished = run.finish(outcome).await;
    fault_point!(Some(run.id), "finish.stored");
    is_finished
}
