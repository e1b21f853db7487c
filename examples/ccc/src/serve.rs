//! `ccc serve`: the self-hosted service.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ccc_core::{CancellationToken, Error, ErrorKind, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::{ServeArgs, interrupted, say};
use crate::show::Logged;
use crate::{Config, Service, config, http, router};

const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// The file that is named, or `ccc.toml` when there is one.
pub(crate) fn config_file(named: Option<&Path>) -> Option<&Path> {
    let default = Path::new("ccc.toml");
    named.or_else(|| default.exists().then_some(default))
}

pub(crate) async fn serve(args: &ServeArgs) -> Result<()> {
    let config = Config::load(config_file(args.config.as_deref()), config::environment()?)?;
    log();
    // Before all that takes time: until then the signal would end us.
    let hangups = hangups();
    let service = Service::observed(&config, Arc::new(Logged)).await?;
    admin_token(&service).await?;
    for rule in &config.model.dangerously_without {
        tracing::warn!(
            "the model proxy runs without its rule {rule}, as model.dangerously_without says"
        );
    }
    let listener = bind(config.listen.unwrap_or(DEFAULT_LISTEN)).await?;

    let shutdown = CancellationToken::new();
    let work = async {
        announce(&service, &listener);
        tokio::join!(
            service.serve(shutdown.clone()),
            http::serve(listener, router(service.clone()), shutdown.clone()),
            // Beside the work: a host that is slow to answer holds no delivery up.
            shutdown.run_until_cancelled(introduce(&service)),
            shutdown.run_until_cancelled(look_on(hangups, &service))
        )
    };
    let signals = async {
        interrupted().await;
        tracing::info!("asked to end: taking no more deliveries, finishing what runs");
        shutdown.cancel();
        interrupted().await;
    };
    tokio::select! {
        // Whoever reads that we listen may ask us to end.
        biased;
        () = signals => Err(Error::new(
            ErrorKind::Cancelled,
            "asked twice: ended at once; what is left of runs is swept at the next start",
        )),
        _ = work => Ok(()),
    }
}

pub(crate) async fn bind(address: SocketAddr) -> Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(address).await.map_err(|e| {
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot listen on {address}: choose another address, or end what uses it"),
        )
        .with_source(e)
    })
}

/// What an operator should know before the first delivery.
fn announce(service: &Service, listener: &tokio::net::TcpListener) {
    let pipeline = service.dispatcher().pipeline();
    if let Ok(address) = listener.local_addr() {
        tracing::info!("listening on http://{address}, deliveries go to /webhook/github");
    }
    if service.waits() {
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

/// The first admin token, for the person at the terminal and for nothing that keeps what it reads.
async fn admin_token(service: &Service) -> Result<()> {
    if !std::io::stderr().is_terminal() {
        if !service.has_admin() {
            tracing::info!(
                "/config answers nobody yet: `ccc config admin-token` makes an admin token"
            );
        }
        return Ok(());
    }
    if let Some(token) = service.first_token().await? {
        say("The admin token of this service, for /config. It is shown this once:");
        say(&format!("\n  {}\n", token.expose_str()?));
    }
    Ok(())
}

/// On SIGHUP it takes what the store says at once, and not within a minute. On a terminal that signal says that the
/// terminal is gone, and ends the program.
fn hangups() -> Option<Signal> {
    if std::io::stderr().is_terminal() { None } else { signal(SignalKind::hangup()).ok() }
}

async fn look_on(hangups: Option<Signal>, service: &Service) {
    let Some(mut hangups) = hangups else { return };
    while hangups.recv().await.is_some() {
        service.look().await;
    }
}

/// Who we are to the host.
async fn introduce(service: &Service) {
    if service.waits() {
        return;
    }
    match service.dispatcher().pipeline().host().bot_identity().await {
        Ok(us) => tracing::info!("acting as {}", us.login),
        // The host may be down for a minute; a delivery that comes now is answered 503.
        Err(error) => tracing::error!("the host does not know us yet: {error}"),
    }
}

fn log() {
    let filter = EnvFilter::try_from_env("CCC_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second logger in one process is the embedder's own; it stays.
    let _ = if std::io::stderr().is_terminal() { log.try_init() } else { log.json().try_init() };
}
