//! HTTP for clients that are not trusted: bounded in connections, sizes and time.

mod accept;
mod connection_limits;
mod drain;
mod listen;

pub(crate) use accept::serve;
pub(crate) use listen::bind;
