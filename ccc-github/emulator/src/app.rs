//! GitHub Apps, and the manifests that they are created from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use crate::key_pair::KeyPair;
use crate::random::random_hex;

/// A registered GitHub App.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: u64,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) description: Option<String>,
    pub(crate) external_url: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) key: KeyPair,
    pub(crate) webhook_secret: SecretString,
    pub(crate) webhook_url: Option<String>,
    pub(crate) permissions: BTreeMap<String, String>,
    pub(crate) events: Vec<String>,
    pub(crate) created_at: Timestamp,
}

/// Returns the permissions of a GitHub App that is created without a manifest.
pub(crate) fn default_permissions() -> BTreeMap<String, String> {
    [("contents", "write"), ("issues", "write"), ("metadata", "read"), ("pull_requests", "write")]
        .map(|(name, level)| (name.to_owned(), level.to_owned()))
        .into()
}

/// Returns the webhook events of a GitHub App that is created without a manifest.
pub(crate) fn default_events() -> Vec<String> {
    ["issues", "issue_comment", "pull_request"].map(str::to_owned).to_vec()
}

/// The manifest that a GitHub App is created from (GitHub docs, "Registering a GitHub App from a
/// manifest").
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) name: Option<String>,
    pub(crate) url: String,
    pub(crate) description: Option<String>,
    pub(crate) redirect_url: Option<String>,
    pub(crate) hook_attributes: Option<HookAttributes>,
    #[serde(default)]
    pub(crate) default_permissions: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) default_events: Vec<String>,
}

/// The webhook in the [`Manifest`] of a GitHub App.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct HookAttributes {
    pub(crate) url: String,
    #[serde(default = "yes")]
    pub(crate) active: bool,
}

fn yes() -> bool {
    true
}

impl Manifest {
    /// Returns the App's name in the form that URLs contain. The name is in lower case, and `-`
    /// replaces each character that is not an ASCII letter or digit. An App without a name is
    /// called `app-ID`, for example `app-7`.
    pub(crate) fn slug(&self, id: u64) -> String {
        let name = self.name.clone().unwrap_or_else(|| format!("app-{id}"));
        let slug: String = name
            .to_ascii_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        slug.trim_matches('-').to_owned()
    }

    /// Creates the GitHub App with the ID `id` from this manifest. Generates the client ID, the
    /// client secret and the webhook secret.
    pub(crate) fn into_app(self, id: u64, owner: &str, key: KeyPair, now: Timestamp) -> App {
        let slug = self.slug(id);
        let hook = self.hook_attributes.filter(|hook| hook.active);
        let mut permissions = self.default_permissions;
        permissions.entry("metadata".to_owned()).or_insert_with(|| "read".to_owned());
        App {
            id,
            name: self.name.unwrap_or_else(|| slug.clone()),
            slug,
            owner: owner.to_owned(),
            description: self.description,
            external_url: Some(self.url),
            client_id: format!("Iv23{}", &random_hex()[..16]),
            client_secret: random_hex().into(),
            key,
            webhook_secret: random_hex().into(),
            webhook_url: hook.map(|hook| hook.url),
            permissions,
            events: self.default_events,
            created_at: now,
        }
    }
}
