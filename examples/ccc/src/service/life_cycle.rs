//! The life cycle of a service: warnings, takeover, cleanup, runs, and revocation of tokens.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use ccc_core::CancellationToken;
use tokio::net::TcpListener;

use crate::app::WAITING_FOR_APP;
use crate::http;
use crate::remedy::describe;
use crate::service::Service;

/// A guard that counts a call to [`Service::serve`] while the call is in progress, even if the
/// future of the call is dropped.
struct Serving<'a>(&'a AtomicUsize);

impl<'a> Serving<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Service {
    /// Executes accepted runs until `shutdown` is cancelled. Works in this order:
    ///
    /// 1. Logs the warnings about the configuration.
    /// 2. Removes containers, directories and tokens that an earlier process left. An error is
    ///    logged and does not stop the service.
    /// 3. Executes runs, and reloads the GitHub App from the credential store every minute.
    /// 4. After `shutdown` is cancelled, waits for active runs, for at most
    ///    [`DispatcherConfig::drain`](ccc_core::dispatcher::DispatcherConfig).
    /// 5. Revokes all access tokens that are still valid.
    pub async fn serve(&self, shutdown: CancellationToken) {
        self.log_warnings();
        self.execute(shutdown).await;
    }

    fn log_warnings(&self) {
        let waiting = self.is_waiting_for_app().then_some(WAITING_FOR_APP);
        for warning in self.inner.warnings.iter().map(String::as_str).chain(waiting) {
            tracing::warn!("{warning}");
        }
    }

    async fn execute(&self, shutdown: CancellationToken) {
        let _serving = Serving::begin(&self.inner.serving);
        self.clean_up_after_earlier_process().await;
        let dispatcher = &self.inner.dispatcher;
        let Some(app) = &self.inner.app else { return dispatcher.serve(shutdown).await };
        match app.github().take_over().await {
            Ok(0) => {}
            Ok(tokens) => tracing::info!(tokens, "took over access tokens of an earlier process"),
            Err(error) => {
                let error = describe(&error);
                tracing::error!(
                    "cannot take over the access tokens of an earlier process, which expire later: {error}"
                );
            }
        }
        let polling = app.poll(&*self.inner.clock, &shutdown);
        tokio::join!(dispatcher.serve(shutdown.clone()), polling);
        app.github().revoke_idle().await;
    }

    async fn clean_up_after_earlier_process(&self) {
        // By default runs are stored in memory, so no run of an earlier process is alive.
        match self.inner.dispatcher.pipeline().sweep(&[]).await {
            Ok(swept) if swept.is_empty() => {}
            Ok(swept) => tracing::info!(runs = swept.len(), "cleaned up after an earlier process"),
            Err(error) => {
                let error = describe(&error);
                tracing::error!("cannot clean up everything that an earlier process left: {error}");
            }
        }
    }

    /// Serves `app`, which contains [`router`](crate::router), over HTTP, and executes runs as
    /// [`serve`](Self::serve) does, until `shutdown` is cancelled. Returns when all active responses and runs
    /// have ended.
    ///
    /// The server limits untrusted clients as `ccc serve` does: the time and the size of a
    /// request's head, the time in which a client must read a response, and the number of
    /// connections (spec: W1d). The server reads the rest of a refused request's body, so that the
    /// client receives the response (spec: W1e).
    pub async fn serve_http(
        &self,
        listener: TcpListener,
        app: Router,
        shutdown: CancellationToken,
    ) {
        self.log_warnings();
        if let Ok(address) = listener.local_addr() {
            tracing::info!("listening on http://{address}");
        }
        // The execution of runs is polled first, so that deliveries are accepted from the first
        // connection on.
        tokio::join!(self.execute(shutdown.clone()), http::serve(listener, app, shutdown.clone()));
    }
}
