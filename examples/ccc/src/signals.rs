//! The signals that end the program.

use ccc_core::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

/// Waits for the next SIGINT or SIGTERM.
pub(crate) async fn interrupted() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Returns a token that is cancelled at the next SIGINT or SIGTERM. Pass the token to
/// [`Service::serve_http`](crate::Service::serve_http). The program can also cancel the token itself.
/// This function must be called in a tokio runtime.
#[allow(clippy::disallowed_methods, reason = "this code is never part of a Worker")]
pub fn shutdown_signal() -> CancellationToken {
    let shutdown = CancellationToken::new();
    let signalled = shutdown.clone();
    tokio::spawn(async move {
        interrupted().await;
        signalled.cancel();
    });
    shutdown
}
