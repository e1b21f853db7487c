#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use axum::http::HeaderMap;
use ccc_core::credential::Precondition;
use ccc_core::testing::{Fault, Faults, Faulty, ManualClock};
use ccc_core::{CancellationToken, CredentialKey, CredentialStore, ErrorKind, Secret};
use ccc_github::{AppChange, GitHub, Webhook};
use ccc_store::MemoryCredentialStore;

use super::{POLL_INTERVAL, StoredApp};
use crate::admin_token;
use crate::config::Config;

const KEY: &str = include_str!("../../../tests/cli/key-for-tests.pem");

fn stored_app(configured_id: Option<u64>) -> (Arc<MemoryCredentialStore>, StoredApp) {
    let store = Arc::new(MemoryCredentialStore::default());
    (Arc::clone(&store), over(store, configured_id))
}

fn over(store: Arc<dyn CredentialStore>, configured_id: Option<u64>) -> StoredApp {
    let mut config = Config::default();
    config.github.app_id = configured_id;
    config.github.api_url = Some("http://127.0.0.1:1".to_owned());
    let github = GitHub::waiting(Arc::new(ccc_core::SystemClock)).api_url("http://127.0.0.1:1");
    let github = github.build().unwrap();
    let webhook = Arc::new(Webhook::waiting(github.host()));
    StoredApp::new(&config, store, Arc::new(github), webhook).unwrap()
}

fn app(number: u64, secret: &str) -> AppChange {
    let change = AppChange::new(number).with_private_key(&Secret::from(KEY)).unwrap();
    change.with_webhook_secret(Secret::from(secret)).unwrap()
}

#[tokio::test]
async fn what_somebody_else_changes_is_used_within_a_minute() {
    // spec: S12d
    let (_, stored) = stored_app(None);
    let clock = ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap());
    let shutdown = CancellationToken::new();
    stored.apps.change(&app(7, "hunter2")).await.unwrap();
    let story = async {
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stored.app_id(), None, "not before");
        clock.advance(POLL_INTERVAL);
        while stored.app_id().is_none() {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    tokio::join!(stored.poll(&clock, &shutdown), story);
}

#[tokio::test]
async fn of_several_apps_it_stays_the_one_that_it_is_or_is_told() {
    // spec: S12d, S10a
    let (_, undecided) = stored_app(None);
    undecided.apps.change(&app(7, "1")).await.unwrap();
    assert!(undecided.reload().await.unwrap());
    assert!(!undecided.reload().await.unwrap(), "nothing else");
    undecided.apps.change(&app(8, "1")).await.unwrap();
    assert!(!undecided.reload().await.unwrap());
    assert_eq!(undecided.app_id(), Some(7));
    // The one that it was is gone, and there is one other.
    undecided.apps.clear(7).await.unwrap();
    assert!(undecided.reload().await.unwrap());
    assert_eq!(undecided.app_id(), Some(8));
    undecided.apps.clear(8).await.unwrap();
    for number in [5, 6] {
        undecided.apps.change(&app(number, "1")).await.unwrap();
    }
    // The one that it was is gone, and nobody knows which of the others is meant.
    assert!(undecided.reload().await.unwrap());
    assert_eq!(undecided.app_id(), None);
    undecided.apps.clear(5).await.unwrap();
    assert!(undecided.reload().await.unwrap());
    assert_eq!(undecided.app_id(), Some(6));

    let (_, told) = stored_app(Some(8));
    told.apps.change(&app(7, "1")).await.unwrap();
    assert!(!told.reload().await.unwrap());
    told.apps.change(&app(8, "1")).await.unwrap();
    assert!(told.reload().await.unwrap());
    assert_eq!(told.app_id(), Some(8));
}

#[tokio::test]
async fn what_is_damaged_changes_nothing() {
    // spec: S8, S12b
    let (store, stored) = stored_app(None);
    let first = stored.issue_first_admin_token().await.unwrap().unwrap();
    assert!(stored.issue_first_admin_token().await.unwrap().is_none());
    assert!(stored.admin_token().is_some());
    stored.apps.change(&app(7, "1")).await.unwrap();
    let put = async |name: &str, text: &str| {
        let name = CredentialKey::new(name).unwrap();
        store.put(&name, &Secret::from(text), Precondition::None).await.unwrap();
    };
    // A token that does not read lets nobody in, and keeps nobody's App from being used.
    put("service/admin-token", first.expose_str().unwrap()).await;
    assert!(stored.reload().await.unwrap());
    assert_eq!((stored.admin_token().is_none(), stored.app_id()), (true, Some(7)));
    put("github/127.0.0.1_1/7", "hunter2").await;
    let error = stored.reload().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert_eq!(stored.app_id(), Some(7), "it stays what it was");
}

#[tokio::test]
async fn a_token_lets_in_that_counts_now_and_not_one_that_did() {
    // spec: S12a, S12b What the admission asks of the store fails: before it a token is made, and
    // what is there looked at.
    let faults = Arc::new(Faults::at(3, Fault::Fail(ErrorKind::Unavailable)));
    let store = Arc::new(Faulty::new(MemoryCredentialStore::default(), &faults));
    let stored = over(Arc::clone(&store) as _, None);
    let token = stored.issue_first_admin_token().await.unwrap().unwrap();
    let mut headers = HeaderMap::new();
    assert!(stored.admit(&headers).await.unwrap().is_none());
    assert_eq!(faults.calls().len(), 3, "a stranger has the store asked");
    let value = format!("Bearer {}", token.expose_str().unwrap()).parse().unwrap();
    headers.insert(axum::http::header::AUTHORIZATION, value);
    assert_eq!(stored.admit(&headers).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(stored.admit(&headers).await.unwrap().is_some());
    admin_token::issue(&*store, false).await.unwrap();
    assert!(stored.admit(&headers).await.unwrap().is_none(), "another was made meanwhile");
}
