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
    /// If a configured credential differs from the stored credential, replace the stored
    /// credential. Without this flag, the stored credential is used.
    #[arg(long)]
    use_configured: bool,
}

/// Starts the service, and stops it when the program is interrupted.
pub(super) async fn run(args: &ServeArgs) -> Result<()> {
    let config = Config::load_for_command(args.config.as_deref())?;
    init_log();
    let listen = config.listen.unwrap_or(DEFAULT_LISTEN);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting, with `listen` = {listen}");
    // The handler of SIGHUP is installed before slow work, because without a handler the signal
    // ends the program.
    let hangups = hangups();
    let stored = match args.use_configured {
        true => StoredCredentials::Replace,
        false => StoredCredentials::Prefer,
    };
    let service = Service::builder(&config).stored_credentials(stored).build().await?;
    show_admin_token(&service).await?;
    let listener = http::bind(listen).await?;

    let shutdown = CancellationToken::new();
    let work = async {
        tokio::join!(
            service.serve_http(listener, router(service.clone()), shutdown.clone()),
            // The account is requested concurrently, because a slow VCS host must not delay
            // deliveries.
            shutdown.run_until_cancelled(log_identity(&service)),
            shutdown.run_until_cancelled(reload_on_hangup(hangups, &service))
        )
    };
    let signals = async {
        interrupted().await;
        tracing::info!(
            "shutting down: no more deliveries are accepted, and runs have limited time to finish; \
             interrupt again to end the program at once"
        );
        shutdown.cancel();
        interrupted().await;
    };
    tokio::select! {
        // `signals` is polled first, so that the signal handlers are installed before the log
        // reports that the service listens.
        biased;
        () = signals => Err(Error::new(
            ErrorKind::Cancelled,
            "the program was interrupted twice and ended before the cleanup of its runs; the next start of the \
             service does this cleanup",
        )),
        _ = work => Ok(()),
    }
}

/// Issues and prints an admin token if the service has no admin token and standard error is a
/// terminal. If standard error is not a terminal, only logs that the service has no admin token.
/// The token itself is never logged, because other systems can store the logs.
async fn show_admin_token(service: &Service) -> Result<()> {
    if !std::io::stderr().is_terminal() {
        if !service.has_admin_token() {
            tracing::info!(
                "the route /config refuses all requests, because there is no admin token: \
                 `ccc config admin-token` issues a token"
            );
        }
        return Ok(());
    }
    if let Some(token) = service.issue_first_admin_token().await? {
        say("The admin token for the route /config follows. This token is shown only once:");
        say(&format!("\n  {}\n", token.expose_str()?));
    }
    Ok(())
}

/// Returns the stream of SIGHUP signals, each of which makes the service reload the GitHub App from
/// the credential store. Returns `None` if standard error is a terminal, because SIGHUP then means
/// that the terminal was closed. In this case SIGHUP ends the program.
fn hangups() -> Option<Signal> {
    if std::io::stderr().is_terminal() { None } else { signal(SignalKind::hangup()).ok() }
}

/// Reloads the GitHub App from the credential store at each SIGHUP. The service also reloads the
/// App every minute, independently of this function.
async fn reload_on_hangup(hangups: Option<Signal>, service: &Service) {
    let Some(mut hangups) = hangups else { return };
    while hangups.recv().await.is_some() {
        service.reload().await;
    }
}

/// Logs the name of the service's account on the VCS host.
async fn log_identity(service: &Service) {
    if service.is_waiting_for_app() {
        return;
    }
    match service.dispatcher().pipeline().host().bot_identity().await {
        Ok(bot) => tracing::info!("the account of the service on the VCS host is {}", bot.login),
        // This error does not stop the service, because the VCS host can be down for a short time.
        Err(error) => tracing::error!(
            "cannot get the name of the App from the VCS host (deliveries fail until the host answers): {}",
            describe(&error)
        ),
    }
}
