//! An HTTP server for untrusted clients, with limits for the number of connections, for sizes and
//! for times.

mod accept;
mod connection_limits;
mod drain;
mod listen;

pub(crate) use accept::serve;
pub(crate) use drain::drain_body;
pub(crate) use listen::bind;
