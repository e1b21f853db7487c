//! The routes for the check. Each answer contains the library's result without additions.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use ccc_core::{Clock as _, Error, ErrorKind, Result, Secret, VcsHost as _};
use ccc_github::webhook::{RawDelivery, Received};
use ccc_github::{AppKey, GitHub, Retry, Secrets, Webhook, app_jwt};
use http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::clock::JsClock;

/// A response of the Worker.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl From<Result<Value>> for Answer {
    fn from(result: Result<Value>) -> Self {
        match result {
            Ok(body) => Self { status: 200, body },
            Err(error) => {
                let kind = format!("{:?}", error.kind());
                Self { status: 422, body: json!({ "kind": kind, "error": error.to_string() }) }
            }
        }
    }
}

/// Handles `POST /webhook`: a delivery, as GitHub sends it.
pub(crate) fn webhook(secret: &str, headers: &HeaderMap, body: &[u8]) -> Answer {
    let secrets = match Secrets::new([Secret::from(secret)]) {
        Ok(secrets) => secrets,
        Err(error) => return Err(error).into(),
    };
    let webhook = Webhook::new(secrets, "github.com");
    match webhook.receive(&RawDelivery::new(headers, body), JsClock.now()) {
        Ok(Received::Ping) => Ok(json!({ "pong": true })).into(),
        Ok(Received::Event { delivery, event }) => {
            Ok(json!({ "delivery": delivery, "event": event })).into()
        }
        Ok(Received::Ignored { reason, .. }) => Ok(json!({ "ignored": reason })).into(),
        Err(refused) => Answer {
            status: refused.status().as_u16(),
            body: json!({ "error": refused.to_string() }),
        },
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, "the check sent an invalid request").with_source(error)
    })
}

#[derive(Deserialize)]
struct JwtRequest {
    app_id: u64,
    pem: String,
    now: Option<Timestamp>,
}

/// Handles `POST /jwt`: returns the App's JWT for the given time, by default for the current time.
pub(crate) fn jwt(body: &[u8]) -> Answer {
    let made = || {
        let asked: JwtRequest = read(body)?;
        let key = AppKey::from_pem(&Secret::from(asked.pem))?;
        let jwt = app_jwt(asked.app_id, &key, asked.now.unwrap_or_else(|| JsClock.now()))?;
        Ok(json!({ "jwt": jwt.expose_str()? }))
    };
    made().into()
}

#[derive(Deserialize)]
struct App {
    app_id: u64,
    pem: String,
    api_url: String,
}

impl App {
    /// Creates the host as a Worker does: the builder uses the runtime's own `fetch` by default.
    fn host(self) -> Result<GitHub> {
        let key = AppKey::from_pem(&Secret::from(self.pem))?;
        // A Worker's time is short, so its caller repeats the request.
        let retry = Retry::default().with_tries(1);
        GitHub::builder(self.app_id, key, Arc::new(JsClock))
            .api_url(self.api_url)
            .retry(retry)
            .build()
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: u64,
    owner: String,
    name: String,
}

#[derive(Deserialize)]
struct MintRequest {
    #[serde(flatten)]
    app: App,
    repo: Named,
    grant: Grant,
}

/// Handles `POST /mint`: requests a token and revokes it. Only the token's digest leaves this
/// Worker.
pub(crate) async fn mint(body: &[u8]) -> Answer {
    let minted = async {
        let MintRequest { app, repo: Named { id, owner, name }, grant } = read(body)?;
        let github = app.host()?;
        let repo = RepoRef { host: github.host().to_owned(), id, owner, name };
        let access = github.access(&repo, grant, Duration::from_secs(600)).await?;
        let token = access.token.as_ref().map(|token| Sha256::digest(token.expose()));
        let answer = json!({
            "clone_url": access.clone_url,
            "expires_at": access.expires_at,
            "token_sha256": token.map(hex::encode),
        });
        github.release(access).await?;
        Ok(answer)
    };
    minted.await.into()
}

#[derive(Deserialize)]
struct RepositoryRequest {
    #[serde(flatten)]
    app: App,
    repo: Named,
}

/// Handles `POST /repository`: finds a repository by name as the App, and reads it with a token.
pub(crate) async fn repository(body: &[u8]) -> Answer {
    let read = async {
        let asked: RepositoryRequest = read(body)?;
        let github = asked.app.host()?;
        let repo = github.find_repository(&asked.repo.owner, &asked.repo.name).await?;
        let found = github.repository(&repo).await?;
        Ok(json!({
            "repo": found.repo,
            "default_branch": found.default_branch,
            "archived": found.archived,
        }))
    };
    read.await.into()
}

#[derive(Deserialize)]
struct SleepRequest {
    milliseconds: u64,
}

/// Handles `POST /sleep`: sleeps for the given time and returns the clock's time before and after.
pub(crate) async fn sleep(body: &[u8]) -> Answer {
    let slept = async {
        let asked: SleepRequest = read(body)?;
        let before = JsClock.now();
        JsClock.sleep(Duration::from_millis(asked.milliseconds)).await;
        Ok(json!({ "before": before, "after": JsClock.now() }))
    };
    slept.await.into()
}
