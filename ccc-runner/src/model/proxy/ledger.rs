//! The money of one run: what its calls cost, and what is reserved for calls in progress.

use std::collections::VecDeque;

/// The sums of one run, in millionths of a US dollar. They are wider than an amount, so that no sum
/// of amounts can overflow.
///
/// The most that a call can cost is reserved before the call is made (spec: X3d). The costs of all
/// calls together therefore stay within the limit, in whatever order the calls begin and end.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The spending limit.
    limit: Option<u64>,
    /// The cost of the calls that have ended, as far as it is known.
    ended: u128,
    /// The amount that the ended calls can have cost in addition to `ended`. An example is a
    /// response that was cut off before the API reported its token counts.
    uncounted: u128,
    /// The estimated cost of the calls in progress until now.
    running: u128,
    /// The sum of the reservations of the calls in progress.
    reserved: u128,
    /// The number of calls in progress.
    calls: usize,
    /// The numbers of the requests that wait for a reservation, in the order of their arrival.
    queue: VecDeque<u64>,
    next_number: u64,
}

/// The amounts that the ledger contains for one call in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Booking {
    /// The estimated cost of the call until now.
    pub(crate) estimate: u64,
    /// The most that the call can cost. It is at least `estimate`.
    pub(crate) reserve: u64,
}

/// The answer to a request for a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The amount is reserved.
    Reserved,
    /// Earlier requests wait too.
    NotFirst,
    /// The amount does not fit beside the calls in progress. It can fit when they have ended.
    Wait,
    /// The amount does not fit, although no call is in progress.
    TooLarge,
}

impl Ledger {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self { limit, ..Self::default() }
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Adds a request to the end of the queue, and returns its number.
    pub(crate) fn join(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.queue.push_back(number);
        number
    }

    /// Removes the request `number` from the queue.
    pub(crate) fn leave(&mut self, number: u64) {
        self.queue.retain(|waiting| *waiting != number);
    }

    /// Reserves `booking` for the request `number` if the request is the first in the queue and the
    /// amount fits within the limit. The request leaves the queue when the caller calls
    /// [`leave`](Self::leave).
    pub(crate) fn reserve(&mut self, number: u64, booking: Booking) -> Decision {
        if self.queue.front() != Some(&number) {
            return Decision::NotFirst;
        }
        if self
            .limit
            .is_some_and(|limit| self.committed() + u128::from(booking.reserve) > u128::from(limit))
        {
            return if self.calls == 0 { Decision::TooLarge } else { Decision::Wait };
        }
        self.calls += 1;
        self.add(booking);
        Decision::Reserved
    }

    /// Replaces the amounts of a call in progress.
    pub(crate) fn replace(&mut self, old: Booking, new: Booking) {
        self.subtract(old);
        self.add(new);
    }

    /// Ends a call, whose amounts are `booking`. `uncounted` is the amount that the call can have
    /// cost beyond its estimate.
    pub(crate) fn end(&mut self, booking: Booking, uncounted: u64) {
        self.calls = self.calls.saturating_sub(1);
        self.subtract(booking);
        self.ended += u128::from(booking.estimate);
        self.uncounted += u128::from(uncounted);
    }

    fn add(&mut self, booking: Booking) {
        self.running += u128::from(booking.estimate);
        self.reserved += u128::from(booking.reserve);
    }

    fn subtract(&mut self, booking: Booking) {
        self.running = self.running.saturating_sub(u128::from(booking.estimate));
        self.reserved = self.reserved.saturating_sub(u128::from(booking.reserve));
    }

    /// Returns the amount that no further call may use.
    fn committed(&self) -> u128 {
        self.ended + self.uncounted + self.reserved
    }

    /// Returns the known and estimated cost of all calls until now.
    pub(crate) fn spent(&self) -> u64 {
        narrow(self.ended + self.running)
    }

    /// Returns the amount that is reserved for calls in progress beyond their estimates, and for
    /// calls that ended uncounted.
    pub(crate) fn set_aside(&self) -> u64 {
        narrow(self.uncounted + self.reserved.saturating_sub(self.running))
    }

    /// Returns the number of calls in progress and of waiting requests, and the reserved amount.
    #[cfg(test)]
    pub(crate) fn in_progress(&self) -> (usize, u64) {
        (self.calls + self.queue.len(), narrow(self.reserved))
    }

    /// Returns whether `amount` could be reserved if no call was in progress.
    pub(crate) fn can_fit(&self, amount: u64) -> bool {
        let sum = self.ended + self.uncounted + u128::from(amount);
        self.limit.is_none_or(|limit| sum <= u128::from(limit))
    }

    /// Returns whether nothing of the limit is left, although no call is in progress.
    pub(crate) fn is_used_up(&self) -> bool {
        self.limit.is_some_and(|limit| self.ended + self.uncounted >= u128::from(limit))
    }

    /// Returns whether the calls until now cost more than the limit. This happens only if the API
    /// counts more tokens than a request permits.
    pub(crate) fn is_exceeded(&self) -> bool {
        let cost = self.ended + self.uncounted + self.running;
        self.limit.is_some_and(|limit| cost > u128::from(limit))
    }
}

fn narrow(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(estimate: u64, reserve: u64) -> Booking {
        Booking { estimate, reserve }
    }

    #[test]
    fn requests_are_served_in_order_and_only_within_the_limit() {
        // spec: X3d
        let mut ledger = Ledger::new(Some(100));
        let numbers = [ledger.join(), ledger.join(), ledger.join()];
        assert_eq!(ledger.reserve(numbers[1], of(0, 1)), Decision::NotFirst);
        assert_eq!(ledger.reserve(numbers[0], of(0, 101)), Decision::TooLarge);
        assert_eq!(ledger.reserve(numbers[0], of(10, 60)), Decision::Reserved);
        ledger.leave(numbers[0]);
        assert_eq!(ledger.reserve(numbers[1], of(0, 41)), Decision::Wait);
        assert_eq!((ledger.spent(), ledger.set_aside()), (10, 50));
        ledger.replace(of(10, 60), of(20, 59));
        // The request behind is smaller, but does not overtake.
        assert_eq!(ledger.reserve(numbers[2], of(0, 1)), Decision::NotFirst);
        assert_eq!(ledger.reserve(numbers[1], of(0, 41)), Decision::Reserved);
        ledger.leave(numbers[1]);
        ledger.end(of(20, 59), 5);
        ledger.end(of(0, 41), 0);
        assert_eq!((ledger.spent(), ledger.set_aside()), (20, 5));
        assert_eq!(ledger.reserve(numbers[2], of(0, 76)), Decision::TooLarge);
        assert_eq!(ledger.reserve(numbers[2], of(0, 75)), Decision::Reserved);
    }

    #[test]
    fn the_largest_amounts_do_not_overflow() {
        // spec: X3d
        let most = of(u64::MAX, u64::MAX);
        let mut ledger = Ledger::new(None);
        for _ in 0..40 {
            let number = ledger.join();
            assert_eq!(ledger.reserve(number, most), Decision::Reserved);
            ledger.leave(number);
        }
        assert_eq!((ledger.spent(), ledger.set_aside()), (u64::MAX, 0));
        for _ in 0..40 {
            ledger.end(most, u64::MAX);
        }
        assert_eq!((ledger.spent(), ledger.set_aside()), (u64::MAX, u64::MAX));
        let mut ledger = Ledger::new(Some(u64::MAX));
        let number = ledger.join();
        assert_eq!(ledger.reserve(number, most), Decision::Reserved);
        ledger.leave(number);
        let number = ledger.join();
        assert_eq!(ledger.reserve(number, of(0, 1)), Decision::Wait);
        ledger.end(most, 0);
        assert!(ledger.is_used_up() && !ledger.is_exceeded());
    }
}
