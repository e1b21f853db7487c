//! The attempts of the log, grouped by delivery.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::DeliveryId;
use crate::delivery_log::Attempt;

/// The attempts of a part of the log.
#[derive(Debug, Default)]
pub(super) struct History {
    deliveries: HashMap<DeliveryId, Attempts>,
    /// All attempts, in the order of the log: the newest first.
    attempts: Vec<Attempt>,
}

/// The attempts of one delivery.
#[derive(Debug)]
struct Attempts {
    /// The newest attempt.
    newest: Attempt,
    /// The time of the oldest attempt.
    first: Timestamp,
    redeliveries: u32,
    answered: bool,
}

/// A delivery of which each attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) id: DeliveryId,
    /// The handle of the newest attempt.
    pub(super) handle: u64,
    pub(super) last_attempt: Timestamp,
    /// The number of attempts that the host made because it was asked to.
    pub(super) redeliveries: u32,
    first: Timestamp,
}

/// Returns whether an attempt with this response needs no repetition. The status is that of an
/// accepted delivery, or of one that the service would refuse again: because of its headers, its form
/// or its size, or because its id belongs to another delivery. A wrong signature is not among them,
/// because a repetition is signed with the secret of that time.
fn is_answered(status: Option<u16>) -> bool {
    matches!(status, Some(200..=299 | 400 | 405 | 409 | 411 | 413 | 414 | 415 | 422 | 431))
}

impl History {
    /// Adds `attempts`, which are older than the attempts before. Returns their number.
    pub(super) fn add(&mut self, attempts: impl IntoIterator<Item = Attempt>) -> usize {
        let before = self.attempts.len();
        for attempt in attempts {
            let entry = self.deliveries.entry(attempt.delivery.clone());
            let known = entry.or_insert_with(|| Attempts {
                newest: attempt.clone(),
                first: attempt.delivered_at,
                redeliveries: 0,
                answered: false,
            });
            known.redeliveries += u32::from(attempt.redelivery);
            known.answered |= is_answered(attempt.status);
            known.first = known.first.min(attempt.delivered_at);
            if attempt.delivered_at > known.newest.delivered_at {
                known.newest = attempt.clone();
            }
            self.attempts.push(attempt);
        }
        self.attempts.len() - before
    }

    pub(super) fn contains(&self, delivery: &DeliveryId) -> bool {
        self.deliveries.contains_key(delivery)
    }

    /// Returns the attempts, the newest first.
    pub(super) fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Returns the deliveries of which each attempt failed and whose events can start runs, the
    /// oldest first.
    pub(super) fn missed(&self) -> Vec<Missed> {
        let failed = self.deliveries.iter().filter(|(_, one)| one.newest.relevant && !one.answered);
        let mut missed: Vec<_> = failed
            .map(|(id, one)| Missed {
                id: id.clone(),
                handle: one.newest.handle,
                last_attempt: one.newest.delivered_at,
                redeliveries: one.redeliveries,
                first: one.first,
            })
            .collect();
        missed.sort_by_key(|one| (one.first, one.handle));
        missed
    }
}
