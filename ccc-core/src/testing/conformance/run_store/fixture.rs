//! The store that the cases are about, and what comes into it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use crate::run::RunRecord;
use crate::run_store::{Accepted, Claim};
use crate::testing::conformance::Kept;
use crate::{DeliveryId, Result, RunId, RunStore};

/// A store that is empty and that nobody else uses, with its clock in the suite's hands.
pub struct Fixture {
    /// The store.
    pub store: Arc<dyn RunStore>,
    /// Moves the store's clock, which does not move otherwise.
    pub advance: Box<dyn Fn(Duration) + Send + Sync>,
    kept: Kept,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Fixture {
    /// An empty store, and what moves its clock.
    pub fn new(store: impl RunStore, advance: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self { store: Arc::new(store), advance: Box::new(advance), kept: Kept::default() }
    }

    /// Keeps something for as long as the fixture is there.
    #[must_use]
    pub fn keeping(mut self, thing: impl Send + Sync + 'static) -> Self {
        self.kept.push(thing);
        self
    }

    /// A moment later, so that "older" is never a matter of chance.
    pub(super) async fn accept(&self, id: &str, event: &IssueEvent) -> Accepted {
        self.try_accept(id, 1, event).await.expect("an accept")
    }

    pub(super) async fn try_accept(
        &self,
        id: &str,
        body: u8,
        event: &IssueEvent,
    ) -> Result<Accepted> {
        (self.advance)(Duration::from_millis(5));
        self.store.accept(&delivery(id, body), event).await
    }

    /// A new run of the issue, by a comment with the issue's number.
    pub(super) async fn run_of(&self, issue: u64) -> RunId {
        let accepted = self.accept(&format!("run-of-{issue}"), &comment(issue, issue)).await;
        assert!(!accepted.duplicate, "issue {issue} has no run yet");
        accepted.run
    }

    pub(super) async fn claim(&self) -> Option<Claim> {
        self.store.claim(LEASE).await.expect("a claim")
    }

    pub(super) async fn claim_some(&self) -> Claim {
        self.claim().await.expect("a run that may be claimed")
    }

    pub(super) async fn record(&self, run: RunId) -> RunRecord {
        self.store.get(run).await.expect("a get").expect("the run that was accepted")
    }

    pub(super) fn advance(&self, by: Duration) {
        (self.advance)(by);
    }
}

/// What the cases claim for.
pub(super) const LEASE: Duration = Duration::from_secs(30);

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);

pub(super) fn delivery(id: &str, body: u8) -> Delivery {
    Delivery {
        id: DeliveryId::new(id).expect("an id that the suite made"),
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
    }
}

pub(super) fn comment(issue: u64, comment: u64) -> IssueEvent {
    event(issue, Trigger::Commented { comment, body: "please".to_owned() })
}

pub(super) fn labeled(issue: u64) -> IssueEvent {
    event(issue, Trigger::Labeled { label: "go".to_owned() })
}
