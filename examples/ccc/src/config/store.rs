//! Settings of the credential store and its encryption key.

use std::path::{Path, PathBuf};

use ccc_core::{Result, Secret};
use serde::Deserialize;

use crate::config::invalid::invalid;
use crate::config::secret::secret;

/// Settings of the credential store and its encryption key.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct StoreConfig {
    /// The kind of credential store: `file`, `durable-object` or `memory`. The contents of a
    /// `memory` store are lost when the process ends.
    pub kind: String,
    /// The directory of a `file` store. Default: `credentials` in the data directory.
    pub directory: Option<PathBuf>,
    /// The file with the encryption key. The file can contain several keys, the newest first.
    /// Default: `credentials.key` in the data directory. This default file is created for a new
    /// store.
    pub key_file: Option<PathBuf>,
    /// The file with a passphrase. The encryption key is derived from this passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// The URL of a `durable-object` store, such as
    /// `https://ccc.example.workers.dev/credentials/main`.
    pub url: Option<String>,
    /// The file with the secret that signs messages to the Cloudflare Worker of a `durable-object`
    /// store. The Worker knows this secret as `CREDENTIALS_SECRET`.
    pub secret_file: Option<PathBuf>,
    #[serde(skip)]
    pub(super) key: Option<Secret>,
    #[serde(skip)]
    pub(super) passphrase: Option<Secret>,
    #[serde(skip)]
    pub(super) secret: Option<Secret>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            kind: "file".to_owned(),
            directory: None,
            key_file: None,
            passphrase_file: None,
            url: None,
            secret_file: None,
            key: None,
            passphrase: None,
            secret: None,
        }
    }
}

/// The source of the encryption key of the credential store.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// The text of one or several keys.
    Key(Secret),
    /// A passphrase from which the key is derived.
    Passphrase(Secret),
    /// The key file `path`, which contains one or several keys. A missing key file is created only
    /// if `create` is true and the credential store is new.
    File { path: PathBuf, create: bool },
}

impl StoreConfig {
    /// Returns the configured source of the encryption key. The default is the file
    /// `credentials.key` in `data_dir`.
    pub(crate) fn key_source(&self, data_dir: &Path) -> Result<KeySource> {
        let given = [
            self.key.is_some(),
            self.passphrase.is_some(),
            self.key_file.is_some(),
            self.passphrase_file.is_some(),
        ];
        if given.iter().filter(|given| **given).count() > 1 {
            let line = "more than one of store.key, store.key_file, store.passphrase and store.passphrase_file is \
                        set: remove all but one of these settings";
            return Err(invalid(line.to_owned()));
        }
        if let Some(key) = &self.key {
            return Ok(KeySource::Key(key.clone()));
        }
        if self.passphrase.is_some() || self.passphrase_file.is_some() {
            let file = self.passphrase_file.as_deref();
            let passphrase = secret("store", "passphrase", &self.passphrase, file)?;
            return Ok(KeySource::Passphrase(passphrase));
        }
        Ok(match &self.key_file {
            Some(path) => KeySource::File { path: path.clone(), create: false },
            None => KeySource::File { path: data_dir.join("credentials.key"), create: true },
        })
    }

    /// Returns the secret that signs messages to the Cloudflare Worker of a `durable-object` store.
    pub(crate) fn secret(&self) -> Result<Secret> {
        let secret = secret("store", "secret", &self.secret, self.secret_file.as_deref())?;
        Ok(Secret::new(secret.expose().trim_ascii()))
    }
}
