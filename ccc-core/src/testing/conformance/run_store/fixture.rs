//! The run store under test, and the deliveries and events that the cases send to the store.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use crate::run::{ActorCheck, RunRecord};
use crate::run_store::{Accepted, Claim};
use crate::testing::conformance::KeepAlive;
use crate::{DeliveryId, Result, RunId, RunStore};

/// The run store under test, and a function that moves the store's clock forward. The store must be
/// empty, and no other test may use the store.
pub struct Fixture {
    /// The store under test.
    pub store: Arc<dyn RunStore>,
    /// A function that moves the store's clock forward. Between the calls of this function, the
    /// clock must stand still.
    pub advance: Box<dyn Fn(Duration) + Send + Sync>,
    owned: KeepAlive,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Fixture {
    /// Creates a fixture for `store`, which must be empty. The function `advance` moves the store's
    /// clock forward.
    pub fn new(store: impl RunStore, advance: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { store: Arc::new(store), advance: Box::new(advance), owned: KeepAlive::default() }
    }

    /// Makes `thing`, such as a temporary directory or a server, live as long as the fixture.
    #[must_use]
    pub fn with_owned(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.owned.push(thing);
        self
    }

    /// Moves the store's clock forward by 5 ms, and then accepts a delivery with this `id` and
    /// `event`. Without this step of the clock, two runs could have the same creation time.
    pub(super) async fn accept(&self, id: &str, event: &IssueEvent) -> Accepted {
        self.try_accept(id, 1, event).await.expect("`accept` must succeed")
    }

    pub(super) async fn try_accept(
        &self,
        id: &str,
        body: u8,
        event: &IssueEvent,
    ) -> Result<Accepted> {
        (self.advance)(Duration::from_millis(5));
        self.store.accept(&delivery(id, body), event, ActorCheck::Permitted).await
    }

    /// Accepts `event`, whose actor was not checked, like [`accept`](Self::accept).
    pub(super) async fn accept_unchecked(&self, id: &str, event: &IssueEvent) -> Result<Accepted> {
        (self.advance)(Duration::from_millis(5));
        self.store.accept(&delivery(id, 1), event, ActorCheck::Pending).await
    }

    /// Creates a run by accepting a comment on the issue number `issue`. The id of the comment is
    /// also `issue`.
    pub(in super::super) async fn run_of(&self, issue: u64) -> RunId {
        let accepted = self.accept(&format!("run-of-{issue}"), &comment(issue, issue)).await;
        assert!(
            !accepted.duplicate,
            "`accept` of a new comment on issue {issue} must create a run"
        );
        accepted.run
    }

    pub(super) async fn claim(&self) -> Option<Claim> {
        self.store.claim(LEASE).await.expect("`claim` must succeed")
    }

    pub(in super::super) async fn claim_some(&self) -> Claim {
        self.claim()
            .await
            .expect("`claim` must return a run, because the store has a claimable run")
    }

    pub(super) async fn record(&self, run: RunId) -> RunRecord {
        let record = self.store.get(run).await.expect("`get` must succeed");
        record.expect("`get` must find a run that `accept` created")
    }

    /// Returns the records of all runs in the store, newest first.
    pub(super) async fn list(&self) -> Vec<RunRecord> {
        self.store.list(None, 100).await.expect("`list` must succeed")
    }

    pub(in super::super) fn advance(&self, by: Duration) {
        (self.advance)(by);
    }
}

/// The panic message for a write that fails although the fence is the newest and the lease is
/// valid.
pub(in super::super) const WITHIN_LEASE: &str =
    "a write with the newest fence must succeed while the lease is valid";

/// The lease duration with which the cases claim runs.
pub(in super::super) const LEASE: Duration = Duration::from_secs(30);

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);

pub(super) fn delivery(id: &str, body: u8) -> Delivery {
    Delivery {
        id: DeliveryId::new(id).expect("the suite must use valid delivery ids"),
        body_sha256: [body; 32],
        received_at: Timestamp::UNIX_EPOCH,
    }
}

pub(super) fn event(issue: u64, trigger: Trigger) -> IssueEvent {
    let actor = Actor { id: 3, login: "someone".to_owned(), kind: ActorKind::User };
    IssueEvent {
        repo: RepoRef {
            host: "host.example".to_owned(),
            id: 7,
            owner: "octo".to_owned(),
            name: "hello".to_owned(),
        },
        issue: IssueSnapshot {
            number: issue,
            title: "A title with ä, ☃ and 'quotes'".to_owned(),
            body: "Line one\r\nline two\0 and a tab\t".to_owned(),
            author: actor.clone(),
            updated_at: Timestamp::UNIX_EPOCH,
        },
        trigger,
        actor,
        via_app: Some(11),
        actor_is_member: true,
    }
}

pub(super) fn comment(issue: u64, comment: u64) -> IssueEvent {
    event(issue, Trigger::Commented { comment, body: "please".to_owned() })
}

/// Returns `event` with the account `actor` as its actor.
pub(super) fn by(actor: u64, event: IssueEvent) -> IssueEvent {
    let actor = Actor { id: actor, login: format!("account-{actor}"), kind: ActorKind::User };
    IssueEvent { actor, ..event }
}

pub(super) fn labeled(issue: u64) -> IssueEvent {
    event(issue, Trigger::Labeled { label: "go".to_owned() })
}
