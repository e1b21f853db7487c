//! The SQLite database of the run store outlives its process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use ccc_core::run::{ActorCheck, RunState};
use ccc_core::run_log::LogEntry;
use ccc_core::run_store::Accepted;
use ccc_core::testing::ManualClock;
use ccc_core::{
    DeliveryId, ErrorKind, Outcome, Progress, Result, RunLog as _, RunStore as _, Stage,
};
use ccc_store::{Bounds, SqliteRunStore};
use jiff::Timestamp;
use tempfile::TempDir;

mod files;

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
    store.append(runs[0], claim.fence, &[line("one"), line("two")]).await.unwrap();
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
    assert_eq!(store.tail(runs[0], 0, 10).await.unwrap(), [(0, line("one")), (1, line("two"))]);
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
async fn a_run_that_cannot_be_read_is_passed_over_and_kept() {
    // spec: Q11c, Q3e
    for (damage, what) in [
        ("progress = '{\"version\":99}'", "progress"),
        ("progress = CAST(x'7b22ff' AS TEXT)", "progress"),
        ("progress = ''", "progress"),
        ("event = CAST(x'7b22ff' AS TEXT)", "event"),
        ("event = '{}'", "event"),
    ] {
        let place = Place::new();
        let store = place.open().await.unwrap();
        let first = place.accept(&store, 1).await.unwrap().run;
        let second = place.accept(&store, 2).await.unwrap().run;
        drop(store);
        let connection = rusqlite::Connection::open(place.path()).unwrap();
        connection.execute_batch(&format!("UPDATE runs SET {damage} WHERE number = 1")).unwrap();
        drop(connection);
        let store = place.open().await.unwrap();
        let unreadable = async |when: &str| {
            let error = store.get(first).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage} {when}: {error}");
            let named = format!("the {what} of run {first} ");
            assert!(error.to_string().contains(&named), "{damage} {when}: {error}");
            let mut unfinished = store.unfinished().await.unwrap();
            unfinished.sort();
            assert_eq!(unfinished, [first, second], "{damage} {when}");
        };
        unreadable("before the claim").await;
        assert_eq!(store.claim(LEASE).await.unwrap().unwrap().record.run, second, "{damage}");
        assert!(store.claim(LEASE).await.unwrap().is_none(), "{damage}");
        unreadable("after the claim").await;
        // Proof that the ids must not come from the records: these cannot be listed.
        assert_eq!(store.list(None, 10).await.unwrap_err().kind(), ErrorKind::Corrupt, "{damage}");
    }
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
        store.append(run, claim.fence, &lines).await.unwrap();
        store.finish(run, claim.fence, &outcome).await.unwrap();
        runs.push(run);
    }
    let records = store.list(None, 100).await.unwrap();
    assert_eq!(records.iter().map(|record| record.run).rev().collect::<Vec<_>>(), runs[30..]);
    let mut bytes = 0;
    for run in &runs[30..] {
        let log = store.tail(*run, 0, 1_000).await.unwrap();
        let reports = log.iter().filter(|(_, line)| line.text.contains("were removed here"));
        assert_eq!(reports.count(), 1, "{log:?}");
        bytes += log.iter().map(|(_, line)| line.text.len()).sum::<usize>();
    }
    assert!((50_000..100_000).contains(&bytes), "{bytes}");
    assert_eq!(store.tail(runs[0], 0, 1).await.unwrap_err().kind(), ErrorKind::NotFound);
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
async fn a_closed_database_is_one_file() {
    // spec: Q11a
    for _ in 0..20 {
        let place = Place::new();
        let store = place.open().await.unwrap();
        place.accept(&store, 1).await.unwrap();
        store.list(None, 1).await.unwrap();
        drop(store);
        let mut names: Vec<_> =
            place.files().iter().map(|file| file.file_name().unwrap().to_owned()).collect();
        names.sort_unstable();
        assert_eq!(names, ["runs.sqlite", "runs.sqlite.lock"], "the write-ahead log is left");
    }
}

/// Returns the result of a query of one number on the database of `place`.
fn number(place: &Place, query: &str) -> i64 {
    let connection = rusqlite::Connection::open(place.path()).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_database_is_read_and_changed_beside_its_owner() {
    // spec: Q14a, Q14b, Q14c
    let place = Place::new();
    let beside = async || {
        let clock = Arc::clone(&place.clock) as _;
        SqliteRunStore::open_beside(&place.path(), clock, Bounds::on_disk()).await
    };
    let error = beside().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(!SqliteRunStore::has_owner(&place.path()).await.unwrap());
    assert_eq!(place.files(), [] as [PathBuf; 0], "nothing is created");

    let owner = place.open().await.unwrap();
    assert!(SqliteRunStore::has_owner(&place.path()).await.unwrap());
    let first = place.accept(&owner, 1).await.unwrap().run;
    let second = place.accept(&owner, 2).await.unwrap().run;
    let claim = owner.claim(LEASE).await.unwrap().unwrap();
    owner.append(first, claim.fence, &[line("one")]).await.unwrap();
    let store = beside().await.unwrap();
    assert_eq!(store.list(None, 10).await.unwrap(), owner.list(None, 10).await.unwrap());
    assert_eq!(store.tail(first, 0, 10).await.unwrap(), [(0, line("one"))]);
    for run in [first, second] {
        assert_eq!(store.find(&run.to_string()[..9], 10).await.unwrap().len(), 2, "a common start");
        assert_eq!(store.find(&run.to_string(), 10).await.unwrap(), [run]);
    }
    assert_eq!(store.find("0000", 1).await.unwrap(), [second], "the newest of several");
    assert_eq!(store.find("ff", 10).await.unwrap(), []);
    store.request_cancel(first).await.unwrap();
    let renewal = owner.renew(first, claim.fence, LEASE).await.unwrap();
    assert!(renewal.cancel_requested, "the lease of the owner stays");
    let outcome = Outcome::Cancelled { stage: Stage::Work };
    owner.finish(first, claim.fence, &outcome).await.unwrap();
    place.clock.advance(Duration::from_millis(1));
    let repeated = store.retry(first).await.unwrap().run;
    drop(store);
    let claims =
        [owner.claim(LEASE).await.unwrap().unwrap(), owner.claim(LEASE).await.unwrap().unwrap()];
    assert_eq!(claims.map(|claim| claim.record.run), [second, repeated]);
    drop(owner);
    assert!(!SqliteRunStore::has_owner(&place.path()).await.unwrap());
    assert_eq!(beside().await.unwrap().list(None, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_database_of_an_older_version_is_converted_by_its_owner_only() {
    // spec: Q14a
    let place = Place::new();
    let old = rusqlite::Connection::open(place.path()).unwrap();
    old.execute_batch(include_str!("../../src/sqlite_run_store/schema.sql")).unwrap();
    old.execute_batch("PRAGMA application_id = 1667457906; PRAGMA user_version = 1;").unwrap();
    drop(old);
    let clock = Arc::clone(&place.clock) as _;
    let beside = SqliteRunStore::open_beside(&place.path(), clock, Bounds::on_disk()).await;
    assert_eq!(beside.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(number(&place, "PRAGMA user_version"), 1);
    let store = place.open().await.unwrap();
    let run = place.accept(&store, 1).await.unwrap().run;
    let claim = store.claim(LEASE).await.unwrap().unwrap();
    store.append(run, claim.fence, &[line("one")]).await.unwrap();
    assert_eq!(store.tail(run, 0, 10).await.unwrap(), [(0, line("one"))]);
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
    store.append(old, claim.fence, &[line("x")]).await.unwrap();
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
    assert_eq!(store.tail(old, 0, 1).await.unwrap_err().kind(), ErrorKind::NotFound);
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
