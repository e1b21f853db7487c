//! HTTP for clients that are not trusted: bounded in connections, sizes and time.

mod accept;
mod drain;
mod limits;
mod listen;

pub(crate) use accept::serve;
pub(crate) use listen::bind;
