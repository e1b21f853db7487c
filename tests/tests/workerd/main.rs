//! Tests of the three Workers in workerd, Cloudflare's runtime, and of a client of their store
//! outside the runtime. `.ci/workerd` builds the Workers and runs these tests.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;

use ccc_core::credential::Precondition;
use ccc_core::testing::conformance::credential_store::Fixture;
use ccc_core::{CredentialKey, CredentialStore as _, ErrorKind, Secret, SystemClock};
use ccc_store::durable_object::HttpsChannel;
use ccc_store::{DurableObjectCredentialStore, Keys};

mod bound;
mod config;
mod runtime;
mod strangers;
mod workers;

use runtime::{Runtime, SECRET};

fn keys(numbers: &[u8]) -> Keys {
    let key = |number: &u8| hex::encode([&[*number; 31][..], &[0]].concat());
    let lines: Vec<String> = numbers.iter().map(key).collect();
    Keys::parse(&Secret::from(lines.join("\n"))).unwrap()
}

async fn open(runtime: &Runtime, numbers: &[u8]) -> ccc_core::Result<DurableObjectCredentialStore> {
    open_named(runtime, "main", numbers).await
}

async fn open_named(
    runtime: &Runtime,
    name: &str,
    numbers: &[u8],
) -> ccc_core::Result<DurableObjectCredentialStore> {
    let clock = Arc::new(SystemClock);
    let url = format!("{}/credentials/{name}", runtime.url());
    let remote = HttpsChannel::new(&url, &Secret::from(SECRET), Arc::clone(&clock) as _).unwrap();
    DurableObjectCredentialStore::open(remote, clock, &keys(numbers)).await
}

mod durable_object_credential_store {
    use super::*;

    async fn fresh() -> Fixture {
        let runtime = Runtime::start();
        Fixture::new(open(&runtime, &[1]).await.unwrap()).with_owned(runtime)
    }

    ccc_core::credential_store_conformance!(fresh);
}

fn key(name: &str) -> CredentialKey {
    CredentialKey::new(name).unwrap()
}

#[tokio::test]
async fn credentials_survive_a_restart_and_are_encrypted_on_disk() {
    // spec: S7a, S4
    const CANARY: &str = "hunter2-canary-in-the-object";
    let name = "app/4711/private-key";
    let mut runtime = Runtime::start();
    let store = open(&runtime, &[1]).await.unwrap();
    let version = store.put(&key(name), &Secret::from(CANARY), Precondition::Absent).await.unwrap();
    runtime.restart();
    let error = open(&runtime, &[2]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let store = open(&runtime, &[2, 1]).await.unwrap();
    let found = store.get(&key(name)).await.unwrap().unwrap();
    assert_eq!((found.secret.expose_str().unwrap(), found.version), (CANARY, version));
    assert_eq!(store.rotate(&keys(&[2, 1])).await.unwrap(), 1);
    assert!(open(&runtime, &[1]).await.is_err());
    runtime.stop();
    let mut files = 0;
    for (path, contents) in runtime.files() {
        files += 1;
        let text = String::from_utf8_lossy(&contents);
        for secret in [CANARY, name, SECRET, &hex::encode(CANARY), &hex::encode([1; 31])] {
            assert!(!text.contains(secret), "{} contains {secret}", path.display());
        }
    }
    assert!(files > 0, "the disk has no files");
}

#[tokio::test]
async fn an_unreachable_worker_is_an_error_and_the_store_recovers() {
    // spec: S7c
    let mut runtime = Runtime::start();
    let store = open(&runtime, &[1]).await.unwrap();
    let put = |value: &'static str| {
        let (store, secret) = (&store, Secret::from(value));
        async move { store.put(&key("name"), &secret, Precondition::None).await }
    };
    put("before").await.unwrap();
    runtime.stop();
    let error = put("meanwhile").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    runtime.restart();
    assert_eq!(store.get(&key("name")).await.unwrap().unwrap().secret.expose(), b"before");
    put("after").await.unwrap();
    assert_eq!(store.get(&key("name")).await.unwrap().unwrap().secret.expose(), b"after");
}
