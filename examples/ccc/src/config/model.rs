//! Settings of the model's API, and of the credential that the model proxy adds to requests.

use std::path::PathBuf;

use ccc_core::{Result, Secret};
use ccc_runner::{CredentialKind, ModelPattern, ModelProxy, Price, PriceTable, Rule, Rules};
use serde::Deserialize;

use crate::config::invalid::invalid;
use crate::config::secret::shown_path;

/// Settings of the model's API, which the model proxy calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// The URL of the model's API, or of a gateway for this API, including the path. Default:
    /// Anthropic's API.
    pub url: Option<String>,
    /// The PEM file with the certificates of the certificate authorities that are trusted for
    /// connections to the model's API. Default: the certificates of the system.
    pub ca_file: Option<PathBuf>,
    /// The file with an API key for the model's API.
    pub api_key_file: Option<PathBuf>,
    /// The file with the OAuth token that `claude setup-token` prints for a Claude subscription.
    pub oauth_token_file: Option<PathBuf>,
    /// The file with the token that a gateway for the model's API expects in the header
    /// `Authorization: Bearer TOKEN`.
    pub bearer_token_file: Option<PathBuf>,
    /// The models that runs may use: names, or prefixes of names followed by `*`.
    pub allowed: Option<Vec<String>>,
    /// Prices of models. These prices take precedence over the built-in price list.
    pub price: Vec<PriceConfig>,
    /// The rules of the model proxy that are turned off.
    pub dangerously_without: Vec<Rule>,
    #[serde(skip)]
    api_key: Option<Secret>,
    #[serde(skip)]
    oauth_token: Option<Secret>,
    #[serde(skip)]
    bearer_token: Option<Secret>,
}

/// The prices of a model, in US dollars per million tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// The name of the model, or a prefix of names followed by `*`.
    pub model: String,
    /// The price of a million input tokens, in US dollars.
    pub input: f64,
    /// The price of a million output tokens, in US dollars.
    pub output: f64,
}

impl ModelConfig {
    /// Sets the secrets of the section `model`. `take` gets the name of a secret, such as
    /// `api_key`, and returns the value of this secret.
    pub(super) fn set_secrets(&mut self, take: impl Fn(&str) -> Option<Secret>) {
        // An empty environment variable counts as not set, because empty variables are often used
        // with this meaning.
        let take = |key| take(key).filter(|secret| !secret.expose().trim_ascii().is_empty());
        self.api_key = take("api_key");
        self.oauth_token = take("oauth_token");
        self.bearer_token = take("bearer_token");
    }

    /// Replaces all settings of the model's API by `url` and `key`, the URL and the API key of a
    /// scripted model on this host machine.
    #[cfg(feature = "emulator")]
    pub(crate) fn use_scripted(&mut self, url: &str, key: &Secret) {
        *self = Self { url: Some(url.to_owned()), api_key: Some(key.clone()), ..Self::default() };
    }

    /// Returns the configured credential for the model's API, or `None` if no credential is
    /// configured.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if several credentials are
    /// configured, or if the file with the credential cannot be read.
    pub fn credential(&self) -> Result<Option<(CredentialKind, Secret)>> {
        let all = [
            (CredentialKind::ApiKey, "api_key", &self.api_key, &self.api_key_file),
            (CredentialKind::OAuthToken, "oauth_token", &self.oauth_token, &self.oauth_token_file),
            (
                CredentialKind::BearerToken,
                "bearer_token",
                &self.bearer_token,
                &self.bearer_token_file,
            ),
        ];
        let mut set = all.iter().filter(|(_, _, value, file)| value.is_some() || file.is_some());
        let Some((kind, key, value, file)) = set.next() else { return Ok(None) };
        if let Some((_, other, ..)) = set.next() {
            let name = |key| match key {
                "api_key" => "model.api_key (ANTHROPIC_API_KEY)",
                "oauth_token" => "model.oauth_token (CLAUDE_CODE_OAUTH_TOKEN)",
                _ => "model.bearer_token (ANTHROPIC_AUTH_TOKEN)",
            };
            return Err(invalid(format!(
                "both {} and {} are set: remove one of these settings",
                name(*key),
                name(*other)
            )));
        }
        let read = |file: &PathBuf| -> Result<Secret> {
            let bytes = std::fs::read(file).map_err(|e| {
                let shown = shown_path(file);
                invalid(format!("cannot read {shown}, which the setting model.{key}_file names"))
                    .with_source(e)
            })?;
            Ok(Secret::new(bytes.trim_ascii().to_vec()))
        };
        // Here the value or the file is set, because `set` contains only such entries.
        let secret = (*value).clone().map(Ok).or_else(|| file.as_ref().map(read)).transpose()?;
        Ok(secret.map(|secret| (*kind, secret)))
    }

    /// Starts a model proxy with these settings.
    ///
    /// # Errors
    /// The errors of [`ModelProxyBuilder::start`](ccc_runner::ModelProxyBuilder::start), and
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for an invalid price or a
    /// certificate file that cannot be read.
    pub async fn proxy(&self) -> Result<ModelProxy> {
        let mut rules = Rules::default();
        if let Some(models) = &self.allowed {
            rules = rules.with_models(models.iter().map(ModelPattern::new));
        }
        for rule in &self.dangerously_without {
            rules = rules.dangerously_without(*rule);
        }
        let mut rows = Vec::new();
        for (at, row) in self.price.iter().enumerate() {
            if !(0.0..=1e6).contains(&row.input) || !(0.0..=1e6).contains(&row.output) {
                let line = format!(
                    "entry {} of model.price is invalid: set prices from 0 to 1000000 US dollars per million \
                     tokens",
                    at + 1
                );
                return Err(invalid(line));
            }
            rows.push((ModelPattern::new(&row.model), Price::from_dollars(row.input, row.output)));
        }
        let mut proxy = ModelProxy::builder().rules(rules).prices(PriceTable::default().with(rows));
        if let Some(url) = &self.url {
            proxy = proxy.upstream(url);
        }
        let ca = self.ca_file.as_ref().map(|file| {
            let shown = shown_path(file);
            std::fs::read(file).map_err(|e| {
                invalid(format!("cannot read {shown}, which the setting model.ca_file names"))
                    .with_source(e)
            })
        });
        proxy.ca_pem(ca.transpose()?).start().await
    }
}
