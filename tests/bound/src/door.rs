//! The methods of a credential store, over HTTP.
#![allow(missing_docs, reason = "the macro generates undocumented items")]

use ccc_core::credential::{CredentialStore as _, Precondition, Version};
use ccc_core::{CredentialKey, Error, ErrorKind, Result, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use worker::{Context, Env, Request, Response, event};

use crate::credentials;

/// A request. Bytes are in hex.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ask {
    Get(String),
    Put { key: String, secret: String, when: When },
    Delete(String),
    List,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum When {
    Always,
    Absent,
    Version(u64),
}

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, _: Context) -> worker::Result<Response> {
    // `Request::json` would parse numbers as JavaScript does, which has no exact 64-bit integers.
    let ask: Ask = serde_json::from_slice(&request.bytes().await?)?;
    match answer(ask, &env).await {
        Ok(value) => Response::from_json(&value),
        Err(error) => {
            let said = json!({ "kind": error.kind().to_string(), "error": error.message() });
            Ok(Response::from_json(&said)?.with_status(422))
        }
    }
}

async fn answer(ask: Ask, env: &Env) -> Result<Value> {
    let store = credentials::open(env).await?;
    Ok(match ask {
        Ask::Get(key) => {
            let found = store.get(&CredentialKey::new(key)?).await?;
            json!(found.map(|found| (hex::encode(found.secret.expose()), found.version.0)))
        }
        Ask::Put { key, secret, when } => {
            let bytes = hex::decode(secret);
            let bytes =
                bytes.map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))?;
            let when = match when {
                When::Always => Precondition::None,
                When::Absent => Precondition::Absent,
                When::Version(version) => Precondition::Version(Version(version)),
            };
            json!(store.put(&CredentialKey::new(key)?, &Secret::new(bytes), when).await?.0)
        }
        Ask::Delete(key) => json!(store.delete(&CredentialKey::new(key)?).await?),
        Ask::List => {
            let names = store.list().await?;
            json!(names.iter().map(CredentialKey::as_str).collect::<Vec<_>>())
        }
    })
}
