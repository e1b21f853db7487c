//! What every run store must do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Kept;
use crate::event::{Actor, ActorKind, Delivery, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use crate::run::RunRecord;
use crate::run_store::{Accepted, Claim};
use crate::{DeliveryId, Result, RunId, RunStore};

mod intake;
mod leases;
mod records;

pub use intake::*;
pub use leases::*;
pub use records::*;

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
    async fn accept(&self, id: &str, event: &IssueEvent) -> Accepted {
        self.try_accept(id, 1, event).await.expect("an accept")
    }

    async fn try_accept(&self, id: &str, body: u8, event: &IssueEvent) -> Result<Accepted> {
        (self.advance)(Duration::from_millis(5));
        self.store.accept(&delivery(id, body), event).await
    }

    /// A new run of the issue, by a comment with the issue's number.
    async fn run_of(&self, issue: u64) -> RunId {
        let accepted = self.accept(&format!("run-of-{issue}"), &comment(issue, issue)).await;
        assert!(!accepted.duplicate, "issue {issue} has no run yet");
        accepted.run
    }

    async fn claim(&self) -> Option<Claim> {
        self.store.claim(LEASE).await.expect("a claim")
    }

    async fn claim_some(&self) -> Claim {
        self.claim().await.expect("a run that may be claimed")
    }

    async fn record(&self, run: RunId) -> RunRecord {
        self.store.get(run).await.expect("a get").expect("the run that was accepted")
    }

    fn advance(&self, by: Duration) {
        (self.advance)(by);
    }
}

/// Makes a test of every case for run stores. See [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! run_store_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            run_store,
            $make,
            [
                a_new_delivery_is_kept_with_a_waiting_run,
                the_same_delivery_again_gives_the_first_run,
                a_known_delivery_with_another_body_is_a_conflict,
                opening_and_labelling_an_issue_is_one_wish,
                every_comment_is_a_wish_of_its_own,
                the_same_wish_after_the_run_is_over_is_a_new_run,
                the_same_number_in_another_repository_is_another_issue,
                concurrent_accepts_of_one_delivery_make_one_run,
                concurrent_accepts_of_one_wish_make_one_run,
                an_empty_store_has_nothing_to_claim,
                the_oldest_run_is_claimed_first,
                one_run_of_an_issue_is_claimed_at_a_time,
                concurrent_claims_hand_each_run_out_once,
                a_run_is_handed_out_again_when_its_lease_has_ended,
                a_fence_that_is_not_the_newest_is_refused_on_every_write,
                a_write_after_the_lease_has_ended_is_refused,
                renewing_extends_the_lease,
                renewing_never_shortens_the_lease,
                renewing_tells_of_a_wish_to_cancel,
                a_run_that_was_cancelled_before_its_claim_says_so,
                cancelling_what_is_not_there_or_over,
                a_released_run_waits_for_its_delay,
                a_released_run_is_no_longer_the_workers,
                the_newest_progress_comes_with_the_next_claim,
                a_finished_run_is_readable_and_nothing_else,
                every_outcome_is_kept_whole,
                a_write_to_a_run_that_is_not_there_is_refused,
                runs_are_listed_newest_first,
                a_run_that_is_not_there_is_none,
                log_lines_are_numbered_from_zero,
                log_lines_stay_when_the_run_changes_hands,
                a_log_belongs_to_its_run,
            ]
        );
    };
}

/// What the cases claim for.
const LEASE: Duration = Duration::from_secs(30);

const MILLISECOND: Duration = Duration::from_millis(1);

fn delivery(id: &str, body: u8) -> Delivery {
    Delivery {
        id: DeliveryId::new(id).expect("an id that the suite made"),
        body_sha256: [body; 32],
        received_at: Timestamp::UNIX_EPOCH,
    }
}

fn event(issue: u64, trigger: Trigger) -> IssueEvent {
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

fn comment(issue: u64, comment: u64) -> IssueEvent {
    event(issue, Trigger::Commented { comment, body: "please".to_owned() })
}

fn labeled(issue: u64) -> IssueEvent {
    event(issue, Trigger::Labeled { label: "go".to_owned() })
}
