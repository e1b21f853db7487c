//! The GitHub App.

use std::path::PathBuf;

use ccc_core::{Result, Secret};
use serde::Deserialize;

use crate::config::secret::secret;

/// The GitHub App.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct GitHubConfig {
    /// Its number.
    pub app_id: Option<u64>,
    /// The file with its private key, PEM; line breaks may be written as `\n`.
    pub private_key_file: Option<PathBuf>,
    /// The file with the webhook secret; a second line is the previous one, still valid.
    pub webhook_secret_file: Option<PathBuf>,
    /// `https://api.github.com`, or `https://HOST/api/v3`.
    pub api_url: Option<String>,
    /// Certificates, PEM, of the authorities that are trusted; without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// The least time from one write to the next; a second unless the host has no such limit.
    pub write_spacing_ms: Option<u64>,
    /// What every request to the host and every transfer goes through; it may hold a password.
    #[serde(skip)]
    pub proxy: Option<Secret>,
    #[serde(skip)]
    pub(super) private_key: Option<Secret>,
    #[serde(skip)]
    pub(super) webhook_secret: Option<Secret>,
}

impl GitHubConfig {
    /// The App's private key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) says which setting is missing
    /// or which file cannot be read.
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

    /// The webhook secrets, the current one first.
    ///
    /// # Errors
    /// As [`private_key`](Self::private_key).
    pub fn webhook_secrets(&self) -> Result<Vec<Secret>> {
        let file = self.webhook_secret_file.as_deref();
        let all = secret("github", "webhook_secret", &self.webhook_secret, file)?;
        let lines = all.expose_str()?.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(lines.map(Secret::from).collect())
    }
}
