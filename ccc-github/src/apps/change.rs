//! What somebody says of an App.

use ccc_core::{Error, ErrorKind, Result, Secret};
use serde_json::{Map, Value};
use zeroize::Zeroize as _;

use super::App;
use crate::jwt::{AppKey, plain};

/// The most bytes of a change, and of what it brings.
pub(super) const MAX: usize = 64 << 10;

const FIELDS: [&str; 5] =
    ["appId", "privateKey", "webhookSecret", "installationId", "forgetOldSecrets"];

/// What is to be made of an App, or changed of it. Checked: its private key parses.
#[derive(Clone, Debug)]
pub struct AppChange {
    pub(super) app_id: u64,
    private_key: Option<Secret>,
    /// The newest first.
    webhook_secrets: Vec<Secret>,
    installation_ids: Installations,
    forget_old_secrets: bool,
}

#[derive(Clone, Debug)]
enum Installations {
    Same,
    Also(u64),
    These(Vec<u64>),
}

/// What somebody sent. Its texts are wiped when it goes.
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
    if secret.expose().len() > MAX {
        let line = format!("the {what} has more than 64 KiB");
        return Err(Error::new(ErrorKind::LimitExceeded, line));
    }
    Ok(())
}

fn invalid(line: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, line)
}

impl AppChange {
    /// A change of the App with that number that changes nothing yet.
    #[must_use]
    pub fn new(app_id: u64) -> Self {
        Self {
            app_id,
            private_key: None,
            webhook_secrets: Vec::new(),
            installation_ids: Installations::Same,
            forget_old_secrets: false,
        }
    }

    /// Reads `{"appId":…,"privateKey":…,"webhookSecret":…,"installationId":…,"forgetOldSecrets":…}`. Numbers may be
    /// texts, as forms have them; `installationId` may be a list, which then replaces what was there; only `appId`
    /// must be there.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] names the field, and [`ErrorKind::LimitExceeded`] what is larger than 64 KiB. No
    /// error shows a value.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        if json.len() > MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                "an App's configuration has 64 KiB at most",
            ));
        }
        let fields = serde_json::from_slice(json).map(Wiped).map_err(|e| {
            // Where, and not what: there is a secret in it.
            invalid(&format!("this is no JSON object (line {}, column {})", e.line(), e.column()))
        })?;
        let fields = &fields.0;
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let name = ccc_core::text::one_line(unknown, 40);
            return Err(invalid(&format!(
                "there is no field `{name}`: there are {}",
                FIELDS.join(", ")
            )));
        }
        let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
        let text = |name: &str| match given(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(Secret::from(text.as_str()))),
            Some(_) => Err(invalid(&format!("the field `{name}` must be a text"))),
        };
        let app_id = given("appId").ok_or_else(|| invalid("the field `appId` is missing"))?;
        let mut change = Self::new(number("appId", app_id)?);
        if let Some(pem) = text("privateKey")? {
            change = change.private_key(&pem)?;
        }
        if let Some(secret) = text("webhookSecret")? {
            change = change.webhook_secret(secret)?;
        }
        match given("installationId") {
            None => {}
            Some(Value::Array(all)) => {
                let all = all.iter().map(|id| number("installationId", id));
                change.installation_ids = Installations::These(all.collect::<Result<_>>()?);
            }
            Some(one) => change = change.installation_id(number("installationId", one)?),
        }
        match given("forgetOldSecrets") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => change = change.forget_old_secrets(),
            Some(_) => return Err(invalid("the field `forgetOldSecrets` must be true or false")),
        }
        Ok(change)
    }

    /// With this private key.
    ///
    /// # Errors
    /// As [`AppKey::from_pem`]; [`ErrorKind::LimitExceeded`] over 64 KiB.
    pub fn private_key(mut self, pem: &Secret) -> Result<Self> {
        bounded("private key", pem)?;
        AppKey::from_pem(pem)?;
        self.private_key = Some(plain(pem)?);
        Ok(self)
    }

    /// With this webhook secret from now on, beside the ones before.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for an empty one, and for one of several lines, which is several;
    /// [`ErrorKind::LimitExceeded`] over 64 KiB.
    pub fn webhook_secret(mut self, secret: Secret) -> Result<Self> {
        bounded("webhook secret", &secret)?;
        if secret.expose().trim_ascii().is_empty() {
            return Err(invalid("the webhook secret is empty"));
        }
        if secret.expose().iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            return Err(invalid(
                "the webhook secret has a line break in it: one secret is one line",
            ));
        }
        self.webhook_secrets.insert(0, secret);
        Ok(self)
    }

    /// Installed there, too.
    #[must_use]
    pub fn installation_id(mut self, id: u64) -> Self {
        self.installation_ids = Installations::Also(id);
        self
    }

    /// With no webhook secret but the newest.
    #[must_use]
    pub fn forget_old_secrets(mut self) -> Self {
        self.forget_old_secrets = true;
        self
    }

    /// The App with this change.
    pub(super) fn apply(&self, before: Option<App>) -> Result<App> {
        let missing = |field: &str| {
            invalid(&format!("the App {} is new: the field `{field}` is missing", self.app_id))
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
        for secret in self.webhook_secrets.iter().rev() {
            app.webhook_secrets.retain(|known| known.expose() != secret.expose());
            app.webhook_secrets.insert(0, secret.clone());
        }
        if self.forget_old_secrets {
            app.webhook_secrets.truncate(1);
        }
        if app.webhook_secrets.len() > 3 {
            return Err(invalid(
                "two webhook secrets from before are still valid: forget them first (forgetOldSecrets)",
            ));
        }
        match &self.installation_ids {
            Installations::Same => {}
            Installations::Also(id) if app.installation_ids.contains(id) => {}
            Installations::Also(id) => app.installation_ids.push(*id),
            Installations::These(all) => app.installation_ids.clone_from(all),
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
        invalid(&format!(
            "the field `{name}` must be a whole number, as the App's settings page shows it"
        ))
    })
}
