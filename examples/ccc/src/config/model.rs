//! The model's API, and the credential that the model proxy puts in.

use std::path::PathBuf;

use ccc_core::{Result, Secret};
use ccc_runner::{CredentialKind, ModelPattern, ModelProxy, Price, PriceTable, Rule, Rules};
use serde::Deserialize;

use crate::config::invalid::invalid;

/// The model's API, as the model proxy calls it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// Anthropic's API unless said otherwise; a gateway with its path.
    pub url: Option<String>,
    /// Certificates, PEM, of the authorities that are trusted; without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// The file with an API key.
    pub api_key_file: Option<PathBuf>,
    /// The file with a token of a subscription, as `claude setup-token` makes it.
    pub oauth_token_file: Option<PathBuf>,
    /// The file with what a gateway wants as `Authorization: Bearer`.
    pub bearer_token_file: Option<PathBuf>,
    /// The models that runs may use: names, or their beginnings followed by `*`.
    pub allowed: Option<Vec<String>>,
    /// Prices that come before the list's.
    pub price: Vec<PriceConfig>,
    /// Rules of the model proxy that are taken out.
    pub dangerously_without: Vec<Rule>,
    #[serde(skip)]
    api_key: Option<Secret>,
    #[serde(skip)]
    oauth_token: Option<Secret>,
    #[serde(skip)]
    bearer_token: Option<Secret>,
}

/// What a million tokens of a model cost, US dollars.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// A name, or its beginning followed by `*`.
    pub model: String,
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
}

impl ModelConfig {
    /// Sets the secrets, each by its key.
    pub(super) fn set_secrets(&mut self, take: impl Fn(&str) -> Option<Secret>) {
        // A variable that is set to nothing is how many say that it is not set.
        let take = |key| take(key).filter(|secret| !secret.expose().trim_ascii().is_empty());
        self.api_key = take("api_key");
        self.oauth_token = take("oauth_token");
        self.bearer_token = take("bearer_token");
    }

    /// An API on this machine and its key, in place of what was configured.
    pub(crate) fn use_scripted(&mut self, url: &str, key: &Secret) {
        *self = Self { url: Some(url.to_owned()), api_key: Some(key.clone()), ..Self::default() };
    }

    /// The one credential that is set; `None` when none is.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) when several are, or a file
    /// cannot be read.
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
                "both {} and {} are set: leave one",
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
        // One of the two is there, or this would not have been found.
        let secret = (*value).clone().map(Ok).or_else(|| file.as_ref().map(read)).transpose()?;
        Ok(secret.map(|secret| (*kind, secret)))
    }

    /// Starts the proxy.
    ///
    /// # Errors
    /// Those of [`ModelProxyBuilder::start`](ccc_runner::ModelProxyBuilder::start), and
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for prices that are none.
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
                return Err(invalid(format!("model.price of {} is no amount of money", row.model)));
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
