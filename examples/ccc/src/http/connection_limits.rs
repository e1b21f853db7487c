//! The limits of the HTTP server.

use std::time::Duration;

/// Maximum number of concurrent connections. Further ones wait in the system's queue.
pub(super) const MAX_CONNECTIONS: usize = 512;
/// Maximum size of a request's head, in bytes. It also limits the buffer for a body that is not
/// read.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// Time limit for receiving a request's head. It also limits the idle time of a connection.
pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Maximum time without progress while a response is sent to the client.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// Time limit for the responses that are in progress when the program ends.
pub(super) const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);
/// The pause after the system could not accept a connection, for example for lack of file
/// descriptors.
pub(super) const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Time limit for draining a body that the handler did not read.
pub(super) const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// Maximum number of bytes of a body that are drained. It is larger than any accepted body.
pub(super) const MAX_DRAINED: usize = 32 << 20;
