//! The conformance suite on the Worker's own store. The store runs inside the runtime and is opened
//! for each request, as in the Worker of `examples/worker`. The Worker of `tests/bound` exposes it
//! over HTTP.

use ccc_core::credential::{CredentialStore, Precondition, StoredSecret, Version};
use ccc_core::testing::conformance::credential_store::Fixture;
use ccc_core::{CredentialKey, Error, ErrorKind, Result, Secret, async_trait};
use serde_json::{Value, json};

use super::runtime::{Runtime, client};

/// A credential store that sends each call to the Worker over HTTP.
#[derive(Debug)]
struct Door {
    client: reqwest::Client,
    url: String,
}

impl Door {
    async fn ask(&self, ask: Value) -> Result<Value> {
        let request = self.client.post(&self.url).body(ask.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        match status {
            200 => Ok(serde_json::from_str(&text).unwrap()),
            422 => {
                let said: Value = serde_json::from_str(&text).unwrap();
                let kind = match said["kind"].as_str().unwrap() {
                    "conflict" => ErrorKind::Conflict,
                    "invalid input" => ErrorKind::InvalidInput,
                    _ => ErrorKind::Unexpected,
                };
                Err(Error::new(kind, text))
            }
            _ => panic!("the Worker answered {status}: {text}"),
        }
    }
}

#[async_trait]
impl CredentialStore for Door {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        let found = self.ask(json!({ "get": key.as_str() })).await?;
        Ok((!found.is_null()).then(|| StoredSecret {
            secret: Secret::new(hex::decode(found[0].as_str().unwrap()).unwrap()),
            version: Version(found[1].as_u64().unwrap()),
        }))
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        when: Precondition,
    ) -> Result<Version> {
        let when = match when {
            Precondition::None => json!("always"),
            Precondition::Absent => json!("absent"),
            Precondition::Version(version) => json!({ "version": version.0 }),
        };
        let secret = hex::encode(secret.expose());
        let put = json!({ "put": { "key": key.as_str(), "secret": secret, "when": when } });
        Ok(Version(self.ask(put).await?.as_u64().unwrap()))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        self.ask(json!({ "delete": key.as_str() })).await.map(drop)
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        let names = self.ask(json!("list")).await?;
        let names = names.as_array().unwrap().iter();
        Ok(names.map(|name| CredentialKey::new(name.as_str().unwrap()).unwrap()).collect())
    }
}

async fn fresh() -> Fixture {
    let key = hex::encode([&[7; 31][..], &[0]].concat());
    let runtime = Runtime::of("bound", vec![("CREDENTIALS_KEY", key)]);
    let door = Door { client: client(), url: runtime.url() };
    // spec: S7d
    Fixture::new(door).with_owned(runtime)
}

ccc_core::credential_store_conformance!(fresh);
