//! The log of the service: format, level and destination.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Installs the logger, which writes to standard error: text lines if standard error is a terminal,
/// otherwise JSON. The environment variable `CCC_LOG` contains the filter; the default is `info`.
pub(crate) fn init_log() {
    let filter = EnvFilter::try_from_env("CCC_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // This fails if the embedding program has already installed a logger. That logger then remains
    // in use.
    let _ = if std::io::stderr().is_terminal() { log.try_init() } else { log.json().try_init() };
}
