//! Reservation of the most that a request can cost, before the request is forwarded.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::Clock;
use tokio::sync::Semaphore;

use crate::model::proxy::budget::{Account, Shortfall};
use crate::model::proxy::charge::{Call, Charge};
use crate::model::proxy::ledger::Decision;

/// The reason why the cost of a request was not reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// Nothing of the spending limit is left.
    UsedUp,
    /// The most that the request can cost does not fit within the rest of the limit.
    Unaffordable(Shortfall),
    /// Other requests have reserved the rest of the limit for too long, or the waiting requests
    /// would use too much memory.
    Busy,
}

/// The limits on a request that waits.
pub(crate) struct Waiting<'a> {
    pub(crate) clock: &'a dyn Clock,
    /// The maximum time that the request waits.
    pub(crate) limit: Duration,
    /// One permit for each byte that the bodies of waiting requests may use.
    pub(crate) room: &'a Semaphore,
}

/// Reserves the most that `call` can cost on `account`. If the amount does not fit beside other
/// requests in progress, waits in the order of arrival.
///
/// `count` returns the API's count of the input tokens, or `None` if the API does not count them. It
/// is awaited at most once, and only if the amount does not fit.
pub(crate) async fn reserve(
    account: &Arc<Account>,
    mut call: Call,
    waiting: &Waiting<'_>,
    count: impl Future<Output = Option<u64>>,
) -> Result<Charge, Denial> {
    let ticket = account.join_queue();
    let (mut count, mut room) = (Some(count), None);
    let expired = waiting.clock.sleep(waiting.limit);
    tokio::pin!(expired);
    loop {
        let mut freed = account.freed();
        if account.exhausted.is_cancelled() {
            return Err(Denial::UsedUp);
        }
        let decision = match call.reserve(account, &ticket) {
            Ok(charge) => return Ok(charge),
            Err(decision) => decision,
        };
        if decision != Decision::NotFirst
            && account.can_fit(call.least())
            && let Some(count) = count.take()
        {
            if let Some(count) = count.await {
                call.bound = call.bound.with_count(count);
            }
            continue;
        }
        if decision == Decision::TooLarge {
            if account.exhausted.is_cancelled() {
                return Err(Denial::UsedUp);
            }
            let shortfall = account.shortfall(call.most());
            account.set_unaffordable(&call.model, shortfall);
            return Err(Denial::Unaffordable(shortfall));
        }
        if room.is_none() {
            let bytes = u32::try_from(call.body_bytes).unwrap_or(u32::MAX);
            room = Some(waiting.room.try_acquire_many(bytes).map_err(|_| Denial::Busy)?);
        }
        tokio::select! {
            biased;
            () = account.exhausted.cancelled() => return Err(Denial::UsedUp),
            // The account has the sender, so the channel is open.
            _ = freed.changed() => {}
            () = &mut expired => return Err(Denial::Busy),
        }
    }
}

#[cfg(test)]
mod tests;
