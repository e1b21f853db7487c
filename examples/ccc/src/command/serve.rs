//! `ccc serve`: the self-hosted service.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use ccc_core::{CancellationToken, Error, ErrorKind, Result};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::http;
use crate::logging::init_log;
use crate::output::say;
use crate::remedy::describe;
use crate::routes::router;
use crate::service::Service;
use crate::signals::interrupted;
use crate::stored_credentials::StoredCredentials;

const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file. Default: ccc.toml in the current directory, if it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Replace stored credentials by the configured ones if they differ.
    #[arg(long)]
    use_configured: bool,
}

/// Runs the service until it is interrupted.
pub(super) async fn run(args: &ServeArgs) -> Result<()> {
    let config = Config::load_for_command(args.config.as_deref())?;
    init_log();
    // The handler is installed before slow work, because without it SIGHUP ends the program.
    let hangups = hangups();
    let stored = match args.use_configured {
        true => StoredCredentials::Replace,
        false => StoredCredentials::Prefer,
    };
    let service = Service::builder(&config).stored_credentials(stored).build().await?;
    show_admin_token(&service).await?;
    let listener = http::bind(config.listen.unwrap_or(DEFAULT_LISTEN)).await?;

    let shutdown = CancellationToken::new();
    let work = async {
        tokio::join!(
            service.serve_http(listener, router(service.clone()), shutdown.clone()),
            // This runs concurrently, because a slow host must not delay deliveries.
            shutdown.run_until_cancelled(log_identity(&service)),
            shutdown.run_until_cancelled(reload_on_hangup(hangups, &service))
        )
    };
    let signals = async {
        interrupted().await;
        tracing::info!(
            "shutting down: no more deliveries are accepted, and runs have limited time to finish; \
             interrupt again to end at once"
        );
        shutdown.cancel();
        interrupted().await;
    };
    tokio::select! {
        // The signals are polled first, so that their handlers are installed when the log reports
        // that the service listens.
        biased;
        () = signals => Err(Error::new(
            ErrorKind::Cancelled,
            "interrupted twice: ended before cleanup; the next start cleans up after the runs",
        )),
        _ = work => Ok(()),
    }
}

/// Shows the first admin token on a terminal. It is never logged, because logs are stored elsewhere.
async fn show_admin_token(service: &Service) -> Result<()> {
    if !std::io::stderr().is_terminal() {
        if !service.has_admin_token() {
            tracing::info!(
                "/config refuses all requests, because there is no admin token: \
                 `ccc config admin-token` issues one"
            );
        }
        return Ok(());
    }
    if let Some(token) = service.issue_first_admin_token().await? {
        say("The admin token of this service, for /config. It is shown only once:");
        say(&format!("\n  {}\n", token.expose_str()?));
    }
    Ok(())
}

/// Returns the stream of SIGHUP signals, each of which reloads the App at once instead of within a
/// minute. Returns `None` on a terminal: there the signal means that the terminal was closed, and
/// ends the program.
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

/// Logs the name of the account that the service has on the host.
async fn log_identity(service: &Service) {
    if service.is_waiting_for_app() {
        return;
    }
    match service.dispatcher().pipeline().host().bot_identity().await {
        Ok(bot) => tracing::info!("acting as {}", bot.login),
        // The service starts anyway, because the host can be down for a short time.
        Err(error) => tracing::error!(
            "cannot get the name of the App from the host (deliveries fail until this works): {}",
            describe(&error)
        ),
    }
}
