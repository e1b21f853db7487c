//! The listening socket.

use std::net::SocketAddr;

use ccc_core::{Error, ErrorKind, Result};

/// Binds a listener to an address.
pub(crate) async fn bind(address: SocketAddr) -> Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address).await.map_err(|e| {
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot listen on {address}: choose another address, or end the program that uses it"),
        )
        .with_source(e)
    })
}
