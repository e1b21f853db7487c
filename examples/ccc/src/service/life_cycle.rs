//! The life cycle of a service: warnings, cleanup after an earlier process, runs, shutdown.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use ccc_core::{CancellationToken, RunId};
use tokio::net::TcpListener;

use crate::app::WAITING_FOR_APP;
use crate::http;
use crate::remedy::describe;
use crate::service::Service;
use crate::service::stop_limits::StopLimits;

/// Time between two searches for unused access tokens.
const BETWEEN_REVOCATIONS: Duration = Duration::from_secs(60);

impl Service {
    /// Executes accepted runs until `shutdown` is cancelled. Works in this order:
    ///
    /// 1. Logs the warnings about the configuration.
    /// 2. At the first call, cleans up after an earlier process that was killed. Takes over the
    ///    access tokens of that process. Removes the containers and directories of its runs, except
    ///    those of runs that are unfinished in the run store. Logs the ids of unfinished runs that
    ///    cannot be read. An error is logged and does not stop the service.
    /// 3. Executes runs. Every minute, reloads the App from the store, and revokes access tokens that
    ///    were not used for 15 minutes. Gets missed deliveries at once, and then every 5 minutes.
    /// 4. After `shutdown` is cancelled, accepts no more deliveries. Active runs may continue for 19 s,
    ///    and are then released.
    /// 5. Cleans up after the runs, and revokes the access tokens that no run uses, for at most 3 s.
    ///    The next start of the service does the rest.
    ///
    /// The service manages access tokens only if the VCS host is GitHub. If `serve` is called while
    /// an earlier call is in progress, the new call waits until the earlier call has ended.
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
        let mut cleaned_up = self.inner.cleaned_up.lock().await;
        // Deliveries are accepted during the cleanup too.
        let _serving = self.inner.dispatcher.begin_serving(&shutdown);
        if !*cleaned_up {
            self.take_over_tokens().await;
            self.clean_up_after_earlier_process().await;
            *cleaned_up = true;
        }
        let StopLimits { drain, cleanup } = self.inner.stop;
        let late = async {
            shutdown.cancelled().await;
            self.inner.clock.sleep(drain.saturating_add(cleanup)).await;
        };
        tokio::select! {
            () = self.execute_and_clean_up(&shutdown) => {}
            () = late => tracing::warn!(
                "the service ends before the cleanup of its runs has ended: its next start does the rest"
            ),
        }
    }

    /// Executes runs until `shutdown` is cancelled and the runs have ended. Then revokes the access
    /// tokens.
    async fn execute_and_clean_up(&self, shutdown: &CancellationToken) {
        let dispatcher = &self.inner.dispatcher;
        let unused = self.revoke_unused_tokens_until(shutdown);
        let missed = self.reconcile_until(shutdown);
        match &self.inner.app {
            Some(app) => {
                let polling = app.poll(&*self.inner.clock, shutdown);
                tokio::join!(dispatcher.serve(shutdown.clone()), polling, unused, missed);
            }
            None => {
                tokio::join!(dispatcher.serve(shutdown.clone()), unused, missed);
            }
        }
        if let Some(github) = &self.inner.github {
            github.revoke_idle().await;
        }
    }

    /// Revokes unused access tokens every minute, until `shutdown` is cancelled.
    async fn revoke_unused_tokens_until(&self, shutdown: &CancellationToken) {
        let Some(github) = &self.inner.github else { return };
        let clock = &self.inner.clock;
        while shutdown.run_until_cancelled(clock.sleep(BETWEEN_REVOCATIONS)).await.is_some() {
            github.revoke_unused().await;
        }
    }

    /// Gets missed deliveries, until `shutdown` is cancelled.
    async fn reconcile_until(&self, shutdown: &CancellationToken) {
        let Some(reconciler) = &self.inner.reconciler else { return };
        let is_ready = || !self.is_waiting_for_app();
        shutdown.run_until_cancelled(reconciler.repeat(&*self.inner.clock, is_ready)).await;
    }

    async fn take_over_tokens(&self) {
        let Some(github) = &self.inner.github else { return };
        match github.take_over().await {
            Ok(0) => {}
            Ok(tokens) => tracing::info!(tokens, "took over access tokens of an earlier process"),
            Err(error) => {
                let error = describe(&error);
                tracing::error!(
                    "cannot take over the access tokens of an earlier process (these tokens stay valid until they \
                     expire): {error}"
                );
            }
        }
    }

    async fn clean_up_after_earlier_process(&self) {
        let swept = match self.inner.dispatcher.store().unfinished().await {
            Ok(keep) => {
                self.log_unreadable(&keep).await;
                self.inner.dispatcher.pipeline().sweep(&keep).await
            }
            Err(error) => Err(error),
        };
        match swept {
            Ok(swept) if swept.is_empty() => {}
            Ok(swept) => tracing::info!(runs = swept.len(), "cleaned up after an earlier process"),
            Err(error) => {
                let error = describe(&error);
                tracing::error!("cannot complete the cleanup after an earlier process: {error}");
            }
        }
    }

    /// Logs each of `runs` that cannot be read (spec: Q3e).
    async fn log_unreadable(&self, runs: &[RunId]) {
        let store = self.inner.dispatcher.store();
        for run in runs {
            if let Err(error) = store.get(*run).await {
                let error = describe(&error);
                tracing::error!(
                    "run {run} cannot be continued, and its container and files are kept: {error}"
                );
            }
        }
    }

    /// Serves `app` over HTTP until `shutdown` is cancelled, and executes runs as
    /// [`serve`](Self::serve) does. `app` must contain the routes of [`router`](crate::router).
    /// Returns after active responses and runs have ended. Deliveries are accepted from the first
    /// connection on.
    ///
    /// The server has the same limits for untrusted clients as the command `ccc serve`. It limits
    /// the time and the size of a request's head, the time during which a client reads no part of
    /// its response, and the number of connections (spec: W1d, W12). If the server refuses a request,
    /// it reads and discards the rest of the request's body, so that the client receives the response
    /// (spec: W1e). If `app` mounts the routes under a path, the server still recognizes deliveries by
    /// the end of their path.
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
        let serving = http::serve(listener, app, self.clients(), shutdown.clone());
        tokio::join!(self.execute(shutdown.clone()), serving);
    }

    /// Returns the rules by which the HTTP server classifies requests.
    fn clients(&self) -> http::Clients {
        let app = self.inner.app.clone();
        http::Clients {
            trusted_proxies: self.inner.trusted_proxies.clone(),
            admits_admin: Arc::new(move |headers: &HeaderMap| {
                let token = app.as_ref().and_then(|app| app.admin_token());
                token.is_some_and(|token| token.admits(headers).is_some())
            }),
        }
    }
}
