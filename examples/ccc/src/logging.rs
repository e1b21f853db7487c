//! The log of the service: format, level and destination.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts the log on standard error: as text lines on a terminal, otherwise as JSON. The variable
/// `CCC_LOG` contains the filter.
pub(crate) fn init_log() {
    let filter = EnvFilter::try_from_env("CCC_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // If the embedding program has installed a logger, this fails and that logger stays.
    let _ = if std::io::stderr().is_terminal() { log.try_init() } else { log.json().try_init() };
}
