#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

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

const KEY: &str = include_str!("../../../../../ccc-github/emulator/test-key.pem");

fn stored_app(configured_id: Option<u64>) -> (Arc<MemoryCredentialStore>, StoredApp) {
    let store = Arc::new(MemoryCredentialStore::default());
    (Arc::clone(&store), over(store, configured_id))
}

fn over(store: Arc<dyn CredentialStore>, configured_id: Option<u64>) -> StoredApp {
    let mut config = Config::default();
    config.github.app_id = configured_id;
    config.github.api_url = Some("http://127.0.0.1:1".to_owned());
    let github =
        GitHub::builder_without_app(Arc::new(ccc_core::SystemClock)).api_url("http://127.0.0.1:1");
    let github = github.build().unwrap();
    let webhook = Arc::new(Webhook::without_secrets(github.host()));
    StoredApp::new(&config, store, Arc::new(github), webhook).unwrap()
}

fn app(number: u64, secret: &str) -> AppChange {
    let change = AppChange::new(number).with_private_key(&Secret::from(KEY)).unwrap();
    change.with_webhook_secret(Secret::from(secret)).unwrap()
}

#[tokio::test]
async fn a_change_by_another_process_is_used_within_a_minute() {
    // spec: S12d
    let (_, stored) = stored_app(None);
    let clock = ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap());
    let shutdown = CancellationToken::new();
    stored.apps.change(&app(7, "hunter2")).await.unwrap();
    let story = async {
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stored.app_id(), None, "the App was loaded before the interval");
        clock.advance(POLL_INTERVAL);
        while stored.app_id().is_none() {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    tokio::join!(stored.poll(&clock, &shutdown), story);
}

#[tokio::test]
async fn of_several_apps_the_one_in_use_or_in_the_configuration_is_used() {
    // spec: S12d, S10a
    let (_, undecided) = stored_app(None);
    undecided.apps.change(&app(7, "1")).await.unwrap();
    assert!(undecided.reload().await.unwrap());
    assert!(!undecided.reload().await.unwrap(), "nothing has changed");
    undecided.apps.change(&app(8, "1")).await.unwrap();
    assert!(!undecided.reload().await.unwrap());
    assert_eq!(undecided.app_id(), Some(7));
    // The App in use was removed, and one other App is left.
    undecided.apps.clear(7).await.unwrap();
    assert!(undecided.reload().await.unwrap());
    assert_eq!(undecided.app_id(), Some(8));
    undecided.apps.clear(8).await.unwrap();
    for number in [5, 6] {
        undecided.apps.change(&app(number, "1")).await.unwrap();
    }
    // The App in use was removed, and the choice between the two others is ambiguous.
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
async fn damaged_records_do_not_change_the_app_in_use() {
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
    // A damaged admin token admits no request, and does not prevent the use of the App.
    put("service/admin-token", first.expose_str().unwrap()).await;
    assert!(stored.reload().await.unwrap());
    assert_eq!((stored.admin_token().is_none(), stored.app_id()), (true, Some(7)));
    put("github/127.0.0.1_1/7", "hunter2").await;
    let error = stored.reload().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert_eq!(stored.app_id(), Some(7), "the App in use changed");
}

#[tokio::test]
async fn only_the_current_admin_token_is_admitted() {
    // The fourth call to the store fails, which is the first call of the admission. The three calls
    // before issue the token and reload the App.
    let faults = Arc::new(Faults::at(3, Fault::Fail(ErrorKind::Unavailable)));
    let store = Arc::new(Faulty::new(MemoryCredentialStore::default(), &faults));
    let stored = over(Arc::clone(&store) as _, None);
    let token = stored.issue_first_admin_token().await.unwrap().unwrap();
    let mut headers = HeaderMap::new();
    assert!(stored.admit(&headers).await.unwrap().is_none());
    assert_eq!(faults.calls().len(), 3, "a request without a token led to a call to the store");
    let value = format!("Bearer {}", token.expose_str().unwrap()).parse().unwrap();
    headers.insert(axum::http::header::AUTHORIZATION, value);
    assert_eq!(stored.admit(&headers).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(stored.admit(&headers).await.unwrap().is_some());
    admin_token::replace(&*store, |_| Ok(())).await.unwrap();
    assert!(stored.admit(&headers).await.unwrap().is_none(), "the old token was admitted");
}
