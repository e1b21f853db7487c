#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::sync::Arc;

use ccc_core::credential::{Precondition, StoredSecret, Version};
use ccc_core::{CredentialKey, CredentialStore, Error, ErrorKind, Result, Secret, async_trait};
use serde_json::{Value, json};

use super::apps::MAX_ATTEMPTS;
use super::record::short_fingerprint;
use super::*;

const KEY: &str = include_str!("../../emulator/test-key.pem");
/// The fingerprint of [`KEY`], computed with
/// `openssl rsa -pubout -outform DER | openssl sha256 -binary | openssl base64`.
const FINGERPRINT: &str = "SHA256:0IOfHcvwR9OYtZLv12/PZfWk/gM0IyUsc38D0ccwdf8=";
const OLD: &str = "hunter2-old-hook";
const NEW: &str = "hunter2-new-hook";

#[derive(Debug, Default)]
struct FakeStore {
    records: Mutex<BTreeMap<CredentialKey, (u64, Secret)>>,
    /// How many of the next writes fail with a conflict, as if another client had written first.
    quicker: AtomicUsize,
    /// The kind of error with which writes fail, or `None` if they succeed.
    fails: Mutex<Option<ErrorKind>>,
}

#[async_trait]
impl CredentialStore for FakeStore {
    async fn get(&self, key: &CredentialKey) -> Result<Option<StoredSecret>> {
        let found = self.records.lock().unwrap().get(key).cloned();
        Ok(found.map(|(version, secret)| StoredSecret { secret, version: Version(version) }))
    }

    async fn put(
        &self,
        key: &CredentialKey,
        secret: &Secret,
        precondition: Precondition,
    ) -> Result<Version> {
        if let Some(kind) = *self.fails.lock().unwrap() {
            return Err(Error::new(kind, "the store failed"));
        }
        let mut records = self.records.lock().unwrap();
        let version = records.get(key).map(|(version, _)| *version);
        let expected = match precondition {
            Precondition::Version(version) => Some(version.0),
            _ => None,
        };
        let quicker = self.quicker.load(Ordering::Relaxed);
        if quicker > 0 || version != expected {
            self.quicker.store(quicker.saturating_sub(1), Ordering::Relaxed);
            return Err(Error::new(ErrorKind::Conflict, "another version"));
        }
        let version = version.unwrap_or(0) + 1;
        records.insert(key.clone(), (version, secret.clone()));
        Ok(Version(version))
    }

    async fn delete(&self, key: &CredentialKey) -> Result<()> {
        self.records.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<CredentialKey>> {
        Ok(self.records.lock().unwrap().keys().cloned().collect())
    }
}

fn apps() -> (Arc<FakeStore>, Apps) {
    let store = Arc::new(FakeStore::default());
    (Arc::clone(&store), Apps::new(store, "github.example.org:8443"))
}

fn change(json: Value) -> Result<AppChange> {
    AppChange::from_json(json.to_string().as_bytes())
}

#[tokio::test]
async fn an_app_is_made_changed_shown_and_cleared() {
    // spec: S10a, S10b
    let (store, apps) = apps();
    let made = json!({"appId": "7", "privateKey": KEY.replace('\n', "\\n"), "webhookSecret": OLD, "installationId": 11});
    let view = apps.change(&change(made).unwrap()).await.unwrap();
    assert_eq!((view.app_id, &*view.host), (7, "github.example.org:8443"));
    assert_eq!((&*view.private_key, &view.installation_ids), (FINGERPRINT, &vec![11]));
    assert_eq!(apps.list().await.unwrap(), [7]);
    let record = store.records.lock().unwrap().keys().next().unwrap().to_string();
    assert_eq!(record, "github/github.example.org_8443/7");

    let rotated = json!({"appId": 7, "webhookSecret": NEW, "installationId": "12"});
    let view = apps.change(&change(rotated).unwrap()).await.unwrap();
    assert_eq!((view.webhook_secrets.len(), &view.installation_ids), (2, &vec![11, 12]));
    let app = apps.get(7).await.unwrap().unwrap();
    let secrets: Vec<_> = app.webhook_secrets.iter().map(|s| s.expose_str().unwrap()).collect();
    assert_eq!(secrets, [NEW, OLD], "the old secret stays valid until it is removed");
    crate::app_key::AppKey::from_pem(&app.private_key).unwrap();

    // A known secret that is added again becomes the newest one.
    apps.change(&change(json!({"appId": 7, "webhookSecret": OLD})).unwrap()).await.unwrap();
    let forgotten = json!({"appId": 7, "forgetOldSecrets": true, "installationId": [5]});
    let view = apps.change(&change(forgotten).unwrap()).await.unwrap();
    let left = apps.get(7).await.unwrap().unwrap().webhook_secrets;
    assert_eq!((left.len(), left[0].expose_str().unwrap()), (1, OLD));
    assert_eq!(view.installation_ids, [5]);

    let shown = format!("{view:?} {app:?} {apps:?} {}", serde_json::to_string(&view).unwrap());
    for secret in ["hunter2", "PRIVATE KEY", &KEY[100..130]] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_ne!(view.webhook_secrets[0], short_fingerprint(&Secret::from(NEW)));
    assert!(apps.clear(7).await.unwrap());
    assert!(!apps.clear(7).await.unwrap());
    assert!(apps.view(7).await.unwrap().is_none());
}

#[tokio::test]
async fn an_app_is_created_completely_and_never_overwritten() {
    // spec: S11a
    let (_, apps) = apps();
    let made = ["1", "2", "3"].into_iter().fold(AppChange::new(7), |change, secret| {
        change.with_webhook_secret(Secret::from(secret)).unwrap()
    });
    let made = made.with_private_key(&Secret::from(KEY)).unwrap();
    assert!(apps.create(&made).await.unwrap());
    let secrets = apps.get(7).await.unwrap().unwrap().webhook_secrets;
    let secrets: Vec<_> = secrets.iter().map(|secret| secret.expose_str().unwrap()).collect();
    assert_eq!(secrets, ["3", "2", "1"]);
    assert!(!apps.create(&made).await.unwrap(), "the App already exists");
    let four = made.with_webhook_secret(Secret::from("4")).unwrap();
    assert!(apps.clear(7).await.unwrap());
    apps.create(&four).await.unwrap_err();
    assert!(apps.get(7).await.unwrap().is_none(), "no part of the App is stored");
}

#[tokio::test]
async fn apps_and_hosts_are_stored_independently() {
    // spec: S10a
    let (store, apps) = apps();
    let elsewhere = Apps::new(Arc::clone(&store) as _, "[::1]:3000");
    for number in [9, 10, 8] {
        let made = json!({"appId": number, "privateKey": KEY, "webhookSecret": OLD});
        apps.change(&change(made).unwrap()).await.unwrap();
    }
    assert_eq!(apps.list().await.unwrap(), [8, 9, 10]);
    assert_eq!(elsewhere.list().await.unwrap(), [0_u64; 0]);
    assert!(elsewhere.get(9).await.unwrap().is_none());
}

#[tokio::test]
async fn errors_name_the_field_and_show_no_value() {
    // spec: S10c
    let public = "-----BEGIN PUBLIC KEY-----\nhunter2\n-----END PUBLIC KEY-----";
    let large = "hunter2".repeat(200_000);
    let cases = [
        (json!([]), "not a JSON object"),
        (json!({}), "`appId` is missing"),
        (json!({"appId": "hunter2"}), "`appId` must be a whole number"),
        (json!({"appId": -1}), "`appId` must be a whole number"),
        (json!({"appId": 0}), "`appId` must be a whole number"),
        (json!({"appId": 7, "privateKey": public}), "is a public key"),
        (json!({"appId": 7, "privateKey": "hunter2"}), "is not PEM"),
        (json!({"appId": 7, "privateKey": ["hunter2"]}), "`privateKey` must be a string"),
        (json!({"appId": 7, "webhookSecret": ""}), "webhook secret is empty"),
        (json!({"appId": 7, "webhookSecret": " \t "}), "webhook secret is empty"),
        (json!({"appId": 7, "webhookSecret": "hunter2\nhunter2"}), "has a line break"),
        (json!({"appId": 7, "installationId": "hunter2"}), "`installationId` must be"),
        (json!({"appId": 7, "installationId": [1, "hunter2"]}), "`installationId` must be"),
        (json!({"appId": 7, "forgetOldSecrets": "hunter2"}), "`forgetOldSecrets` must be"),
        (json!({"appId": 7, "webhooksecret": "hunter2"}), "unknown field `webhooksecret`"),
        (json!({"appId": 7, "webhookSecret": large}), "64 KiB"),
        (
            json!({"appId": 7, "webhookSecret": "hunter2"}),
            "is not stored yet: add the field `privateKey`",
        ),
        (
            json!({"appId": 7, "privateKey": KEY}),
            "is not stored yet: add the field `webhookSecret`",
        ),
    ];
    for (json, expected) in cases {
        let (store, apps) = apps();
        let error = match change(json) {
            Err(error) => error,
            Ok(change) => apps.change(&change).await.expect_err(expected),
        };
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert!(store.records.lock().unwrap().is_empty());
    }
    for bytes in [&b"hunter2"[..], b"", b"{\"appId\": 7, \"privateKey\": hunter2}", b"\xff"] {
        let error = AppChange::from_json(bytes).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let (_, apps) = apps();
    let made = json!({"appId": 7, "privateKey": KEY, "webhookSecret": "1"});
    apps.change(&change(made).unwrap()).await.unwrap();
    let rotate = async |secret: &str| {
        apps.change(&change(json!({"appId": 7, "webhookSecret": secret})).unwrap()).await
    };
    rotate("2").await.unwrap();
    rotate("3").await.unwrap();
    let error = rotate("4").await.unwrap_err();
    assert!(error.to_string().contains("forgetOldSecrets"), "{error}");
}

#[tokio::test]
async fn conflicting_changes_are_retried_and_corrupt_records_stay_unchanged() {
    // spec: S10b
    let (store, apps) = apps();
    let made = change(json!({"appId": 7, "privateKey": KEY, "webhookSecret": OLD})).unwrap();
    store.quicker.store(5, Ordering::Relaxed);
    apps.change(&made).await.unwrap();
    store.quicker.store(MAX_ATTEMPTS, Ordering::Relaxed);
    let error = apps.change(&made).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    store.quicker.store(0, Ordering::Relaxed);
    let key = apps.key(7).unwrap();
    for damaged in ["", "{}", r#"{"privateKey": 1}"#, "hunter2"] {
        store.records.lock().unwrap().insert(key.clone(), (9, Secret::from(damaged)));
        let error = apps.change(&made).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{damaged}");
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(store.records.lock().unwrap()[&key].0, 9);
    }
    assert!(apps.clear(7).await.unwrap(), "an unreadable record can be removed");
}

fn admitted() -> super::Admitted {
    let (token, known) = super::AdminToken::generate().unwrap();
    let mut headers = http::HeaderMap::new();
    let value = format!("Bearer {}", token.expose_str().unwrap());
    headers.insert(http::header::AUTHORIZATION, value.parse().unwrap());
    known.admits(&headers).unwrap()
}

#[tokio::test]
async fn apps_are_shown_changed_and_cleared_over_http() {
    // spec: S12c, S12e
    let (_, apps) = apps();
    let made = json!({"appId": 7, "privateKey": KEY, "webhookSecret": OLD, "installationId": 11})
        .to_string();
    let eight = made.replace(":7", ":8");
    let public = json!({"appId": 7, "privateKey": "-----BEGIN PUBLIC KEY-----\nhunter2\n-----END PUBLIC KEY-----"});
    let megabyte = json!({"appId": 7, "webhookSecret": "hunter2".repeat(150_000)}).to_string();
    let cases: [(&str, Option<&str>, &str, u16, &str); 29] = [
        ("GET", None, "", 200, r#"{"apps":[]}"#),
        ("DELETE", None, "", 404, "no GitHub App is stored"),
        ("DELETE", Some("all=true"), "", 404, "no GitHub App is stored"),
        ("POST", None, "", 400, "not a JSON object"),
        ("POST", None, "hunter2", 400, "not a JSON object"),
        ("POST", None, "{}", 400, "`appId` is missing"),
        (
            "POST",
            None,
            r#"{"appId": 7, "webhookSecret": "hunter2"}"#,
            400,
            "add the field `privateKey`",
        ),
        ("POST", None, &public.to_string(), 400, "is a public key"),
        ("POST", None, &megabyte, 413, "64 KiB"),
        ("POST", None, &made, 200, r#""privateKey":"SHA256:0IO"#),
        ("POST", None, r#"{"appId": "7", "installationId": "12"}"#, 200, "[11,12]"),
        ("GET", None, "", 200, r#""host":"github.example.org:8443""#),
        ("POST", None, &eight, 200, r#""appId":8"#),
        ("DELETE", None, "", 400, "stored Apps are 7, 8: use ?appId=N"),
        ("DELETE", Some(""), "", 400, "stored Apps are 7, 8: use ?appId=N"),
        ("DELETE", Some("appId="), "", 400, "must be a number"),
        ("DELETE", Some("all"), "", 400, "?all=true"),
        ("DELETE", Some("all=false"), "", 400, "?all=true"),
        ("DELETE", Some("all=true&appId=7"), "", 400, "?all=true"),
        ("DELETE", Some("appId=x"), "", 400, "must be a number"),
        ("DELETE", Some("app_id=7"), "", 400, "?appId=N"),
        ("DELETE", Some("appId=7&appId=8"), "", 400, "?appId=N"),
        ("DELETE", Some("appId=9"), "", 404, "no GitHub App with the id 9"),
        ("DELETE", Some("appId=7"), "", 200, r#"{"cleared":7}"#),
        // The only App is not removed either, unless the request names it.
        ("DELETE", None, "", 400, "stored Apps are 8: use ?appId=N"),
        ("POST", None, &made, 200, r#""appId":7"#),
        ("DELETE", Some("all=true"), "", 200, r#"{"cleared":[7,8]}"#),
        ("GET", None, "", 200, r#"{"apps":[]}"#),
        ("PUT", None, &made, 405, "GET, POST and DELETE"),
    ];
    for (method, query, body, status, expected) in cases {
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = apps.answer(admitted(), &method, query, body.as_bytes()).await.into_response();
        let shown = format!("{method} {query:?}: {}", answer.body());
        assert!(answer.body().contains(expected), "{shown}");
        assert_eq!(answer.status(), status, "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("PRIVATE"), "{shown}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        serde_json::from_str::<Value>(answer.body()).unwrap();
    }
}

#[tokio::test]
async fn failures_of_the_store_have_their_own_statuses() {
    // spec: S12c, S8
    let (store, apps) = apps();
    let made = json!({"appId": 7, "privateKey": KEY, "webhookSecret": OLD}).to_string();
    let post = async |body: &str| {
        apps.answer(admitted(), &http::Method::POST, None, body.as_bytes()).await
    };
    for (fails, status) in [
        (ErrorKind::LimitExceeded, 507),
        (ErrorKind::DiskFull, 507),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::TimedOut, 503),
        (ErrorKind::Corrupt, 500),
    ] {
        *store.fails.lock().unwrap() = Some(fails);
        assert_eq!(post(&made).await.status, status, "{fails}");
    }
    *store.fails.lock().unwrap() = None;
    // A corrupt record does not hide other Apps, and can be removed.
    assert_eq!(post(&made).await.status, 200);
    let damaged = (1, Secret::from("hunter2"));
    store.records.lock().unwrap().insert(apps.key(8).unwrap(), damaged);
    let shown = apps.answer(admitted(), &http::Method::GET, None, b"").await;
    assert_eq!((shown.status.as_u16(), &shown.body["apps"][0]["appId"]), (200, &json!(7)));
    let error = shown.body["apps"][1]["error"].as_str().unwrap();
    assert!(error.contains("delete the stored App") && !error.contains("hunter2"), "{error}");
    let cleared = apps.answer(admitted(), &http::Method::DELETE, Some("appId=8"), b"").await;
    assert_eq!(cleared.body, json!({ "cleared": 8 }));
}

#[tokio::test]
async fn a_key_with_any_line_breaks_has_the_same_fingerprint() {
    // spec: S10c
    let (_, apps) = apps();
    let mut lines = KEY.trim().lines();
    let (first, last) = (lines.next().unwrap(), lines.next_back().unwrap());
    let body: String = lines.collect();
    let folded = |width: usize| {
        let lines: Vec<&str> =
            body.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("{first}\n{}\n{last}", lines.join("\n"))
    };
    for pem in [folded(4_000), folded(76), KEY.replace('\n', "  \r\n"), folded(64)] {
        let change = change(json!({"appId": 7, "privateKey": pem, "webhookSecret": OLD})).unwrap();
        assert_eq!(apps.change(&change).await.unwrap().private_key, FINGERPRINT);
        assert_eq!(apps.view(7).await.unwrap().unwrap().private_key, FINGERPRINT);
    }
    let large = Secret::from("hunter2".repeat(10_000));
    let error = AppChange::new(7).with_webhook_secret(large.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(
        AppChange::new(7).with_private_key(&large).unwrap_err().kind(),
        ErrorKind::LimitExceeded
    );
}
