//! The cost of one call to the model's API: reserved before the call, and settled after it.

use std::sync::Arc;

use crate::model::price::{Price, Tokens};
use crate::model::proxy::bound::TokenBound;
use crate::model::proxy::budget::{Account, Ticket};
use crate::model::proxy::ledger::{Booking, Decision};
use crate::model::proxy::usage::Usage;

/// Estimated number of bytes of text per token, used until the API has counted the tokens. Prose
/// and code have about this ratio.
const BYTES_PER_TOKEN: u64 = 4;

/// The properties of a call that are known before the call is made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) model: String,
    pub(crate) price: Price,
    pub(crate) body_bytes: u64,
    pub(crate) bound: TokenBound,
}

impl Call {
    /// Returns the most that the call can cost, in millionths of a US dollar.
    pub(crate) fn most(&self) -> u64 {
        self.price.of(&self.bound.tokens())
    }

    /// Returns the part of that amount that no count of the input can lower.
    pub(crate) fn least(&self) -> u64 {
        self.price.of(&self.bound.output())
    }

    /// Reserves the most that the call can cost. Returns the charge, or the reason why the amount
    /// cannot be reserved now.
    pub(crate) fn reserve(
        &self,
        account: &Arc<Account>,
        ticket: &Ticket,
    ) -> Result<Charge, Decision> {
        // The estimate is the lowest possible price of the input: that of a cache read.
        let tokens = Tokens { cache_read: self.body_bytes / BYTES_PER_TOKEN, ..Tokens::default() };
        let booking = booking(&self.price, &tokens, self.most());
        match ticket.reserve(booking) {
            Decision::Reserved => Ok(Charge {
                account: Arc::clone(account),
                model: self.model.clone(),
                price: self.price,
                bound: self.bound.tokens(),
                tokens,
                text_bytes: 0,
                booking,
                counted: Counted::Nothing,
                output_counted: false,
                last_output: 0,
                uncounted_bytes: 0,
                hides_tokens: false,
                began: false,
                completed: false,
                early_end: None,
            }),
            decision => Err(decision),
        }
    }
}

fn booking(price: &Price, tokens: &Tokens, most: u64) -> Booking {
    let estimate = price.of(tokens);
    Booking { estimate, reserve: most.max(estimate) }
}

/// The part of a call whose tokens the API has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Counted {
    Nothing,
    /// The input. The response has not ended.
    Input,
    /// The input. The response has ended early.
    InputOfEarlyEnd,
    /// The input and the whole response.
    Everything,
}

/// The way in which the API ended a response that was not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EarlyEnd {
    /// The API reported an error in the response.
    Error,
    /// The API ended the response without an error.
    Closed,
}

/// The cost of one call, booked on the account of the run. The most that the call can cost is
/// reserved when the call starts. The reservation shrinks when the API reports the token counts.
///
/// When this value is dropped, the cost and the tokens are added to the usage of the model, even if
/// the call failed. The rest of the reservation depends on the side that ended the response (spec: X3d):
///
/// - The API ended it early: the counted input and the output that has arrived remain. If the
///   response has a thought, whose tokens it does not show, the whole reservation remains. An error
///   before the beginning of the message leaves nothing, because the API counted nothing.
/// - The agent or the proxy ended it, for example because the agent disconnected: the whole
///   reservation remains until the run ends. The API can continue to produce the response and charge
///   for it, for example for thinking that it does not show. An agent that disconnects again and
///   again must not gain by it.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Arc<Account>,
    model: String,
    price: Price,
    /// The most tokens that the call can use.
    bound: Tokens,
    /// The tokens as far as they are known or estimated.
    tokens: Tokens,
    /// Number of bytes of response text that arrived since the API last reported token counts.
    text_bytes: u64,
    booking: Booking,
    counted: Counted,
    /// Whether the API has counted the response until now.
    output_counted: bool,
    /// The number of output tokens that the API last counted.
    last_output: u64,
    /// Number of bytes of response text that arrived since that count.
    uncounted_bytes: u64,
    /// Whether the response has tokens that it does not show.
    hides_tokens: bool,
    /// Whether a part of a message has arrived.
    began: bool,
    /// Whether the API has reported that the response is complete.
    completed: bool,
    early_end: Option<EarlyEnd>,
}

impl Charge {
    fn book(&mut self, tokens: Tokens) {
        self.tokens = tokens;
        let most = match self.counted {
            Counted::Nothing => self.bound,
            Counted::Input => Tokens { output: self.bound.output.max(tokens.output), ..tokens },
            Counted::InputOfEarlyEnd => Tokens { output: self.most_arrived(), ..tokens },
            Counted::Everything => tokens,
        };
        let new = booking(&self.price, &tokens, self.price.of(&most));
        self.account.replace(self.booking, new);
        self.booking = new;
    }

    /// Books the token counts at the start of a streamed response. The reservation for the input
    /// becomes exact if `usage` contains the count of the input.
    pub(crate) fn start(&mut self, usage: Usage) {
        self.begin();
        if usage.counts_input() {
            self.counted = self.counted.max(Counted::Input);
            self.count(usage, Tokens::default());
        }
    }

    /// Books token counts that replace earlier ones. `is_last` states whether the response can no
    /// longer become longer.
    pub(crate) fn update(&mut self, usage: Usage, is_last: bool) {
        self.begin();
        if usage.counts_input() {
            self.counted = self.counted.max(Counted::Input);
        }
        self.output_counted |= usage.counts_output();
        let before = if self.counted == Counted::Nothing { self.bound } else { self.tokens };
        self.count(usage, before);
        if is_last {
            self.complete();
        }
    }

    /// Books the token counts of a response that is not streamed.
    pub(crate) fn whole(&mut self, usage: Usage) {
        if usage.counts_input() && usage.counts_output() {
            self.counted = Counted::Everything;
            self.count(usage, Tokens::default());
        }
    }

    fn count(&mut self, usage: Usage, before: Tokens) {
        self.text_bytes = 0;
        let tokens = usage.over(before);
        if usage.counts_output() {
            (self.last_output, self.uncounted_bytes) = (tokens.output, 0);
        }
        self.book(tokens);
    }

    /// Records that a part of a message has arrived. A response that continues after an error has
    /// not ended.
    pub(crate) fn begin(&mut self) {
        (self.began, self.early_end) = (true, None);
    }

    /// Records that the API ended the response with an error.
    pub(crate) fn fail(&mut self) {
        self.early_end = Some(EarlyEnd::Error);
    }

    /// Records that the API ended the response without an error.
    pub(crate) fn close(&mut self) {
        self.early_end = self.early_end.or(Some(EarlyEnd::Closed));
    }

    /// Records that the API produces tokens that the response does not show, for example a thought of
    /// which it shows a summary.
    pub(crate) fn hide_tokens(&mut self) {
        self.hides_tokens = true;
    }

    /// Returns the maximum number of output tokens that can have arrived. A token that is shown has at
    /// least one byte of text.
    fn most_arrived(&self) -> u64 {
        if self.hides_tokens {
            return self.bound.output.max(self.tokens.output);
        }
        let most = self.last_output.saturating_add(self.uncounted_bytes);
        most.min(self.bound.output).max(self.tokens.output)
    }

    /// Records that the response is complete, and that the last token counts are therefore final.
    pub(crate) fn complete(&mut self) {
        self.completed = true;
        if self.counted == Counted::Input && self.output_counted {
            self.counted = Counted::Everything;
            self.book(self.tokens);
        }
    }

    /// Books the estimated cost of a further `bytes` bytes of response text. The API has not
    /// reported the token count of this text yet.
    pub(crate) fn add_text(&mut self, bytes: usize) {
        self.begin();
        self.uncounted_bytes = self.uncounted_bytes.saturating_add(bytes as u64);
        self.text_bytes = self.text_bytes.saturating_add(bytes as u64);
        let guessed = self.text_bytes / BYTES_PER_TOKEN;
        let output = self.tokens.output.max(guessed);
        self.book(Tokens { output, ..self.tokens });
    }

    /// Returns whether the API has counted the response until now.
    pub(crate) fn has_count(&self) -> bool {
        self.output_counted
    }

    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    #[cfg(test)]
    pub(crate) fn tokens(&self) -> Tokens {
        self.tokens
    }

    /// Returns whether the run may receive more of this response. The result is `false` if the run
    /// has exceeded its spending limit.
    pub(crate) fn may_continue(&self) -> bool {
        self.account.may_continue()
    }

    /// Removes the estimated cost of this call from the account, because the API did not answer. The
    /// reservation remains: the API can have received the request.
    pub(crate) fn set_unanswered(mut self) {
        self.book(Tokens::default());
    }

    /// Removes the cost of this call from the account, because a call that the API refused is free.
    pub(crate) fn waive(mut self) {
        self.counted = Counted::Everything;
        self.book(Tokens::default());
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        match (self.early_end, self.counted) {
            // The reservation remains if the API did not count a complete response.
            _ if self.completed => {}
            (Some(EarlyEnd::Error), Counted::Nothing) if !self.began => {
                self.counted = Counted::Everything;
                self.book(Tokens::default());
            }
            (Some(_), Counted::Input) => {
                self.counted = Counted::InputOfEarlyEnd;
                self.book(self.tokens);
            }
            _ => {}
        }
        if self.counted == Counted::Nothing {
            // The API reported no usage, for example because the agent disconnected. Then charge
            // the input as if nothing was read from a cache.
            let Tokens { input, cache_read, .. } = self.tokens;
            let input = input.saturating_add(cache_read);
            self.book(Tokens { input, cache_read: 0, ..self.tokens });
        }
        let uncounted = self.booking.reserve.saturating_sub(self.booking.estimate);
        self.account.end(self.booking, uncounted, &self.model, &self.tokens);
    }
}
