#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn an_unread_stream_does_not_block_another_stream() {
    let (here, there) = duplex(4 << 10);
    let mut tasks = JoinSet::new();
    let (host, _arrivals, work) = tunnel(here, true);
    tasks.spawn(work);
    let (_keeper, mut arrivals, work) = tunnel(there, false);
    tasks.spawn(work);
    let mut stuck = host.open().await.unwrap();
    stuck.write_all(b"x").await.unwrap();
    let _unread = arrivals.next().await.unwrap();
    tasks.spawn(async move {
        let _ = stuck.write_all(&vec![0; 8 << 20]).await;
    });
    let mut stream = host.open().await.unwrap();
    tasks.spawn(async move {
        let mut echo = arrivals.next().await.unwrap();
        let mut bytes = vec![0; 1 << 20];
        echo.read_exact(&mut bytes).await.unwrap();
        echo.write_all(&bytes[..5]).await.unwrap();
        echo.shutdown().await.unwrap();
    });
    stream.write_all(&vec![7; 1 << 20]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, [7; 5]);
}

#[tokio::test]
async fn a_peer_that_speaks_another_protocol_ends_the_tunnel() {
    let (here, mut there) = duplex(64 << 10);
    let (tunnel, _arrivals, work) = tunnel(here, false);
    there.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    work.await;
    assert!(tunnel.open().await.is_err());
}
