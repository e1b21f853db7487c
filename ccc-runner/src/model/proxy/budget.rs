//! What one run has spent, and whether it may go on.

use std::sync::{Arc, Mutex};

use ccc_core::agent::ModelUsage;
use ccc_core::{CancellationToken, ErrorKind};
use tokio::sync::{mpsc, watch};

use crate::lock::lock;
use crate::model::price::{Price, Tokens};

/// The message to the agent when the run's money is used up.
pub(super) const MONEY_USED_UP: &str = "the money of this run is used up";

/// How many notices wait for the agent's adapter; what is beyond is dropped, so that a program
/// which provokes them without end fills no memory.
const NOTICES: usize = 64;

/// Bytes of text per token, where nobody has counted yet: about what models make of prose and code.
const BYTES_PER_TOKEN: u64 = 4;

/// What a person who watches a run should know of its way to the model, in one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelNotice {
    /// The proxy refused a request.
    Refused(String),
    /// The model's API did, or could not be asked.
    Trouble(String),
}

/// What stood in the way of a run's last call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: ErrorKind,
    /// One line.
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) struct Account {
    /// Millionths of a US dollar.
    limit: Option<u64>,
    sums: Mutex<Sums>,
    notices: mpsc::Sender<ModelNotice>,
    /// Told of every piece of an answer that goes by.
    pub(crate) alive: watch::Sender<()>,
    /// Cancelled when the money is used up.
    pub(crate) exhausted: CancellationToken,
    /// Cancelled when the API does not know our credential: to ask again is of no use.
    pub(crate) refused: CancellationToken,
    /// Cancelled when the run is over: nothing more is let through, and what is under way ends.
    pub(crate) closed: CancellationToken,
}

#[derive(Debug, Default)]
struct Sums {
    micro_usd: u64,
    usage: Vec<ModelUsage>,
    /// What stood in the way last, and of which model.
    trouble: Option<(String, Trouble)>,
}

impl Account {
    pub(crate) fn new(limit: Option<u64>) -> (Self, mpsc::Receiver<ModelNotice>) {
        let (notices, receiver) = mpsc::channel(NOTICES);
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

    /// Says something to whoever watches the run.
    pub(crate) fn notice(&self, notice: ModelNotice) {
        let _ = self.notices.try_send(notice);
    }

    /// A call of that model met this.
    pub(crate) fn set_trouble(&self, model: &str, trouble: Trouble) {
        self.notice(ModelNotice::Trouble(trouble.text.clone()));
        let fatal = trouble.kind == ErrorKind::Unauthenticated;
        let mut sums = lock(&self.sums);
        if !self.refused.is_cancelled() {
            sums.trouble = Some((model.to_owned(), trouble));
        }
        if fatal {
            self.refused.cancel();
        }
    }

    /// A call of that model went well. What another model met may be what stands in the way: an
    /// agent has a small one for small things.
    pub(crate) fn clear_trouble(&self, model: &str) {
        lock(&self.sums)
            .trouble
            .take_if(|(met, trouble)| met == model && trouble.kind != ErrorKind::Unauthenticated);
    }

    #[cfg(any(feature = "claude-code", feature = "command", test))]
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        lock(&self.sums).trouble.as_ref().map(|(_, trouble)| trouble.clone())
    }

    /// Everything that was spent, and on what.
    pub(crate) fn spent(&self) -> (u64, Vec<ModelUsage>) {
        let sums = lock(&self.sums);
        (sums.micro_usd, sums.usage.clone())
    }

    /// Books `cost` where `more` still fits, in one go: requests that come together do not all fit
    /// because each does. An account that is used up stays so.
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

    /// The money for one call. What cannot be counted before the answer is guessed low, because it
    /// may come out of a cache; an answer that comes as one piece cannot be cut, so all of it must
    /// fit.
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

/// What is known of a call before it is made.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) model: String,
    pub(crate) price: Price,
    pub(crate) body_bytes: u64,
    pub(crate) max_tokens: u64,
    pub(crate) streams: bool,
}

/// The money of one call. Booked from the first moment on, corrected with what the API says, and
/// recorded however the call ends.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Arc<Account>,
    model: String,
    price: Price,
    tokens: Tokens,
    /// Bytes of the answer's text since the API last counted.
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

    /// The API has counted.
    pub(crate) fn counted(&mut self, tokens: Tokens) {
        (self.text_bytes, self.is_counted) = (0, true);
        self.book(tokens);
    }

    /// Text of the answer went by, and the API has not counted it yet.
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

    /// Whether the run may have more of this answer.
    pub(crate) fn may_continue(&self) -> bool {
        let spent = lock(&self.account.sums).micro_usd;
        if self.account.limit.is_some_and(|limit| spent > limit) {
            self.account.exhausted.cancel();
        }
        !self.account.exhausted.is_cancelled()
    }

    /// The API refused: it asks no money.
    pub(crate) fn waive(mut self) {
        self.is_counted = true;
        self.book(Tokens::default());
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if !self.is_counted {
            // Nobody said what it cost, because the agent hung up for one: then nothing came out of
            // a cache.
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
    fn what_one_model_meets_is_not_forgotten_because_another_does_well() {
        let (account, _notices) = Account::new(None);
        let trouble = |kind| Trouble { kind, text: "no".to_owned() };
        account.set_trouble("large", trouble(ErrorKind::RateLimited));
        account.clear_trouble("small");
        assert_eq!(account.trouble(), Some(trouble(ErrorKind::RateLimited)));
        account.clear_trouble("large");
        assert_eq!(account.trouble(), None);
        account.set_trouble("large", trouble(ErrorKind::Unauthenticated));
        account.clear_trouble("large");
        account.set_trouble("small", trouble(ErrorKind::Unavailable));
        assert_eq!(account.trouble(), Some(trouble(ErrorKind::Unauthenticated)));
    }
}
