//! The bounds and deadlines of the HTTP server.

use std::time::Duration;

/// The most connections at once. More wait in the system's queue.
pub(super) const MAX_CONNECTIONS: usize = 512;
/// The largest head of a request, in bytes, and the most that is buffered of a body that is not
/// read.
pub(super) const MAX_HEAD: usize = 64 << 10;
/// The most time for a request's head, and for an idle connection.
pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// The most time until the client reads some of an answer.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// The most time for answers that are under way when the program ends.
pub(super) const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);
/// The pause after the system has refused a connection, such as for want of file descriptors.
pub(super) const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// The most time for draining a body that the handler did not read.
pub(super) const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// The most bytes of a body that are drained: more than any accepted body has.
pub(super) const MAX_DRAINED: usize = 32 << 20;
