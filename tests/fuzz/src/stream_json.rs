//! Claude Code's output.

use ccc_core::agent::{AgentEvent, AgentReport};
use ccc_runner::Transcript;

/// Checks that the reader's result does not depend on the pieces in which the output arrives, that
/// the events are not larger than the output, and that the report can be stored. The input is the
/// output.
pub(crate) fn run(output: &[u8]) {
    let whole = read(output, usize::MAX);
    for size in [1, 7, 100] {
        assert_eq!(read(output, size), whole, "pieces of {size} bytes");
    }
    let (events, report) = whole;
    let size: usize = events.iter().map(|event| serde_json::to_vec(event).unwrap().len()).sum();
    // Each byte can become a replacement character, and a line break becomes an event.
    assert!(size <= 200 * output.len() + 200, "{size} bytes of events from {}", output.len());
    if let Some(report) = report {
        let stored = serde_json::to_vec(&report).unwrap();
        assert!(stored.len() <= 100 * output.len() + 1_000);
        assert_eq!(serde_json::from_slice::<AgentReport>(&stored).unwrap(), report);
        for denial in &report.denials {
            assert!(!denial.contains(char::is_control), "{denial:?}");
        }
    }
}

fn read(output: &[u8], size: usize) -> (Vec<AgentEvent>, Option<AgentReport>) {
    let (mut transcript, mut events) = (Transcript::new("/workspace"), Vec::new());
    let mut sink = |event: AgentEvent| events.push(event);
    for piece in output.chunks(size) {
        transcript.read(piece, &mut sink);
    }
    transcript.finish(&mut sink);
    (events, transcript.report().cloned())
}
