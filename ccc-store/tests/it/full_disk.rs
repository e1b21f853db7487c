//! The run store in SQLite on a full disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use ccc_core::run::ActorCheck;
use ccc_core::testing::{ManualClock, has_part};
use ccc_core::{DeliveryId, ErrorKind, Result, RunId, RunStore as _};
use ccc_store::{Bounds, SqliteRunStore};
use futures_util::future::join_all;
use jiff::Timestamp;

/// A small file system in memory, which is unmounted when the value is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Mounts a file system. Returns `None` if this user may not do so.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"]).arg(directory.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        has_part("root", mounted, "execute the tests as root").then(|| Self(directory))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn open(&self) -> SqliteRunStore {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        SqliteRunStore::open(&self.path("runs.sqlite"), clock, Bounds::on_disk()).await.unwrap()
    }

    /// Fills the disk with a file, except for `free` bytes.
    fn fill(&self, free: usize) {
        let stat = rustix::fs::statvfs(self.0.path()).unwrap();
        let all = usize::try_from(stat.f_bavail * stat.f_frsize).unwrap();
        // The file system can need some of the space itself.
        let _ = std::fs::write(self.path("filler"), vec![1; all.saturating_sub(free)]);
    }

    fn free(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path: &Path = self.0.path();
        let _ = Command::new("umount").arg("--lazy").arg(path).status();
    }
}

/// Accepts a delivery of several kilobytes.
async fn accept(store: &SqliteRunStore, number: u64) -> Result<RunId> {
    let actor = Actor { id: 1, login: "someone".to_owned(), kind: ActorKind::User };
    let event = IssueEvent {
        repo: RepoRef { host: "h".into(), id: 1, owner: "o".into(), name: "r".into() },
        issue: IssueSnapshot {
            number,
            title: "A title".to_owned(),
            body: "b".repeat(4_000),
            author: actor.clone(),
            updated_at: Timestamp::UNIX_EPOCH,
        },
        trigger: Trigger::Opened,
        actor,
        via_app: None,
        actor_is_member: false,
    };
    let id = DeliveryId::new(format!("d-{number}")).unwrap();
    let delivery = Delivery { id, body_sha256: [0; 32], received_at: Timestamp::UNIX_EPOCH };
    store.accept(&delivery, &event, ActorCheck::Permitted).await.map(|accepted| accepted.run)
}

/// Returns the ids of all runs, sorted.
async fn listed(store: &SqliteRunStore) -> Vec<RunId> {
    let records = store.list(None, 1_000).await.unwrap();
    let mut runs: Vec<_> = records.iter().map(|record| record.run).collect();
    runs.sort_unstable();
    runs
}

#[tokio::test]
async fn a_full_disk_loses_no_confirmed_run_and_confirms_no_lost_run() {
    // spec: Q8
    let Some(disk) = Disk::mount() else { return };
    let store = disk.open().await;
    let mut stored = vec![accept(&store, 0).await.unwrap()];
    store.check().await.unwrap();
    disk.fill(100_000);
    // Many writes share a transaction, so that the disk becomes full in the middle of a commit.
    let accepts = join_all((1..=200).map(|number| accept(&store, number))).await;
    let failed = accepts.iter().filter(|accepted| accepted.is_err()).count();
    assert!(failed > 0, "the disk is not full");
    for error in accepts.iter().filter_map(|accepted| accepted.as_ref().err()) {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    stored.extend(accepts.into_iter().flatten());
    disk.free();
    disk.fill(0);
    // The write-ahead log can still have room that it used before.
    while let Ok(run) = accept(&store, 1_000 + stored.len() as u64).await {
        stored.push(run);
    }
    // The check is smaller than a run, and uses the rest of the room.
    let mut reason = None;
    for _ in 0..1_000 {
        reason = store.check().await.err();
        if reason.is_some() {
            break;
        }
    }
    let reason = reason.unwrap().to_string();
    assert!(reason.contains("disk"), "{reason}");
    stored.sort_unstable();
    assert_eq!(listed(&store).await, stored);

    disk.free();
    store.check().await.unwrap();
    stored.push(accept(&store, 5_000).await.unwrap());
    stored.sort_unstable();
    assert_eq!(listed(&store).await, stored);
    drop(store);
    assert_eq!(listed(&disk.open().await).await, stored);
}

#[tokio::test]
async fn a_store_that_is_locked_for_long_refuses_deliveries() {
    // spec: Q8
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.sqlite");
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let store = SqliteRunStore::open(&path, clock, Bounds::on_disk()).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (accepted, checked) = tokio::join!(accept(&store, 1), store.check());
    for error in [accepted.unwrap_err(), checked.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    other.execute_batch("ROLLBACK").unwrap();
    store.check().await.unwrap();
    assert_eq!(store.list(None, 10).await.unwrap(), []);
    accept(&store, 1).await.unwrap();
}
