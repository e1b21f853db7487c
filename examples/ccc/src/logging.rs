//! The log of the service: its format, its level, its destination.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts the log on standard error: as lines on a terminal, else as JSON. `CCC_LOG` has the filter.
pub(crate) fn init_log() {
    let filter = EnvFilter::try_from_env("CCC_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A logger that the embedder installed stays.
    let _ = if std::io::stderr().is_terminal() { log.try_init() } else { log.json().try_init() };
}
