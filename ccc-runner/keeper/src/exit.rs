//! Exit statuses of the keeper for reasons other than an exceeded limit.

/// The connection to the runner has ended.
pub const CONNECTION_LOST: u8 = 74;
/// The arguments were invalid, or the keeper could not start.
pub const BAD_START: u8 = 75;
