//! The account of one run: the money spent, the spending limit, and the last failure of a call to
//! the model's API.

use std::fmt;
use std::sync::{Arc, Mutex};

use ccc_core::agent::ModelUsage;
use ccc_core::{CancellationToken, ErrorKind};
use tokio::sync::{mpsc, watch};

use crate::lock::lock;
use crate::model::price::{Tokens, dollars};
use crate::model::proxy::ledger::{Booking, Decision, Ledger};

/// The message to the agent when the run's spending limit is reached.
pub(super) const SPENDING_LIMIT_REACHED: &str = "the run reached its spending limit";

/// Maximum number of notices that wait for the agent's adapter. Further notices are dropped:
/// otherwise, a program that causes notices continuously could fill the memory.
const MAX_NOTICES: usize = 64;

/// Maximum number of requests in a row that did not fit within the rest of the spending limit. After
/// this number, the limit counts as reached. An agent that ignores the refusals then ends too.
const MAX_UNAFFORDABLE: u32 = 8;

/// A notice that one of a run's requests to the model failed. The text is the reason, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelNotice {
    /// The model proxy refused a request.
    Refused(String),
    /// The model's API refused a request, or could not be reached.
    CallFailed(String),
}

/// The failure of a call to the model's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallFailure {
    pub(crate) kind: ErrorKind,
    /// The description of the failure, in one line.
    pub(crate) text: String,
}

/// The account of one run: the money spent, the spending limit, and the last failure of a call to
/// the model's API.
#[derive(Debug)]
pub(crate) struct Account {
    sums: Mutex<Sums>,
    notices: mpsc::Sender<ModelNotice>,
    /// A channel that notifies its receivers of every forwarded piece of a response.
    pub(crate) alive: watch::Sender<()>,
    /// A channel that notifies its receivers when an amount is no longer reserved, or when a
    /// request leaves the queue.
    freed: watch::Sender<()>,
    /// A token that is cancelled when the run reaches its spending limit.
    pub(crate) exhausted: CancellationToken,
    /// A token that is cancelled when the API rejects the credential, because all further requests
    /// would also fail.
    pub(crate) refused: CancellationToken,
    /// A token that is cancelled when the run has ended. Requests in progress then end, and no
    /// further requests are forwarded.
    pub(crate) closed: CancellationToken,
}

#[derive(Debug, Default)]
struct Sums {
    ledger: Ledger,
    usage: Vec<ModelUsage>,
    /// The last failure of a call, and the model of that call.
    last_failure: Option<(String, CallFailure)>,
    /// The last refusal of a request whose cost did not fit within the rest of the spending limit,
    /// and the model of that request.
    unaffordable: Option<(String, Shortfall)>,
    /// The number of such refusals since the last reservation.
    refusals: u32,
}

/// The amounts that explain why a request does not fit within the spending limit, in millionths of
/// a US dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortfall {
    /// The spending limit of the run.
    pub(crate) limit: u64,
    /// The most that the request can cost.
    pub(crate) needed: u64,
    /// The amount that the run has spent.
    pub(crate) spent: u64,
    /// The amount that responses can have cost which were cut off before their tokens were counted.
    pub(crate) set_aside: u64,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, needed, spent, set_aside } = *self;
        if needed == u64::MAX {
            f.write_str("the next request can cost any amount")?;
        } else {
            write!(f, "the next request can cost ${}", dollars(needed))?;
        }
        let (limit, spent) = (dollars(limit), dollars(spent));
        write!(f, ", but of the limit of ${limit}, ${spent} is spent")?;
        if set_aside > 0 {
            let set_aside = dollars(set_aside);
            write!(f, ", and up to ${set_aside} for responses that were cut off")?;
        }
        Ok(())
    }
}

impl Account {
    pub(crate) fn new(limit: Option<u64>) -> (Self, mpsc::Receiver<ModelNotice>) {
        let (notices, receiver) = mpsc::channel(MAX_NOTICES);
        let account = Self {
            sums: Mutex::new(Sums { ledger: Ledger::new(limit), ..Sums::default() }),
            notices,
            alive: watch::Sender::new(()),
            freed: watch::Sender::new(()),
            exhausted: CancellationToken::new(),
            refused: CancellationToken::new(),
            closed: CancellationToken::new(),
        };
        (account, receiver)
    }

    /// Sends a notice to the agent's adapter.
    pub(crate) fn notice(&self, notice: ModelNotice) {
        let _ = self.notices.try_send(notice);
    }

    /// Records `failure`, the failure of a call to `model`, and notifies the agent's adapter. After
    /// the API has rejected the credential, no later failure is recorded.
    pub(crate) fn set_last_failure(&self, model: &str, failure: CallFailure) {
        self.notice(ModelNotice::CallFailed(failure.text.clone()));
        let fatal = failure.kind == ErrorKind::Unauthenticated;
        let mut sums = lock(&self.sums);
        if !self.refused.is_cancelled() {
            sums.last_failure = Some((model.to_owned(), failure));
        }
        if fatal {
            self.refused.cancel();
        }
    }

    /// Clears the recorded failure after a successful call to `model`, if the failed call was to
    /// the same model. The failure of another model remains. Agents also use a small model for minor
    /// tasks, and a success of the small model does not resolve a failure of the main model.
    pub(crate) fn clear_last_failure(&self, model: &str) {
        let mut sums = lock(&self.sums);
        sums.last_failure
            .take_if(|(met, failure)| met == model && failure.kind != ErrorKind::Unauthenticated);
        sums.unaffordable.take_if(|(met, _)| met == model);
    }

    #[cfg(any(feature = "claude-code", feature = "command", test))]
    pub(crate) fn last_failure(&self) -> Option<CallFailure> {
        lock(&self.sums).last_failure.as_ref().map(|(_, failure)| failure.clone())
    }

    /// Returns the last refusal of a request that did not fit within the rest of the spending
    /// limit, unless a later call to the same model succeeded.
    #[cfg(any(feature = "claude-code", feature = "command", test))]
    pub(crate) fn unaffordable(&self) -> Option<Shortfall> {
        lock(&self.sums).unaffordable.as_ref().map(|(_, shortfall)| *shortfall)
    }

    /// Returns the money spent so far, in millionths of a US dollar, and the usage of each model.
    pub(crate) fn spent(&self) -> (u64, Vec<ModelUsage>) {
        let sums = lock(&self.sums);
        (sums.ledger.spent(), sums.usage.clone())
    }

    /// Adds a request to the queue of the requests that need a reservation.
    pub(crate) fn join_queue(self: &Arc<Self>) -> Ticket {
        let number = lock(&self.sums).ledger.join();
        Ticket { account: Arc::clone(self), number }
    }

    /// Returns a receiver that is notified when a reservation may have become possible. A caller
    /// subscribes before it tries to reserve, so that it misses no notification.
    pub(crate) fn freed(&self) -> watch::Receiver<()> {
        self.freed.subscribe()
    }

    /// Records that the request of a call to `model` was refused because of `shortfall`.
    pub(crate) fn set_unaffordable(&self, model: &str, shortfall: Shortfall) {
        let mut sums = lock(&self.sums);
        sums.unaffordable = Some((model.to_owned(), shortfall));
        // A request that exceeds the whole limit does not show that the rest of it is too small.
        if shortfall.needed <= shortfall.limit {
            sums.refusals = sums.refusals.saturating_add(1);
        }
        if sums.refusals >= MAX_UNAFFORDABLE {
            self.exhausted.cancel();
        }
    }

    /// Returns the amounts that explain why a request that can cost `needed` is refused.
    pub(crate) fn shortfall(&self, needed: u64) -> Shortfall {
        let ledger = &lock(&self.sums).ledger;
        let (spent, set_aside) = (ledger.spent(), ledger.set_aside());
        Shortfall { limit: ledger.limit().unwrap_or(u64::MAX), needed, spent, set_aside }
    }

    /// Returns the number of calls in progress and of waiting requests, and the reserved amount.
    #[cfg(test)]
    pub(crate) fn in_progress(&self) -> (usize, u64) {
        lock(&self.sums).ledger.in_progress()
    }

    /// Returns whether `amount` could be reserved if no call was in progress.
    pub(crate) fn can_fit(&self, amount: u64) -> bool {
        lock(&self.sums).ledger.can_fit(amount)
    }

    /// Replaces the amounts of a call in progress.
    pub(super) fn replace(&self, old: Booking, new: Booking) {
        lock(&self.sums).ledger.replace(old, new);
        if new.reserve < old.reserve {
            self.freed.send_replace(());
        }
    }

    /// Ends a call to `model`, whose amounts are `booking`. `uncounted` is the amount that the call
    /// can have cost beyond its estimate. The usage of the model then includes `tokens`.
    pub(super) fn end(&self, booking: Booking, uncounted: u64, model: &str, tokens: &Tokens) {
        {
            let mut sums = lock(&self.sums);
            sums.ledger.end(booking, uncounted);
            if booking.estimate > 0 {
                let at = sums.usage.iter().position(|usage| usage.model == model);
                let at = at.unwrap_or_else(|| {
                    let model = model.to_owned();
                    sums.usage.push(ModelUsage { model, ..ModelUsage::default() });
                    sums.usage.len() - 1
                });
                let usage = &mut sums.usage[at];
                tokens.add_to(usage);
                let cost = usage.micro_usd.unwrap_or(0).saturating_add(booking.estimate);
                usage.micro_usd = Some(cost);
            }
        }
        self.freed.send_replace(());
    }

    /// Returns whether the run may receive more of a response. The result is `false` if the run has
    /// exceeded its spending limit.
    pub(super) fn may_continue(&self) -> bool {
        if lock(&self.sums).ledger.is_exceeded() {
            self.exhausted.cancel();
        }
        !self.exhausted.is_cancelled()
    }
}

/// The place of one request in the queue. The request leaves the queue when this value is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    account: Arc<Account>,
    number: u64,
}

impl Ticket {
    /// Reserves `booking` if the request is the first in the queue and the amount fits within the
    /// spending limit. A request that was decided leaves the queue.
    pub(super) fn reserve(&self, booking: Booking) -> Decision {
        let decision = {
            let mut sums = lock(&self.account.sums);
            if sums.ledger.is_used_up() {
                self.account.exhausted.cancel();
            }
            let decision = sums.ledger.reserve(self.number, booking);
            if decision == Decision::Reserved {
                sums.ledger.leave(self.number);
                sums.refusals = 0;
            }
            decision
        };
        if decision == Decision::Reserved {
            self.account.freed.send_replace(());
        }
        decision
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.account.sums).ledger.leave(self.number);
        self.account.freed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_of_one_model_does_not_clear_the_failure_of_another() {
        let (account, _notices) = Account::new(None);
        let failure = |kind| CallFailure { kind, text: "no".to_owned() };
        account.set_last_failure("large", failure(ErrorKind::RateLimited));
        account.clear_last_failure("small");
        assert_eq!(account.last_failure(), Some(failure(ErrorKind::RateLimited)));
        account.clear_last_failure("large");
        assert_eq!(account.last_failure(), None);
        account.set_last_failure("large", failure(ErrorKind::Unauthenticated));
        account.clear_last_failure("large");
        account.set_last_failure("small", failure(ErrorKind::Unavailable));
        assert_eq!(account.last_failure(), Some(failure(ErrorKind::Unauthenticated)));
    }
}
