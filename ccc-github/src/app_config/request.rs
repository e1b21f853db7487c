//! A requested change to a stored GitHub App. The body of a `POST /config` request is the JSON form
//! of such a change.

use ccc_core::{Error, ErrorKind, Result, Secret};
use serde_json::{Map, Value};
use zeroize::Zeroize as _;

use crate::app_config::record::App;
use crate::app_key::{AppKey, plain};
use crate::errors::invalid_input;

/// The maximum size, in bytes, of a request body for `/config`, and of each secret in the body.
pub const MAX_CONFIG: usize = 64 << 10;

const FIELDS: [&str; 5] =
    ["appId", "privateKey", "webhookSecret", "installationId", "forgetOldSecrets"];

/// A requested change to a stored GitHub App, or the data of a new App. A private key in the change
/// has already been validated.
#[derive(Clone, Debug)]
pub struct AppChange {
    pub(super) app_id: u64,
    private_key: Option<Secret>,
    /// The webhook secrets to add, with the newest first.
    webhook_secrets: Vec<Secret>,
    installation_ids: Installations,
    forget_old_secrets: bool,
    /// Whether the stored webhook secrets are removed before the new ones are added.
    replace_secrets: bool,
}

/// A requested change to the stored installation ids of a GitHub App.
#[derive(Clone, Debug)]
enum Installations {
    /// The stored installation ids stay unchanged.
    Unchanged,
    /// The id is added to the stored installation ids.
    Add(u64),
    /// The ids replace the stored installation ids.
    Replace(Vec<u64>),
}

/// The JSON fields of a request. The memory of the fields' texts is wiped when this value is
/// dropped.
struct Wiped(Map<String, Value>);

impl Drop for Wiped {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

fn bounded(what: &str, secret: &Secret) -> Result<()> {
    if secret.expose().len() > MAX_CONFIG {
        let line = format!("the {what} has more than 64 KiB");
        return Err(Error::new(ErrorKind::LimitExceeded, line));
    }
    Ok(())
}

impl AppChange {
    /// Creates an empty change to the GitHub App with the id `app_id`. The other methods, such as
    /// [`with_private_key`](Self::with_private_key), add to the change.
    #[must_use]
    pub fn new(app_id: u64) -> Self {
        Self {
            app_id,
            private_key: None,
            webhook_secrets: Vec::new(),
            installation_ids: Installations::Unchanged,
            forget_old_secrets: false,
            replace_secrets: false,
        }
    }

    /// Parses a change from a JSON object with the fields `appId`, `privateKey`, `webhookSecret`,
    /// `installationId` and `forgetOldSecrets`.
    ///
    /// `appId` is required. A new App also requires `privateKey` and `webhookSecret`. Numbers can
    /// be strings, as in forms. A number as `installationId` is added to the stored ids, and a list
    /// as `installationId` replaces the stored ids.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] with the name of an invalid field, and
    /// [`ErrorKind::LimitExceeded`] if the JSON or a secret in it is larger than [`MAX_CONFIG`].
    /// Error messages contain no field values.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        if json.len() > MAX_CONFIG {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                "the configuration of a GitHub App must not be larger than 64 KiB",
            ));
        }
        let fields = serde_json::from_slice(json).map(Wiped).map_err(|e| {
            // The message has only the position of the error, because the JSON text contains
            // secrets.
            invalid_input(format!(
                "the configuration of the GitHub App is not a JSON object: the parser failed at \
                 line {}, column {}",
                e.line(),
                e.column()
            ))
        })?;
        let fields = &fields.0;
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let name = ccc_core::untrusted_text::one_line(unknown, 40);
            return Err(invalid_input(format!(
                "the configuration of the GitHub App has the unknown field `{name}`: the supported \
                 fields are {}",
                FIELDS.join(", ")
            )));
        }
        let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let text = |name: &str| match given(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Secret::from(text.as_str()))),
            Some(_) => Err(invalid_input(format!("the field `{name}` must be a string"))),
        };
        let app_id = given("appId").ok_or_else(|| invalid_input("the field `appId` is missing"))?;
        let mut change = Self::new(number("appId", app_id)?);
        if let Some(pem) = text("privateKey")? {
            change = change.with_private_key(&pem)?;
        }
        if let Some(secret) = text("webhookSecret")? {
            change = change.with_webhook_secret(secret)?;
        }
        match given("installationId") {
            None => {}
            Some(Value::Array(all)) => {
                let all = all.iter().map(|id| number("installationId", id));
                change.installation_ids = Installations::Replace(all.collect::<Result<_>>()?);
            }
            Some(one) => change = change.with_installation_id(number("installationId", one)?),
        }
        match given("forgetOldSecrets") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => change = change.without_old_secrets(),
            Some(_) => {
                return Err(invalid_input("the field `forgetOldSecrets` must be true or false"));
            }
        }
        Ok(change)
    }

    /// Sets the private key of the GitHub App to the PEM text `pem`, after validation.
    ///
    /// # Errors
    /// The errors of [`AppKey::from_pem`], and [`ErrorKind::LimitExceeded`] if `pem` has more than
    /// 64 KiB.
    pub fn with_private_key(mut self, pem: &Secret) -> Result<Self> {
        bounded("private key", pem)?;
        AppKey::from_pem(pem)?;
        self.private_key = Some(plain(pem)?);
        Ok(self)
    }

    /// Adds `secret` as the newest webhook secret of the GitHub App.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `secret` is empty or contains a line break, and
    /// [`ErrorKind::LimitExceeded`] if `secret` has more than 64 KiB.
    pub fn with_webhook_secret(mut self, secret: Secret) -> Result<Self> {
        bounded("webhook secret", &secret)?;
        if secret.expose().trim_ascii().is_empty() {
            return Err(invalid_input(
                "the webhook secret is empty: use the secret that is set on the settings page of \
                 the GitHub App",
            ));
        }
        if secret.expose().iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            return Err(invalid_input(
                "the webhook secret has a line break: a secret must be one line",
            ));
        }
        self.webhook_secrets.insert(0, secret);
        Ok(self)
    }

    /// Replaces all stored webhook secrets of the GitHub App with `secrets`, in order from the
    /// newest to the oldest.
    ///
    /// # Errors
    /// The errors of [`with_webhook_secret`](Self::with_webhook_secret).
    pub fn with_only_webhook_secrets(
        mut self,
        secrets: impl IntoIterator<Item = Secret>,
    ) -> Result<Self> {
        self.webhook_secrets.clear();
        let secrets: Vec<Secret> = secrets.into_iter().collect();
        for secret in secrets.into_iter().rev() {
            self = self.with_webhook_secret(secret)?;
        }
        self.replace_secrets = true;
        Ok(self)
    }

    /// Adds `id` to the stored installation ids of the GitHub App. Only the last call of this
    /// method has an effect.
    #[must_use]
    pub fn with_installation_id(mut self, id: u64) -> Self {
        self.installation_ids = Installations::Add(id);
        self
    }

    /// Removes all webhook secrets of the GitHub App except the newest one. If the change adds a
    /// webhook secret, the added secret is the newest one.
    #[must_use]
    pub fn without_old_secrets(mut self) -> Self {
        self.forget_old_secrets = true;
        self
    }

    /// Returns the App `before` with the change applied, or a new App if `before` is `None`.
    pub(super) fn apply(&self, before: Option<App>) -> Result<App> {
        let missing = |field: &str| {
            invalid_input(format!(
                "the GitHub App {} is not stored yet: add the field `{field}`, which a new App \
                 requires",
                self.app_id
            ))
        };
        let mut app = match before {
            Some(app) => app,
            None => App {
                app_id: self.app_id,
                private_key: self.private_key.clone().ok_or_else(|| missing("privateKey"))?,
                webhook_secrets: match self.webhook_secrets.is_empty() {
                    true => return Err(missing("webhookSecret")),
                    false => Vec::new(),
                },
                installation_ids: Vec::new(),
            },
        };
        if let Some(key) = &self.private_key {
            app.private_key = key.clone();
        }
        if self.replace_secrets {
            app.webhook_secrets.clear();
        }
        for secret in self.webhook_secrets.iter().rev() {
            app.webhook_secrets.retain(|known| known.expose() != secret.expose());
            app.webhook_secrets.insert(0, secret.clone());
        }
        if self.forget_old_secrets {
            app.webhook_secrets.truncate(1);
        }
        if app.webhook_secrets.len() > 3 {
            return Err(invalid_input(
                "a GitHub App can have at most three webhook secrets: add fewer secrets, or remove \
                 the previous secrets with a change that sets `forgetOldSecrets` to true",
            ));
        }
        match &self.installation_ids {
            Installations::Unchanged => {}
            Installations::Add(id) if app.installation_ids.contains(id) => {}
            Installations::Add(id) => app.installation_ids.push(*id),
            Installations::Replace(all) => app.installation_ids.clone_from(all),
        }
        Ok(app)
    }
}

fn number(name: &str, value: &Value) -> Result<u64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64(),
    };
    number.filter(|number| *number > 0).ok_or_else(|| {
        invalid_input(format!(
            "the field `{name}` must be a whole number greater than 0: GitHub's settings pages \
             show this number"
        ))
    })
}
