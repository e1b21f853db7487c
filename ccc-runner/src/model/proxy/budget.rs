//! The account of one run: the money spent, the spending limit, and the last failure of a call to
//! the model's API.

use std::sync::{Arc, Mutex};

use ccc_core::agent::ModelUsage;
use ccc_core::{CancellationToken, ErrorKind};
use tokio::sync::{mpsc, watch};

use crate::lock::lock;
use crate::model::price::{Price, Tokens};

/// The message to the agent when the run's spending limit is reached.
pub(super) const SPENDING_LIMIT_REACHED: &str = "the run reached its spending limit";

/// Maximum number of notices that wait for the agent's adapter. Further notices are dropped:
/// otherwise, a program that causes notices continuously could fill the memory.
const MAX_NOTICES: usize = 64;

/// Estimated number of bytes of text per token, used until the API has counted the tokens. Prose
/// and code have about this ratio.
const BYTES_PER_TOKEN: u64 = 4;

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
    /// The spending limit, in millionths of a US dollar.
    limit: Option<u64>,
    sums: Mutex<Sums>,
    notices: mpsc::Sender<ModelNotice>,
    /// A channel that notifies its receivers of every forwarded piece of a response.
    pub(crate) alive: watch::Sender<()>,
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
    micro_usd: u64,
    usage: Vec<ModelUsage>,
    /// The last failure of a call, and the model of that call.
    last_failure: Option<(String, CallFailure)>,
}

impl Account {
    pub(crate) fn new(limit: Option<u64>) -> (Self, mpsc::Receiver<ModelNotice>) {
        let (notices, receiver) = mpsc::channel(MAX_NOTICES);
        let account = Self {
            limit,
            sums: Mutex::default(),
            notices,
            alive: watch::Sender::new(()),
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
    /// the same model. The failure of another model remains, because agents also use a small model
    /// for minor tasks: a success of the small model does not resolve a failure of the main model.
    pub(crate) fn clear_last_failure(&self, model: &str) {
        lock(&self.sums)
            .last_failure
            .take_if(|(met, failure)| met == model && failure.kind != ErrorKind::Unauthenticated);
    }

    #[cfg(any(feature = "claude-code", feature = "command", test))]
    pub(crate) fn last_failure(&self) -> Option<CallFailure> {
        lock(&self.sums).last_failure.as_ref().map(|(_, failure)| failure.clone())
    }

    /// Returns the money spent so far, in millionths of a US dollar, and the usage of each model.
    pub(crate) fn spent(&self) -> (u64, Vec<ModelUsage>) {
        let sums = lock(&self.sums);
        (sums.micro_usd, sums.usage.clone())
    }

    /// Adds `cost` to the money spent and returns `true` if two conditions are met: the money spent
    /// is below the spending limit, and the money spent plus `more` is at most the limit. `more` is
    /// 0 for a streamed response, because a stream can be cut off at the limit. Otherwise `more`
    /// equals `cost`. If a condition is not met or `exhausted` is cancelled, adds nothing and
    /// returns `false`. The amounts are in millionths of a US dollar. The check and the addition
    /// happen under one lock, so that concurrent requests cannot exceed the limit together.
    fn book_if_affordable(&self, more: u64, cost: u64) -> bool {
        let mut sums = lock(&self.sums);
        let spent = sums.micro_usd;
        let fits = self.limit.is_none_or(|limit| {
            spent < limit && spent.checked_add(more).is_some_and(|sum| sum <= limit)
        });
        if !fits && self.limit.is_some_and(|limit| spent >= limit) {
            self.exhausted.cancel();
        }
        let admitted = fits && !self.exhausted.is_cancelled();
        if admitted {
            sums.micro_usd = spent.saturating_add(cost);
        }
        admitted
    }

    /// Books the estimated cost of `call`. Returns `None` if the spending limit does not permit the
    /// call. The estimate uses the lowest input price, which is the price of a cache read. The
    /// API's token counts correct the estimate later. If the response is not streamed, the estimate
    /// also includes the maximum output and must fit within the limit, because such a response
    /// cannot be cut off.
    pub(crate) fn admit(self: &Arc<Self>, call: &Call) -> Option<Charge> {
        let sent = call.body_bytes / BYTES_PER_TOKEN;
        let mut tokens = Tokens { cache_read: sent, ..Tokens::default() };
        if !call.streams {
            tokens.output = call.max_tokens;
        }
        let cost = call.price.of(&tokens);
        self.book_if_affordable(if call.streams { 0 } else { cost }, cost).then(|| Charge {
            account: Arc::clone(self),
            model: call.model.clone(),
            price: call.price,
            tokens,
            text_bytes: 0,
            booked: cost,
            is_counted: false,
        })
    }
}

/// The properties of a call that are known before the call is made.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) model: String,
    pub(crate) price: Price,
    pub(crate) body_bytes: u64,
    pub(crate) max_tokens: u64,
    pub(crate) streams: bool,
}

/// The cost of one call, booked on the account of the run. The cost is estimated when the call
/// starts, and corrected when the API reports the token counts. When this value is dropped, the
/// cost and the tokens are added to the usage of the model, even if the call failed.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Arc<Account>,
    model: String,
    price: Price,
    tokens: Tokens,
    /// Number of bytes of response text that arrived since the API last reported token counts.
    text_bytes: u64,
    booked: u64,
    is_counted: bool,
}

impl Charge {
    fn book(&mut self, tokens: Tokens) {
        self.tokens = tokens;
        let cost = self.price.of(&tokens);
        let mut sums = lock(&self.account.sums);
        sums.micro_usd = sums.micro_usd.saturating_sub(self.booked).saturating_add(cost);
        self.booked = cost;
    }

    /// Replaces the booked cost by the cost of `tokens`, which the API has counted.
    pub(crate) fn counted(&mut self, tokens: Tokens) {
        (self.text_bytes, self.is_counted) = (0, true);
        self.book(tokens);
    }

    /// Books the estimated cost of a further `bytes` bytes of response text. The API has not
    /// reported the token count of this text yet.
    pub(crate) fn add_text(&mut self, bytes: usize) {
        self.text_bytes += bytes as u64;
        let guessed = self.text_bytes / BYTES_PER_TOKEN;
        let output = self.tokens.output.max(guessed);
        self.book(Tokens { output, ..self.tokens });
    }

    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    pub(crate) fn tokens(&self) -> Tokens {
        self.tokens
    }

    /// Returns whether the run may receive more of this response. The result is `false` if the run
    /// has exceeded its spending limit.
    pub(crate) fn may_continue(&self) -> bool {
        let spent = lock(&self.account.sums).micro_usd;
        if self.account.limit.is_some_and(|limit| spent > limit) {
            self.account.exhausted.cancel();
        }
        !self.account.exhausted.is_cancelled()
    }

    /// Removes the cost of this call from the account, because a call that the API refused is free.
    pub(crate) fn waive(mut self) {
        self.is_counted = true;
        self.book(Tokens::default());
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if !self.is_counted {
            // The API reported no usage, for example because the agent disconnected. Then charge
            // the input as if nothing was read from a cache.
            let Tokens { cache_read, .. } = self.tokens;
            self.book(Tokens { input: cache_read, cache_read: 0, ..self.tokens });
        }
        if self.booked == 0 {
            return;
        }
        let mut sums = lock(&self.account.sums);
        let at = sums.usage.iter().position(|usage| usage.model == self.model);
        let at = at.unwrap_or_else(|| {
            sums.usage.push(ModelUsage { model: self.model.clone(), ..ModelUsage::default() });
            sums.usage.len() - 1
        });
        let usage = &mut sums.usage[at];
        self.tokens.add_to(usage);
        usage.micro_usd = Some(usage.micro_usd.unwrap_or(0).saturating_add(self.booked));
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
