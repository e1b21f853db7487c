//! The memory of the run store in memory is limited.

use std::sync::Arc;

use ccc_core::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use ccc_core::run::ActorCheck;
use ccc_core::testing::ManualClock;
use ccc_core::{DeliveryId, ErrorKind, Outcome, Result, RunId, RunStore as _};
use ccc_store::{Bounds, MemoryRunStore};

const KIB: usize = 1 << 10;

fn actor() -> Actor {
    Actor { id: 1, login: "someone".to_owned(), kind: ActorKind::User }
}

/// Returns a comment whose text has `comment` bytes, on an issue whose description has `body` bytes.
fn event(number: u64, body: usize, comment: usize) -> IssueEvent {
    IssueEvent {
        repo: RepoRef { host: "h".into(), id: 1, owner: "o".into(), name: "r".into() },
        issue: IssueSnapshot {
            number,
            title: "t".repeat(body),
            body: "b".repeat(body),
            author: actor(),
            updated_at: jiff::Timestamp::UNIX_EPOCH,
        },
        trigger: Trigger::Commented { comment: number, body: "c".repeat(comment) },
        actor: actor(),
        via_app: None,
    }
}

async fn accept(store: &MemoryRunStore, event: &IssueEvent) -> Result<RunId> {
    let delivery = Delivery {
        id: DeliveryId::new(format!("d-{}", event.issue.number)).unwrap(),
        body_sha256: [0; 32],
        received_at: jiff::Timestamp::UNIX_EPOCH,
    };
    store.accept(&delivery, event, ActorCheck::Permitted).await.map(|accepted| accepted.run)
}

/// Returns the size of the texts of all stored events, in bytes.
async fn stored(store: &MemoryRunStore) -> usize {
    let runs = store.list(None, usize::MAX).await.unwrap();
    let size = |event: &IssueEvent| {
        let Trigger::Commented { body, .. } = &event.trigger else { panic!("not a comment") };
        event.issue.title.capacity() + event.issue.body.capacity() + body.capacity()
    };
    runs.iter().map(|run| size(&run.event)).sum()
}

#[tokio::test]
async fn a_text_is_stored_as_far_as_an_agent_reads_it() {
    // spec: W12e
    let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
    let store = MemoryRunStore::new(Arc::new(clock));
    for (number, size) in [(1, 10), (2, 64 * KIB), (3, 64 * KIB + 1), (4, 512 * KIB)] {
        let sent = event(number, size, size);
        let run = accept(&store, &sent).await.unwrap();
        let stored = store.get(run).await.unwrap().unwrap().event;
        let Trigger::Commented { body, .. } = &stored.trigger else { panic!("not a comment") };
        for text in [&stored.issue.body, body] {
            assert_eq!(text.len(), size.min(64 * KIB), "{size}");
            assert_eq!(text.ends_with("[truncated]"), size > 64 * KIB, "{size}");
        }
        assert!(stored.issue.title.len() <= 4_000);
        assert_eq!(stored.trigger_key(), sent.trigger_key());
    }
}

#[tokio::test]
async fn stored_events_have_a_limit_in_bytes() {
    // spec: W12e
    let limit = 1_000 * KIB;
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let bounds = Bounds::default().with_event_bytes(limit);
    let store = MemoryRunStore::with_bounds(Arc::<ManualClock>::clone(&clock), bounds);
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for number in 0..2_200 {
        // The runs are claimed in the order of their times.
        clock.advance(std::time::Duration::from_millis(1));
        match accept(&store, &event(number, 0, 512 * KIB)).await {
            Ok(run) => accepted.push(run),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                assert!(error.retry_after().is_some() && error.to_string().contains("memory"));
                refused += 1;
            }
        }
    }
    assert_eq!((accepted.len(), refused), (15, 2_185));
    assert!(stored(&store).await <= limit);
    // A small event still finds room, and a refused delivery can be sent again.
    clock.advance(std::time::Duration::from_millis(1));
    accept(&store, &event(9_000, 10, 10)).await.unwrap();

    // The events of finished runs have the same limit.
    for number in 10_000..10_060 {
        clock.advance(std::time::Duration::from_millis(1));
        let claim = store.claim(std::time::Duration::from_secs(60)).await.unwrap().unwrap();
        let outcome = Outcome::Answered { answer: String::new() };
        store.finish(claim.record.run, claim.fence, &outcome).await.unwrap();
        // After the small event, the next large one finds no room.
        let room = accept(&store, &event(number, 0, 64 * KIB)).await.is_ok();
        assert!(room || number == 10_015, "{number}");
        assert!(stored(&store).await <= 2 * limit);
    }
    assert!(stored(&store).await > limit, "finished runs are stored too");
}
