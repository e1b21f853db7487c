//! The log of the service: format, level and destination.

use std::io::{self, IsTerminal as _, Write};

use ccc_core::observe::Redactor;
use tracing_subscriber::EnvFilter;

/// Installs the logger, which writes to standard error: text lines if standard error is a terminal,
/// otherwise JSON. The environment variable `CCC_LOG` contains the filter; the default is `info`.
pub(crate) fn init_log() {
    let filter = EnvFilter::try_from_env("CCC_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| WithoutSecrets(io::stderr()));
    // This fails if the embedding program has already installed a logger. That logger then remains
    // in use.
    let _ = if io::stderr().is_terminal() { log.try_init() } else { log.json().try_init() };
}

/// A writer that removes text in the form of a token or a private key (spec: S6c). The logger writes
/// each line with one call. A line that cannot be written is lost, because the service must continue
/// if the disk of its log is full or if no process reads its log.
struct WithoutSecrets<W>(W);

impl<W: Write> Write for WithoutSecrets<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let _ = self.0.write_all(Redactor::default().clean(&text).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full disk.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_line_that_cannot_be_written_is_no_error() {
        // The logger reports an error on standard error, and panics if that fails too.
        let mut log = WithoutSecrets(Full);
        assert!(log.write_all(b"line\n").and_then(|()| log.flush()).is_ok());
    }

    #[test]
    fn a_logged_token_is_replaced() {
        // spec: S6c
        let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
        let mut written = Vec::new();
        let line = format!("{{\"message\":\"the host said {token}\"}}\n");
        WithoutSecrets(&mut written).write_all(line.as_bytes()).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert!(written.contains("the host said ") && written.ends_with("\n"), "{written}");
        assert!(!written.contains("a1B2c3"), "{written}");
    }
}
