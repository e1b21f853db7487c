//! An HTTP server for untrusted clients, with limits for connections, sizes and times.

mod accept;
mod connection_limits;
mod drain;
mod listen;

pub(crate) use accept::serve;
pub(crate) use listen::bind;
