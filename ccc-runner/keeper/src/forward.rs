//! Loopback ports of the container that are forwarded to the runner.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ccc_keeper::{EGRESS_PORT, MODEL_PORT, StreamKind, Tunnel, write_head};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Maximum number of concurrent connections through one forwarded port. Further connections wait.
/// The two forwarded ports use at most 48 of the 64 streams of the tunnel. The other streams are
/// for the execution of programs.
const MAX_CONNECTIONS: usize = 24;

/// Listens on the loopback port of `kind`, and starts a task in `tasks` that forwards every
/// connection through `tunnel` to the runner.
pub(crate) async fn listen(
    tasks: &mut JoinSet<()>,
    kind: StreamKind,
    tunnel: &Tunnel,
) -> io::Result<()> {
    let port = if kind == StreamKind::Model { MODEL_PORT } else { EGRESS_PORT };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let (tunnel, places) = (tunnel.clone(), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((connection, _)) = listener.accept().await else { continue };
            let tunnel = tunnel.clone();
            connections.spawn(async move {
                // After an error, both the client and the runner see a closed connection.
                let _ = carry(connection, kind, &tunnel).await;
                drop(place);
            });
        }
    });
    Ok(())
}

async fn carry(mut connection: TcpStream, kind: StreamKind, tunnel: &Tunnel) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut stream = tunnel.open().await?;
    write_head(&mut stream, &kind).await?;
    copy_bidirectional(&mut connection, &mut stream).await?;
    stream.shutdown().await
}
