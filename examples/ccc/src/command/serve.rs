//! `ccc serve`: the self-hosted service.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ccc_core::{CancellationToken, Error, ErrorKind, Result};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::http;
use crate::logging::init_log;
use crate::observers::LogObserver;
use crate::output::say;
use crate::remedy::describe;
use crate::routes::router;
use crate::service::Service;
use crate::signals::interrupted;

const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file. Default: ccc.toml, when there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the service until it is interrupted.
pub(super) async fn run(args: &ServeArgs) -> Result<()> {
    let config = Config::load_for_command(args.config.as_deref())?;
    init_log();
    // Before anything that takes time: until then SIGHUP ends the program.
    let hangups = hangups();
    let service = Service::with_observer(&config, Arc::new(LogObserver)).await?;
    show_admin_token(&service).await?;
    for rule in &config.model.dangerously_without {
        tracing::warn!(
            "the model proxy runs without its rule {rule}, as model.dangerously_without says"
        );
    }
    let listener = http::bind(config.listen.unwrap_or(DEFAULT_LISTEN)).await?;

    let shutdown = CancellationToken::new();
    let work = async {
        announce(&service, &listener);
        tokio::join!(
            service.serve(shutdown.clone()),
            http::serve(listener, router(service.clone()), shutdown.clone()),
            // Concurrently: a host that is slow to answer must not delay deliveries.
            shutdown.run_until_cancelled(log_identity(&service)),
            shutdown.run_until_cancelled(reload_on_hangup(hangups, &service))
        )
    };
    let signals = async {
        interrupted().await;
        tracing::info!("asked to end: taking no more deliveries, finishing what runs");
        shutdown.cancel();
        interrupted().await;
    };
    tokio::select! {
        // A signal may come as soon as the log says that the service listens.
        biased;
        () = signals => Err(Error::new(
            ErrorKind::Cancelled,
            "asked twice: ended at once; what is left of runs is swept at the next start",
        )),
        _ = work => Ok(()),
    }
}

/// Logs what the operator should know before the first delivery.
fn announce(service: &Service, listener: &tokio::net::TcpListener) {
    let pipeline = service.dispatcher().pipeline();
    if let Ok(address) = listener.local_addr() {
        tracing::info!("listening on http://{address}, deliveries go to /webhook/github");
    }
    if service.is_waiting_for_app() {
        tracing::warn!(
            "no GitHub App is in use: deliveries are put off until `POST /config` or `ccc config set` brings one"
        );
    }
    tracing::warn!("runs are kept in memory: what is accepted dies with this process");
    if !pipeline.runner().capabilities().isolated {
        tracing::warn!(
            "the {} runner isolates nothing: an agent can do whatever its user can",
            pipeline.runner().name()
        );
    }
}

/// Shows the first admin token, on a terminal only: logs are stored elsewhere.
async fn show_admin_token(service: &Service) -> Result<()> {
    if !std::io::stderr().is_terminal() {
        if !service.has_admin_token() {
            tracing::info!(
                "/config answers nobody yet: `ccc config admin-token` makes an admin token"
            );
        }
        return Ok(());
    }
    if let Some(token) = service.issue_first_admin_token().await? {
        say("The admin token of this service, for /config. It is shown this once:");
        say(&format!("\n  {}\n", token.expose_str()?));
    }
    Ok(())
}

/// Returns the stream of SIGHUP, which reloads the App at once instead of within a minute. On a
/// terminal the signal means that the terminal is gone, and ends the program.
fn hangups() -> Option<Signal> {
    if std::io::stderr().is_terminal() { None } else { signal(SignalKind::hangup()).ok() }
}

/// Reloads the App at each SIGHUP.
async fn reload_on_hangup(hangups: Option<Signal>, service: &Service) {
    let Some(mut hangups) = hangups else { return };
    while hangups.recv().await.is_some() {
        service.reload().await;
    }
}

/// Logs the account that the host knows this service as.
async fn log_identity(service: &Service) {
    if service.is_waiting_for_app() {
        return;
    }
    match service.dispatcher().pipeline().host().bot_identity().await {
        Ok(bot) => tracing::info!("acting as {}", bot.login),
        // The host may be down for a minute; a delivery that comes now is answered 503.
        Err(error) => tracing::error!("the host does not know us yet: {}", describe(&error)),
    }
}
