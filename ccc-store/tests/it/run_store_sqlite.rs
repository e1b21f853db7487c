//! The SQLite database of the run store outlives its process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use ccc_core::run::{ActorCheck, RunState};
use ccc_core::run_store::{Accepted, LogEntry};
use ccc_core::testing::ManualClock;
use ccc_core::{DeliveryId, ErrorKind, Outcome, Progress, Result, RunStore as _, Stage};
use ccc_store::{Bounds, SqliteRunStore};
use jiff::Timestamp;
use tempfile::TempDir;

const LEASE: Duration = Duration::from_secs(60);

/// The directory of a database, and the clock of its stores.
struct Place {
    directory: TempDir,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        Self { directory: tempfile::tempdir().unwrap(), clock }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("runs.sqlite")
    }

    async fn open(&self) -> Result<SqliteRunStore> {
        self.open_with(Bounds::on_disk()).await
    }

    async fn open_with(&self, bounds: Bounds) -> Result<SqliteRunStore> {
        SqliteRunStore::open(&self.path(), Arc::clone(&self.clock) as _, bounds).await
    }

    /// Accepts a comment on the issue with this number.
    async fn accept(&self, store: &SqliteRunStore, number: u64) -> Result<Accepted> {
        self.clock.advance(Duration::from_millis(1));
        let delivery = Delivery {
            id: DeliveryId::new(format!("d-{number}")).unwrap(),
            body_sha256: [0; 32],
            received_at: Timestamp::UNIX_EPOCH,
        };
        store.accept(&delivery, &event(number), ActorCheck::Permitted).await
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn event(number: u64) -> IssueEvent {
    let actor = Actor { id: 1, login: "someone".to_owned(), kind: ActorKind::User };
    IssueEvent {
        repo: RepoRef { host: "h".into(), id: 1, owner: "o".into(), name: "r".into() },
        issue: IssueSnapshot {
            number,
            title: "A title".to_owned(),
            body: "b".repeat(1_000),
            author: actor.clone(),
            updated_at: Timestamp::UNIX_EPOCH,
        },
        trigger: Trigger::Commented { comment: number, body: String::new() },
        actor,
        via_app: None,
        actor_is_member: false,
    }
}

fn line(text: &str) -> LogEntry {
    LogEntry { at: Timestamp::UNIX_EPOCH, text: text.to_owned() }
}

#[tokio::test]
async fn a_new_process_finds_all_runs_and_can_claim_them_at_once() {
    // spec: Q11a, Q11b
    let place = Place::new();
    let store = place.open().await.unwrap();
    let mut runs = Vec::new();
    for number in 1..=3 {
        runs.push(place.accept(&store, number).await.unwrap().run);
    }
    let claim = store.claim(LEASE).await.unwrap().unwrap();
    store.append_log(runs[0], claim.fence, &[line("one"), line("two")]).await.unwrap();
    let outcome = Outcome::Answered { answer: "ä".to_owned() };
    store.finish(runs[0], claim.fence, &outcome).await.unwrap();
    let claim = store.claim(LEASE).await.unwrap().unwrap();
    let progress = Progress::accepted(Stage::Checkout);
    store.advance(runs[1], claim.fence, &progress).await.unwrap();
    drop(store);

    let store = place.open().await.unwrap();
    let records = store.list(None, 10).await.unwrap();
    assert_eq!(records.iter().map(|record| record.run).rev().collect::<Vec<_>>(), runs);
    assert_eq!(records[2].state, RunState::Finished { outcome });
    assert_eq!((&records[1].state, &records[1].progress), (&RunState::Waiting, &progress));
    assert_eq!(records[0].event, event(3));
    assert_eq!(store.tail_log(runs[0], 0, 10).await.unwrap(), [(0, line("one")), (1, line("two"))]);
    let repeated = place.accept(&store, 1).await.unwrap();
    assert_eq!(repeated, Accepted { run: runs[0], duplicate: true });
    let again = store.claim(LEASE).await.unwrap().unwrap();
    assert!(again.fence > claim.fence, "the earlier process must not write");
    let stale = store.advance(runs[1], claim.fence, &progress).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn one_process_owns_a_database() {
    // spec: Q11b
    let place = Place::new();
    let store = place.open().await.unwrap();
    let error = place.open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    place.accept(&store, 1).await.unwrap();
    drop(store);
    place.open().await.unwrap();
}

#[tokio::test]
async fn only_the_user_of_the_process_can_read_the_files() {
    // spec: Q11b
    let place = Place::new();
    let store = place.open().await.unwrap();
    place.accept(&store, 1).await.unwrap();
    let files = place.files();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
}

/// Overwrites the middle of the file `path`.
fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_an_error_and_stays_as_it_is() {
    // spec: Q11c
    let newer = "PRAGMA user_version = 99";
    let other = "PRAGMA application_id = 1";
    for (statement, expected) in [
        (Some(newer), ErrorKind::Unsupported),
        (Some(other), ErrorKind::Unsupported),
        // The mark of a process that did not close the database.
        (Some("UPDATE totals SET value = 1 WHERE name = 'open'"), ErrorKind::Corrupt),
        (None, ErrorKind::Corrupt),
    ] {
        let place = Place::new();
        let store = place.open().await.unwrap();
        for number in 0..200 {
            place.accept(&store, number).await.unwrap();
        }
        drop(store);
        match statement {
            Some(statement) => {
                let connection = rusqlite::Connection::open(place.path()).unwrap();
                connection.execute_batch(statement).unwrap();
            }
            None => {
                std::fs::write(place.path(), "not a database, but a text of some length").unwrap();
            }
        }
        if expected == ErrorKind::Corrupt {
            damage(&place.path());
        }
        let before = std::fs::read(place.path()).unwrap();
        let error = place.open().await.unwrap_err();
        assert_eq!(error.kind(), expected, "{statement:?}: {error}");
        assert_eq!(std::fs::read(place.path()).unwrap(), before, "{statement:?}");
    }
}

#[tokio::test]
async fn a_run_that_cannot_be_read_is_passed_over_and_kept() {
    // spec: Q11c
    let place = Place::new();
    let store = place.open().await.unwrap();
    let first = place.accept(&store, 1).await.unwrap().run;
    let second = place.accept(&store, 2).await.unwrap().run;
    drop(store);
    let connection = rusqlite::Connection::open(place.path()).unwrap();
    let damage = "UPDATE runs SET progress = '{\"version\":99}' WHERE number = 1";
    connection.execute_batch(damage).unwrap();
    drop(connection);
    let store = place.open().await.unwrap();
    assert_eq!(store.get(first).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(store.claim(LEASE).await.unwrap().unwrap().record.run, second);
    assert!(store.claim(LEASE).await.unwrap().is_none());
    assert_eq!(store.get(first).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn concurrent_writes_are_committed_in_groups_and_fail_alone() {
    // spec: Q11a
    let place = Place::new();
    let store = Arc::new(place.open().await.unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..400_u64 {
        let store = Arc::clone(&store);
        // Every delivery arrives twice, and every fourth one with another body.
        tasks.spawn(async move {
            let delivery = Delivery {
                id: DeliveryId::new(format!("d-{}", number / 2)).unwrap(),
                body_sha256: [u8::from(number % 4 == 3); 32],
                received_at: Timestamp::UNIX_EPOCH,
            };
            store.accept(&delivery, &event(number / 2), ActorCheck::Permitted).await
        });
    }
    let (mut created, mut conflicts) = (0, 0);
    while let Some(accepted) = tasks.join_next().await {
        match accepted.unwrap() {
            Ok(accepted) => created += usize::from(!accepted.duplicate),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict);
                conflicts += 1;
            }
        }
    }
    assert_eq!((created, conflicts), (200, 100));
    drop(store);
    let store = place.open().await.unwrap();
    assert_eq!(store.list(None, 1_000).await.unwrap().len(), 200);
}

#[tokio::test]
async fn the_oldest_finished_runs_logs_and_deliveries_are_removed() {
    // spec: Q11d
    let place = Place::new();
    let bounds = Bounds::on_disk()
        .with_unfinished(20)
        .with_finished(10)
        .with_deliveries(15)
        .with_delivery_age(Duration::ZERO)
        .with_log_bytes(100_000)
        .with_log_lines(50);
    let store = place.open_with(bounds).await.unwrap();
    let outcome = Outcome::Answered { answer: String::new() };
    let mut runs = Vec::new();
    for number in 0..40 {
        let run = place.accept(&store, number).await.unwrap().run;
        let claim = store.claim(LEASE).await.unwrap().unwrap();
        let lines = vec![line(&"x".repeat(400)); 60];
        store.append_log(run, claim.fence, &lines).await.unwrap();
        store.finish(run, claim.fence, &outcome).await.unwrap();
        runs.push(run);
    }
    let records = store.list(None, 100).await.unwrap();
    assert_eq!(records.iter().map(|record| record.run).rev().collect::<Vec<_>>(), runs[30..]);
    let mut bytes = 0;
    for run in &runs[30..] {
        let log = store.tail_log(*run, 0, 1_000).await.unwrap();
        assert!(log[0].1.text.contains("earlier lines of this log were removed"), "{:?}", log[0]);
        bytes += log.iter().map(|(_, line)| line.text.len()).sum::<usize>();
    }
    assert!((50_000..100_000).contains(&bytes), "{bytes}");
    assert_eq!(store.tail_log(runs[0], 0, 1).await.unwrap_err().kind(), ErrorKind::NotFound);
    // The delivery was removed, so that its repetition is a new one.
    assert!(!place.accept(&store, 1).await.unwrap().duplicate);
    assert!(place.accept(&store, 39).await.unwrap().duplicate);
    for number in 100..119 {
        place.accept(&store, number).await.unwrap();
    }
    let error = place.accept(&store, 200).await.unwrap_err();
    assert!(error.is_retryable() && error.retry_after().is_some(), "{error}");
}

#[tokio::test]
async fn ended_runs_are_removed_by_age_and_unfinished_runs_are_not() {
    // spec: Q11d, W7
    let place = Place::new();
    let day = Duration::from_secs(24 * 60 * 60);
    let bounds = Bounds::on_disk().with_finished_age(day * 7);
    let store = place.open_with(bounds).await.unwrap();
    let outcome = Outcome::Answered { answer: String::new() };
    let old = place.accept(&store, 1).await.unwrap().run;
    let waiting = place.accept(&store, 2).await.unwrap().run;
    let claim = store.claim(LEASE).await.unwrap().unwrap();
    store.append_log(old, claim.fence, &[line("x")]).await.unwrap();
    store.finish(old, claim.fence, &outcome).await.unwrap();
    place.clock.advance(day * 6);
    let recent = place.accept(&store, 3).await.unwrap().run;
    assert!(store.get(old).await.unwrap().is_some());
    place.clock.advance(day * 2);
    let last = place.accept(&store, 4).await.unwrap().run;
    let runs: Vec<_> = store.list(None, 10).await.unwrap().iter().map(|it| it.run).collect();
    assert_eq!(runs, [last, recent, waiting]);
    // The id of the delivery is stored for longer than its run.
    assert_eq!(place.accept(&store, 1).await.unwrap(), Accepted { run: old, duplicate: true });
    assert_eq!(store.tail_log(old, 0, 1).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn delivery_ids_are_stored_for_thirty_days() {
    // spec: W7
    let place = Place::new();
    let day = Duration::from_secs(24 * 60 * 60);
    let store = place.open_with(Bounds::on_disk().with_deliveries(2)).await.unwrap();
    place.accept(&store, 1).await.unwrap();
    place.accept(&store, 2).await.unwrap();
    place.clock.advance(day * 29);
    let refused = place.accept(&store, 3).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.retry_after().is_some() && refused.to_string().contains("delivery ids"));
    // The refusal has changed nothing.
    assert_eq!(store.list(None, 10).await.unwrap().len(), 2);
    assert!(place.accept(&store, 1).await.unwrap().duplicate);
    place.clock.advance(day);
    assert!(!place.accept(&store, 3).await.unwrap().duplicate);
    let id = |number: u64| DeliveryId::new(format!("d-{number}")).unwrap();
    assert_eq!(store.find_delivery(&id(1)).await.unwrap(), None);
    assert!(store.find_delivery(&id(2)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_database_of_version_1_is_converted() {
    // spec: W7
    let place = Place::new();
    let old = rusqlite::Connection::open(place.path()).unwrap();
    old.execute_batch(include_str!("../../src/sqlite_run_store/schema.sql")).unwrap();
    let mark = "PRAGMA application_id = 1667457906; PRAGMA user_version = 1;
        INSERT INTO deliveries (id, body_sha256, run) VALUES
            ('d-1', zeroblob(32), '01998877-0000-7000-8000-000000000001');
        UPDATE totals SET value = 1 WHERE name = 'deliveries';";
    old.execute_batch(mark).unwrap();
    drop(old);
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let now = "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
    place.clock.advance(now.duration_since(Timestamp::UNIX_EPOCH).unsigned_abs());
    let store = place.open_with(Bounds::on_disk().with_deliveries(1)).await.unwrap();
    assert!(place.accept(&store, 1).await.unwrap().duplicate);
    let refused = place.accept(&store, 2).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
}
