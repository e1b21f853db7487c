//! Exit statuses of the keeper. [`LimitBreach`](crate::LimitBreach) defines the statuses for
//! exceeded limits.

/// The exit status of the keeper after its connection to the runner has ended.
pub const CONNECTION_LOST: u8 = 74;
/// The exit status of the keeper if its arguments are invalid or it cannot start.
pub const BAD_START: u8 = 75;
