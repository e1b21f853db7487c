//! The logs of runs lose lines in the middle if they exceed a limit.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use ccc_core::run::ActorCheck;
use ccc_core::run_log::LogEntry;
use ccc_core::run_store::Claim;
use ccc_core::testing::ManualClock;
use ccc_core::{DeliveryId, Outcome, RunId, RunLog, RunStore};
use ccc_store::{Bounds, MemoryRunStore};
use jiff::Timestamp;

/// Returns a claim of a new run.
async fn claim(store: &impl RunStore) -> Claim {
    let actor = Actor { id: 1, login: "someone".to_owned(), kind: ActorKind::User };
    let event = IssueEvent {
        repo: RepoRef { host: "h".into(), id: 1, owner: "o".into(), name: "r".into() },
        issue: IssueSnapshot {
            number: 1,
            title: String::new(),
            body: String::new(),
            author: actor.clone(),
            updated_at: Timestamp::UNIX_EPOCH,
        },
        trigger: Trigger::Opened,
        actor,
        via_app: None,
        actor_is_member: false,
    };
    let id = DeliveryId::new("d").unwrap();
    let delivery = Delivery { id, body_sha256: [0; 32], received_at: Timestamp::UNIX_EPOCH };
    store.accept(&delivery, &event, ActorCheck::Permitted).await.unwrap();
    store.claim(Duration::from_secs(60)).await.unwrap().unwrap()
}

fn lines(numbers: Range<u64>) -> Vec<LogEntry> {
    let text = |number| format!("{number:0100}");
    numbers.map(|number| LogEntry { at: Timestamp::UNIX_EPOCH, text: text(number) }).collect()
}

/// Returns the numbers of the lines, and the text of the line that reports removed lines.
async fn read(log: &impl RunLog, run: RunId, from: u64, limit: usize) -> (Vec<u64>, String) {
    let (mut numbers, mut report) = (Vec::new(), String::new());
    for (number, line) in log.tail(run, from, limit).await.unwrap() {
        match line.text.parse::<u64>() {
            Ok(text) => assert_eq!(text, number),
            Err(_) => report = format!("{number}: {}", line.text),
        }
        numbers.push(number);
    }
    (numbers, report)
}

async fn check(store: impl RunStore + RunLog) {
    let Claim { record, fence, .. } = claim(&store).await;
    let run = record.run;
    let all = |first: Range<u64>, last: Range<u64>| -> Vec<u64> { first.chain(last).collect() };
    for (batch, expected, report) in [
        (0..10, (0..10, 0..0), ""),
        (10..20, (0..20, 0..0), ""),
        // One line is removed, and its report stands in its place.
        (20..21, (0..21, 0..0), "10: 1 lines with 100 bytes"),
        (21..1_000, (0..10, 989..1_000), "989: 980 lines with 98000 bytes"),
    ] {
        store.append(run, fence, &lines(batch.clone())).await.unwrap();
        let (numbers, found) = read(&store, run, 0, 100).await;
        assert_eq!(numbers, all(expected.0, expected.1), "{batch:?}");
        assert!(found.starts_with(report) && found.is_empty() == report.is_empty(), "{found}");
    }
    for (from, limit, expected) in [
        (0, 10, (0..10, 0..0)),
        (0, 11, (0..10, 989..990)),
        (9, 2, (9..10, 989..990)),
        (10, 3, (989..992, 0..0)),
        (500, 1, (989..990, 0..0)),
        (990, 3, (990..993, 0..0)),
        (1_000, 3, (0..0, 0..0)),
    ] {
        let numbers = read(&store, run, from, limit).await.0;
        assert_eq!(numbers, all(expected.0, expected.1), "from {from}, limit {limit}");
    }
    store.finish(run, fence, &Outcome::Answered { answer: String::new() }).await.unwrap();
    assert_eq!(read(&store, run, 0, 100).await.0, all(0..10, 989..1_000));
}

#[tokio::test]
async fn the_first_and_the_last_lines_of_a_log_stay() {
    // spec: Q13b
    let clock = || Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    check(MemoryRunStore::with_bounds(clock(), Bounds::default().with_log_lines(20))).await;
    let line = size_of::<LogEntry>() + 100;
    let bounds = Bounds::default().with_log_bytes(20 * line * 16);
    check(MemoryRunStore::with_bounds(clock(), bounds)).await;
    #[cfg(all(feature = "sqlite", unix))]
    for bounds in [Bounds::on_disk().with_log_lines(20), bounds] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("runs.sqlite");
        check(ccc_store::SqliteRunStore::open(&path, clock(), bounds).await.unwrap()).await;
    }
}
