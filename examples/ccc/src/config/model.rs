//! Settings of the model's API, and the credential that the model proxy adds to requests.

use std::path::PathBuf;

use ccc_core::{Result, Secret};
use ccc_runner::{CredentialKind, ModelPattern, ModelProxy, Price, PriceTable, Rule, Rules};
use serde::Deserialize;

use crate::config::invalid::invalid;

/// Settings of the model's API, which the model proxy calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// The URL of the API or of a gateway, with its path. Default: Anthropic's API.
    pub url: Option<String>,
    /// The file with the trusted certificate authorities' certificates, in PEM format. Default: those
    /// of the system.
    pub ca_file: Option<PathBuf>,
    /// The file with an API key.
    pub api_key_file: Option<PathBuf>,
    /// The file with the token of a subscription, as printed by `claude setup-token`.
    pub oauth_token_file: Option<PathBuf>,
    /// The file with the token that a gateway expects in `Authorization: Bearer`.
    pub bearer_token_file: Option<PathBuf>,
    /// The models that runs may use: names, or prefixes of names followed by `*`.
    pub allowed: Option<Vec<String>>,
    /// Prices that take precedence over the built-in list.
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

/// The price of one million tokens of a model, in US dollars.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// The name of the model, or a prefix of names followed by `*`.
    pub model: String,
    /// The price of a million input tokens.
    pub input: f64,
    /// The price of a million output tokens.
    pub output: f64,
}

impl ModelConfig {
    /// Sets the secrets. `take` returns a secret by its key.
    pub(super) fn set_secrets(&mut self, take: impl Fn(&str) -> Option<Secret>) {
        // An empty variable counts as one that is not set, because it is often used as that.
        let take = |key| take(key).filter(|secret| !secret.expose().trim_ascii().is_empty());
        self.api_key = take("api_key");
        self.oauth_token = take("oauth_token");
        self.bearer_token = take("bearer_token");
    }

    /// Replaces all settings by the URL and the key of a scripted model on this host machine.
    #[cfg(feature = "emulator")]
    pub(crate) fn use_scripted(&mut self, url: &str, key: &Secret) {
        *self = Self { url: Some(url.to_owned()), api_key: Some(key.clone()), ..Self::default() };
    }

    /// Returns the credential that is set, or `None`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if several credentials are set,
    /// or the file cannot be read.
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
                "both {} and {} are set: leave only one",
                name(*key),
                name(*other)
            )));
        }
        let read = |file: &PathBuf| -> Result<Secret> {
            let bytes = std::fs::read(file).map_err(|e| {
                let shown = file.display();
                invalid(format!("cannot read {shown}, which model.{key}_file names")).with_source(e)
            })?;
            Ok(Secret::new(bytes.trim_ascii().to_vec()))
        };
        // The value or the file is set, because `set` contains only such entries.
        let secret = (*value).clone().map(Ok).or_else(|| file.as_ref().map(read)).transpose()?;
        Ok(secret.map(|secret| (*kind, secret)))
    }

    /// Starts the model proxy.
    ///
    /// # Errors
    /// Those of [`ModelProxyBuilder::start`](ccc_runner::ModelProxyBuilder::start), and
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
        for row in &self.price {
            if !(0.0..=1e6).contains(&row.input) || !(0.0..=1e6).contains(&row.output) {
                let line = format!(
                    "model.price of {}: set prices from 0 to 1000000 US dollars",
                    row.model
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
            let shown = file.display();
            std::fs::read(file).map_err(|e| {
                invalid(format!("cannot read {shown}, which model.ca_file names")).with_source(e)
            })
        });
        proxy.ca_pem(ca.transpose()?).start().await
    }
}
