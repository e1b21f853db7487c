//! The listening socket.

use std::net::SocketAddr;

use ccc_core::{Error, ErrorKind, Result};

/// Binds a TCP listener to `address`.
pub(crate) async fn bind(address: SocketAddr) -> Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address).await.map_err(|e| {
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot listen on {address}: choose a different address, or end the program that uses this address"),
        )
        .with_source(e)
    })
}
