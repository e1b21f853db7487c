//! GitHub Apps: their keys, what they ask for, and the manifest that one is made from.

use std::collections::BTreeMap;

use ccc_core::{Error, ErrorKind, Result, Secret};
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, LineEnding};
use serde::Deserialize;

/// A registered App.
#[derive(Debug)]
pub(super) struct App {
    pub(super) id: u64,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) description: Option<String>,
    pub(super) external_url: Option<String>,
    pub(super) client_id: String,
    pub(super) client_secret: Secret,
    pub(super) key: KeyPair,
    pub(super) webhook_secret: Secret,
    pub(super) webhook_url: Option<String>,
    pub(super) permissions: BTreeMap<String, String>,
    pub(super) events: Vec<String>,
    pub(super) created_at: Timestamp,
}

/// The private key as PEM, and what checks its signatures.
#[derive(Clone)]
pub(super) struct KeyPair {
    pub(super) pem: Secret,
    pub(super) public: DecodingKey,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyPair([REDACTED])")
    }
}

impl KeyPair {
    /// Reads the private key, or makes one: that takes a moment, which is why it has its own thread.
    pub(super) async fn new(given: Option<Secret>) -> Result<Self> {
        tokio::task::spawn_blocking(move || key_pair(given))
            .await
            .map_err(|e| Error::new(ErrorKind::Unexpected, "making a key").with_source(e))?
    }
}

fn key_pair(given: Option<Secret>) -> Result<KeyPair> {
    let broken = |what: &str| Error::new(ErrorKind::InvalidInput, what);
    let key = match &given {
        Some(pem) => {
            crate::AppKey::from_pem(pem)?;
            let text = pem.expose_str()?.replace("\\n", "\n");
            let text = text.trim();
            rsa::RsaPrivateKey::from_pkcs1_pem(text)
                .or_else(|_| rsa::RsaPrivateKey::from_pkcs8_pem(text))
                .map_err(|_| broken("the private key does not parse as an RSA key"))?
        }
        None => rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)
            .map_err(|_| broken("no RSA key could be made"))?,
    };
    let pem = key
        .to_pkcs1_pem(LineEnding::LF)
        .map_err(|_| broken("the private key cannot be written as PEM"))?;
    let public = key
        .to_public_key()
        .to_pkcs1_der()
        .map_err(|_| broken("the public key cannot be written"))?;
    let public = DecodingKey::from_rsa_der(public.as_bytes());
    Ok(KeyPair { pem: Secret::from(pem.as_str()), public })
}

/// What an App of this kind asks for, unless told otherwise.
pub(super) fn usual_permissions() -> BTreeMap<String, String> {
    [("contents", "write"), ("issues", "write"), ("metadata", "read"), ("pull_requests", "write")]
        .map(|(name, level)| (name.to_owned(), level.to_owned()))
        .into()
}

pub(super) fn usual_events() -> Vec<String> {
    ["issues", "issue_comment", "pull_request"].map(str::to_owned).to_vec()
}

/// What a GitHub App is made from (GitHub docs, "Registering a GitHub App from a manifest").
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) url: String,
    pub(super) description: Option<String>,
    pub(super) redirect_url: Option<String>,
    pub(super) hook_attributes: Option<HookAttributes>,
    #[serde(default)]
    pub(super) default_permissions: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) default_events: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct HookAttributes {
    pub(super) url: String,
    #[serde(default = "yes")]
    pub(super) active: bool,
}

fn yes() -> bool {
    true
}

impl Manifest {
    /// The App's name as an address spells it.
    pub(super) fn slug(&self, id: u64) -> String {
        let name = self.name.clone().unwrap_or_else(|| format!("app-{id}"));
        let slug: String = name
            .to_ascii_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        slug.trim_matches('-').to_owned()
    }

    pub(super) fn into_app(self, id: u64, owner: &str, key: KeyPair, now: Timestamp) -> App {
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
            client_id: format!("Iv23{}", &random()[..16]),
            client_secret: Secret::from(random()),
            key,
            webhook_secret: Secret::from(random()),
            webhook_url: hook.map(|hook| hook.url),
            permissions,
            events: self.default_events,
            created_at: now,
        }
    }
}

/// 32 hex digits that nobody knows.
pub(super) fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
