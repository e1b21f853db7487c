//! The memory of the run store in memory is limited.

use std::sync::Arc;

use ccc_core::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use ccc_core::run::ActorCheck;
use ccc_core::run_log::LogEntry;
use ccc_core::testing::ManualClock;
use ccc_core::{DeliveryId, ErrorKind, Outcome, Result, RunId, RunLog as _, RunStore as _};
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
        actor_is_member: false,
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

/// Accepts a run of the actor `actor` in the repository `repo`. The permission of the actor is not
/// known.
async fn accept_unchecked(store: &MemoryRunStore, repo: u64, actor: u64) -> Result<RunId> {
    let mut event = event(repo * 1_000 + actor, 0, 64 * KIB);
    (event.repo.id, event.actor.id) = (repo, actor);
    let id = DeliveryId::new(format!("u-{}", event.issue.number)).unwrap();
    let received_at = jiff::Timestamp::UNIX_EPOCH;
    let delivery = Delivery { id, body_sha256: [0; 32], received_at };
    store.accept(&delivery, &event, ActorCheck::Pending).await.map(|accepted| accepted.run)
}

#[tokio::test]
async fn actors_who_are_not_permitted_yet_leave_half_of_the_memory_to_others() {
    // spec: W11e, W12e
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let bounds = Bounds::default().with_event_bytes(1_000 * KIB);
    let store = MemoryRunStore::with_bounds(clock, bounds);
    let mut accepted = 0;
    for actor in 1..=100 {
        // The shares of the actors and the repositories do not stop them.
        match accept_unchecked(&store, actor % 10, actor).await {
            Ok(_) => accepted += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable),
        }
    }
    assert_eq!(accepted, 7, "half of 1,000 KiB");
    for number in 1..=7 {
        accept(&store, &event(number, 0, 64 * KIB)).await.unwrap();
    }
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

/// Returns the size of the texts of the log of `run`, and the lines that report removed lines.
async fn log_of(store: &MemoryRunStore, run: RunId) -> (usize, Vec<(u64, String)>) {
    let lines = store.tail(run, 0, usize::MAX).await.unwrap();
    let is_report = |line: &LogEntry| line.text.contains("were removed here");
    let numbered = |pair: &[(u64, LogEntry)]| {
        pair[0].0 + 1 == pair[1].0 || is_report(&pair[1].1) && pair[0].0 < pair[1].0
    };
    assert!(lines.windows(2).all(numbered), "the numbers of the lines have a gap");
    let (told, stored): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(_, line)| is_report(line));
    let told = told.into_iter().map(|(number, line)| (number, line.text)).collect();
    (stored.iter().map(|(_, line)| line.text.len()).sum(), told)
}

fn line(length: usize) -> LogEntry {
    LogEntry { at: jiff::Timestamp::UNIX_EPOCH, text: "x".repeat(length) }
}

#[tokio::test]
async fn logs_have_a_limit_in_bytes_and_report_what_was_removed() {
    // spec: W12e
    let limit = 1_600 * KIB;
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let bounds = Bounds::default().with_log_bytes(limit);
    let store = MemoryRunStore::with_bounds(Arc::<ManualClock>::clone(&clock), bounds);
    let lease = std::time::Duration::from_secs(3_600);
    let mut runs = Vec::new();
    for number in 0..40 {
        clock.advance(std::time::Duration::from_millis(1));
        accept(&store, &event(number, 10, 10)).await.unwrap();
        let claim = store.claim(lease).await.unwrap().unwrap();
        let (run, fence) = (claim.record.run, claim.fence);
        // One long line, many short ones, and many in one call.
        store.append(run, fence, &[line(10 << 20)]).await.unwrap();
        for _ in 0..100 {
            store.append(run, fence, &[line(1)]).await.unwrap();
        }
        store.append(run, fence, &vec![line(KIB); 500]).await.unwrap();
        let (size, told) = log_of(&store, run).await;
        // The unfinished runs, which are every other one, use all memory from the 32nd run on.
        assert!(size <= limit / 16 && (number > 30 || size > limit / 20), "{number}: {size}");
        let [(last, text)] = told.try_into().unwrap();
        let removed: u64 = text.split_once(' ').unwrap().0.parse().unwrap();
        assert!(removed <= last + 1 && text.contains(" lines with "), "{text}");
        if runs.len() % 2 == 0 {
            let outcome = Outcome::Answered { answer: String::new() };
            store.finish(run, fence, &outcome).await.unwrap();
        }
        runs.push(run);
        let mut all = 0;
        for run in &runs {
            all += log_of(&store, *run).await.0;
        }
        assert!(all <= limit, "{all}");
    }
    // The finished runs have lost their logs before the unfinished ones have, the oldest first.
    assert_eq!(log_of(&store, runs[0]).await.0, 0);
    let report =
        "601 lines with 528484 bytes were removed here, because the run store has a limit for logs";
    assert_eq!(log_of(&store, runs[0]).await.1, [(600, report.to_owned())]);
    assert!(log_of(&store, runs[1]).await.0 > 0);
    // A reader that has read the removed lines gets no report of their removal.
    let next = store.tail(runs[0], 601, 10).await.unwrap();
    assert_eq!(next, []);
}

#[tokio::test]
async fn a_line_of_a_log_is_cut() {
    // spec: W12e
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let store = MemoryRunStore::new(clock);
    let run = accept(&store, &event(1, 1, 1)).await.unwrap();
    let claim = store.claim(std::time::Duration::from_secs(60)).await.unwrap().unwrap();
    for (length, cut) in [(0, false), (16 * KIB, false), (16 * KIB + 1, true), (1 << 20, true)] {
        store.append(run, claim.fence, &[line(length)]).await.unwrap();
        let (_, stored) = store.tail(run, 0, usize::MAX).await.unwrap().pop().unwrap();
        assert_eq!(stored.text.len(), length.min(16 * KIB), "{length}");
        assert_eq!(stored.text.ends_with("[truncated]"), cut, "{length}");
    }
}

#[tokio::test]
async fn outcomes_of_finished_runs_have_a_limit_in_bytes() {
    // spec: W12e
    let limit = 1_000 * KIB;
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let bounds = Bounds::default().with_event_bytes(limit);
    let store = MemoryRunStore::with_bounds(Arc::<ManualClock>::clone(&clock), bounds);
    for number in 0..100 {
        clock.advance(std::time::Duration::from_millis(1));
        accept(&store, &event(number, 10, 10)).await.unwrap();
        let claim = store.claim(std::time::Duration::from_secs(60)).await.unwrap().unwrap();
        let outcome = Outcome::Answered { answer: "a".repeat(64 * KIB) };
        store.finish(claim.record.run, claim.fence, &outcome).await.unwrap();
    }
    let runs = store.list(None, usize::MAX).await.unwrap();
    assert_eq!(runs.len(), 15, "the newest finished runs are stored");
}
