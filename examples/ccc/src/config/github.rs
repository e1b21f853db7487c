//! Settings of the GitHub App, and of the access to GitHub.

use std::path::PathBuf;

use ccc_core::reconciler::MissedDeliveries;
use ccc_core::{Result, Secret};
use serde::Deserialize;

use crate::config::invalid::invalid;
use crate::config::secret::secret;

/// Settings of the GitHub App, and of the access to GitHub.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GitHubConfig {
    /// The ID of the GitHub App.
    pub app_id: Option<u64>,
    /// The file with the App's private key in PEM format. Line breaks can be written as `\n`.
    pub private_key_file: Option<PathBuf>,
    /// The file with the webhook secrets, one per line. The first line is the current secret. The
    /// other lines are previous secrets that are still accepted.
    pub webhook_secret_file: Option<PathBuf>,
    /// The URL of GitHub's API: `https://api.github.com` (the default), or `https://HOST/api/v3`.
    pub api_url: Option<String>,
    /// The PEM file with the certificates of the certificate authorities that are trusted for
    /// connections to GitHub. Default: the certificates of the system.
    pub ca_file: Option<PathBuf>,
    /// Minimum time between two writes to GitHub, in milliseconds. Default: one second, as GitHub
    /// recommends. 0 turns off this pause, and also the limit for the number of writes per hour.
    pub write_spacing_ms: Option<u64>,
    /// The way in which deliveries are obtained that did not reach the service.
    pub missed_deliveries: MissedDeliveriesKind,
    /// The URL of the proxy for every request to the VCS host and every git transfer. The URL is a
    /// secret, because it can contain a password.
    #[serde(skip)]
    pub proxy: Option<Secret>,
    #[serde(skip)]
    pub(super) private_key: Option<Secret>,
    #[serde(skip)]
    pub(super) webhook_secret: Option<Secret>,
}

/// A way in which deliveries are obtained that did not reach the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissedDeliveriesKind {
    /// GitHub is asked to send them again.
    #[default]
    Redeliver,
    /// They are read from GitHub's log of deliveries. Use this value if GitHub cannot reach the
    /// service.
    Log,
}

impl From<MissedDeliveriesKind> for MissedDeliveries {
    fn from(kind: MissedDeliveriesKind) -> Self {
        match kind {
            MissedDeliveriesKind::Redeliver => Self::Redeliver,
            MissedDeliveriesKind::Log => Self::ReadFromLog,
        }
    }
}

impl GitHubConfig {
    /// Returns the App's private key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if no private key is
    /// configured, or if the file with the key cannot be read.
    pub fn private_key(&self) -> Result<Secret> {
        secret("github", "private_key", &self.private_key, self.private_key_file.as_deref())
    }

    /// Returns whether a private key is configured.
    pub(crate) fn has_private_key(&self) -> bool {
        self.private_key.is_some() || self.private_key_file.is_some()
    }

    /// Returns whether a webhook secret is configured.
    pub(crate) fn has_webhook_secret(&self) -> bool {
        self.webhook_secret.is_some() || self.webhook_secret_file.is_some()
    }

    /// Removes the private key from these settings.
    pub(crate) fn clear_private_key(&mut self) {
        (self.private_key, self.private_key_file) = (None, None);
    }

    /// Removes the webhook secrets from these settings.
    pub(crate) fn clear_webhook_secret(&mut self) {
        (self.webhook_secret, self.webhook_secret_file) = (None, None);
    }

    /// Returns the webhook secrets. The first secret is the current secret.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if no webhook secret is
    /// configured, or if the file with the secrets cannot be read;
    /// [`ErrorKind::Corrupt`](ccc_core::ErrorKind::Corrupt) if the secrets are not UTF-8.
    pub fn webhook_secrets(&self) -> Result<Vec<Secret>> {
        let file = self.webhook_secret_file.as_deref();
        let all = secret("github", "webhook_secret", &self.webhook_secret, file)?;
        let text = all.expose_str()?.trim_start_matches('\u{feff}');
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let is_quoted = |line: &str| {
            let is_in = |quote| line.len() > 1 && line.starts_with(quote) && line.ends_with(quote);
            is_in('"') || is_in('\'')
        };
        if lines.clone().any(is_quoted) {
            let line =
                "a webhook secret is in quotes, which GitHub does not have: remove the quotes";
            return Err(invalid(line.to_owned()));
        }
        Ok(lines.map(Secret::from).collect())
    }
}
