//! An HTTP server for untrusted clients, with limits for the number of connections, for sizes and
//! for times.

mod accept;
mod client_address;
mod connection;
mod connection_limits;
mod drain;
mod exchange;
mod head_reader;
mod listen;
mod places;
#[cfg(test)]
mod tests;

pub(crate) use accept::serve;
pub(crate) use connection::Clients;
pub(crate) use drain::drain_body;
pub(crate) use listen::bind;
