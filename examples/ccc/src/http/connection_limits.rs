//! The limits of the HTTP server.

use std::time::Duration;

/// Maximum number of concurrent connections. Further connections wait in the queue of the operating
/// system.
pub(super) const MAX_CONNECTIONS: usize = 512;
/// Maximum size of the head of a request, in bytes. This limit also applies to the buffer for the
/// part of a body that the handler has not read yet.
pub(super) const MAX_HEAD: usize = 64 << 10;
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
