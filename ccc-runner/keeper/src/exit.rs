//! Exit statuses of the keeper that no limit is the reason for.

/// The connection to the host has ended.
pub const HOST_GONE: u8 = 74;
/// The arguments were invalid, or the keeper could not start.
pub const BAD_START: u8 = 75;
