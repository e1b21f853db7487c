//! The limits of the HTTP server.

use std::time::Duration;

/// The limits for the number of connections (spec: W1d, W12a).
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Maximum number of connections, except those of the class `Admin`.
    pub(super) places: usize,
    /// Maximum number of connections of the class `Other`. The remaining places are for deliveries
    /// alone.
    pub(super) others: usize,
    /// Maximum number of connections of the class `Admin`.
    pub(super) admins: usize,
    /// Maximum number of connections of one client that have not sent a head or are of the class
    /// `Other`.
    pub(super) per_peer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { places: 512, others: 384, admins: 64, per_peer: 32 }
    }
}

/// Maximum size of the head of a request, in bytes.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// Maximum number of bytes that are read from a connection at a time. The buffers of a connection
/// grow with this number.
pub(super) const MAX_READ: usize = 16 << 10;
/// Time limit for receiving the head of a request. This limit also applies to the time that a
/// connection is idle between two requests.
pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Maximum time without progress when a response is sent to the client.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// Time limit for responses that are in progress when the server shuts down.
pub(super) const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);
/// The pause after the operating system could not accept a connection, for example because too many
/// file descriptors are open.
pub(super) const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Time limit for reading and discarding the part of a body that the handler did not read.
pub(super) const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// Maximum number of bytes of a body that are read and discarded. This limit is larger than any
/// body that a route accepts.
pub(super) const MAX_DRAINED: usize = 32 << 20;
