#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a panic fails the test, and tests are never part of a Worker"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ccc_core::credential::CredentialStore;
use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::event::Delivery;
use ccc_core::run::RunState;
use ccc_core::testing::{
    FakeAgent, FakeCredentialStore, FakeDeliveryLog, FakeRunner, Fakes, Fault, Faults, Faulty,
};
use ccc_core::{
    CancellationToken, DeliveryId, ErrorKind, Intake, Outcome, Remedy, RunStore as _, Secret,
};
use ccc_github::{Secrets, Webhook};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::config::Config;
use crate::http::Clients;
use crate::model_credential::for_service;
use crate::routes::router;
use crate::service::Service;
use crate::service::stop_limits::StopLimits;
use crate::stored_credentials::StoredCredentials;

const SECRET: &str = "It's a Secret to Everybody";
const KEY: &str = include_str!("../../../../ccc-github/emulator/test-key.pem");

fn config(directory: &Path) -> Config {
    let mut config = Config::default();
    config.data_dir = Some(directory.join("service"));
    config
}

/// Creates a service over fakes, whose webhook has the secret [`SECRET`].
async fn service(fakes: &Fakes, directory: &Path) -> Service {
    let webhook = Webhook::new(Secrets::new([Secret::from(SECRET)]).unwrap(), "host.example");
    Service::builder(&config(directory))
        .fake_host(Arc::clone(&fakes.host), webhook)
        .runner(Arc::clone(&fakes.runner))
        .credentials(Arc::clone(&fakes.credentials))
        .agent(FakeAgent::default().writes("README.md", "Hello.\n"))
        .build()
        .await
        .unwrap()
}

/// Sends a request to a router over HTTP. Returns the whole response.
async fn send(app: Router, head: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let end = CancellationToken::new();
    let server = crate::http::serve(listener, app, Clients::default(), end.clone());
    let client = async {
        let length = body.len();
        let head =
            format!("{head}host: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        end.cancel();
        response
    };
    tokio::join!(server, client).1
}

/// Sends the delivery `id` to `service`, which says that issue 1 was opened. Returns the response.
async fn deliver(service: &Service, id: &str) -> String {
    deliver_to(router(service.clone()), id).await
}

async fn deliver_to(app: Router, id: &str) -> String {
    let user = json!({ "id": 1_000, "login": "writer", "type": "User" });
    let body = json!({
        "action": "opened",
        "issue": {
            "id": 1, "number": 1, "title": "Greet", "body": null, "user": user, "state": "open",
            "created_at": "1970-01-01T00:00:00Z", "updated_at": "1970-01-01T00:00:00Z",
        },
        "repository": {
            "id": 7, "name": "hello", "full_name": "octo/hello",
            "owner": { "id": 2, "login": "octo", "type": "User" },
        },
        "sender": user,
    })
    .to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let head = format!(
        "POST /webhook/github HTTP/1.1\r\ncontent-type: application/json\r\nx-github-event: issues\r\n\
         x-github-delivery: {id}\r\nx-hub-signature-256: sha256={signature}\r\n"
    );
    send(app, &head, &body).await
}

async fn health(service: &Service) -> (String, Value) {
    let response = send(router(service.clone()), "GET /health HTTP/1.1\r\n", "").await;
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn health_reports_why_deliveries_do_not_reach_the_service() {
    // spec: W8d
    let (fakes, directory) =
        (Fakes::new(&[("README.md", "hello\n")]), tempfile::tempdir().unwrap());
    let log = Arc::new(FakeDeliveryLog::default());
    log.set_failure(Some(ErrorKind::PermissionDenied));
    let service = Service::builder(&config(directory.path()))
        .host(Arc::clone(&fakes.host))
        .delivery_log(Arc::clone(&log))
        .runner(Arc::clone(&fakes.runner))
        .credentials(Arc::clone(&fakes.credentials))
        .agent(FakeAgent::default())
        .build()
        .await
        .unwrap();
    let shutdown = CancellationToken::new();
    let reported = async {
        let warnings = loop {
            let (head, body) = health(&service).await;
            let warnings = body["warnings"].to_string();
            if warnings.contains("suspended") {
                assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                break warnings;
            }
        };
        shutdown.cancel();
        warnings
    };
    let (warnings, ()) = tokio::join!(reported, service.serve(shutdown.clone()));
    assert!(warnings.contains("the owner of the App"), "{warnings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_accepted_only_while_the_service_executes_runs() {
    // spec: W4d
    let (fakes, directory) =
        (Fakes::new(&[("README.md", "hello\n")]), tempfile::tempdir().unwrap());
    fakes.host.open_issue("Greet", "");
    let service = service(&fakes, directory.path()).await;
    let refused = deliver(&service, "d-1").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.to_lowercase().contains("retry-after: "), "{refused}");
    assert!(service.dispatcher().store().list(None, 10).await.unwrap().is_empty());
    let (head, body) = health(&service).await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(body["checks"]["runs"].as_str().unwrap().contains("Service::serve"), "{body}");

    let shutdown = CancellationToken::new();
    let serving = tokio::spawn({
        let (service, shutdown) = (service.clone(), shutdown.clone());
        async move { service.serve(shutdown).await }
    });
    while health(&service).await.0.starts_with("HTTP/1.1 503") {}
    let accepted = deliver(&service, "d-2").await;
    assert!(accepted.starts_with("HTTP/1.1 202"), "{accepted}");
    let outcome = loop {
        let runs = service.dispatcher().store().list(None, 10).await.unwrap();
        if let RunState::Finished { outcome } = &runs[0].state {
            break outcome.clone();
        }
        tokio::task::yield_now().await;
    };
    assert!(matches!(outcome, Outcome::PullRequest { .. }), "{outcome:?}");
    shutdown.cancel();
    // At once, while active runs still finish.
    let refused = deliver(&service, "d-3").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    serving.await.unwrap();
    let refused = deliver(&service, "d-3").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");

    // Proof that the check matters: without it, the delivery is accepted although its run never
    // starts.
    let dispatcher = service.dispatcher();
    let (pipeline, store) = (dispatcher.pipeline().clone(), Arc::clone(dispatcher.store()));
    let unchecked: Arc<dyn Intake> =
        Arc::new(Dispatcher::new(pipeline, store, DispatcherConfig::default()));
    let webhook = Arc::clone(service.inner.webhook.as_ref().unwrap());
    let app = ccc_github::router(webhook, unchecked, Arc::clone(&service.inner.clock));
    let accepted = deliver_to(app, "d-4").await;
    assert!(accepted.starts_with("HTTP/1.1 202"), "{accepted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_ends_although_a_cleanup_hangs() {
    // spec: Q6
    let (fakes, directory) =
        (Fakes::new(&[("README.md", "hello\n")]), tempfile::tempdir().unwrap());
    let event = fakes.host.open_issue("Greet", "");
    let faults = Arc::new(Faults::on("container_runner.destroy", 0, Fault::Hang));
    let webhook = Webhook::new(Secrets::new([Secret::from(SECRET)]).unwrap(), "host.example");
    let short = Duration::from_millis(100);
    let service = Service::builder(&config(directory.path()))
        .fake_host(Arc::clone(&fakes.host), webhook)
        .runner(Faulty::new(Arc::clone(&fakes.runner), &faults))
        .credentials(Arc::clone(&fakes.credentials))
        .agent(FakeAgent::default().writes("README.md", "Hello.\n"))
        .stop_limits(StopLimits { drain: short, cleanup: short })
        .build()
        .await
        .unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn({
        let (service, shutdown) = (service.clone(), shutdown.clone());
        async move { service.serve(shutdown).await }
    });
    while !service.dispatcher().is_serving() {
        tokio::task::yield_now().await;
    }
    let delivery = Delivery {
        id: DeliveryId::new("d-1").unwrap(),
        body_sha256: [0; 32],
        received_at: Timestamp::UNIX_EPOCH,
    };
    service.dispatcher().admit(&delivery, &event).await.unwrap();
    faults.until_a_call_hangs().await;
    shutdown.cancel();
    serving.await.unwrap();
    let ended = tokio::time::timeout(Duration::ZERO, faults.until_no_call_hangs()).await;
    assert!(ended.is_err(), "the service waited until the cleanup ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_serve_ends_the_acceptance_of_deliveries() {
    let (fakes, directory) = (Fakes::new(&[]), tempfile::tempdir().unwrap());
    let service = service(&fakes, directory.path()).await;
    let serve = tokio::spawn({
        let service = service.clone();
        async move { service.serve(CancellationToken::new()).await }
    });
    while !service.dispatcher().is_serving() {
        tokio::task::yield_now().await;
    }
    serve.abort();
    assert!(serve.await.unwrap_err().is_cancelled());
    assert!(!service.dispatcher().is_serving());
}

/// Sends a delivery that is larger than allowed to `app`, served by axum's own server. Returns the
/// response, or the error if the connection was reset.
async fn send_too_large(app: Router) -> std::io::Result<String> {
    const LENGTH: usize = 30 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut stream = TcpStream::connect(listener.local_addr()?).await?;
    let server = tokio::spawn(axum::serve(listener, app).into_future());
    let head = format!(
        "POST /webhook/github HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         x-github-event: issues\r\nx-github-delivery: d-1\r\ncontent-length: {LENGTH}\r\n\r\n"
    );
    let exchange = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&vec![b' '; LENGTH]).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        Ok(response)
    };
    let result = exchange.await;
    server.abort();
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_receives_the_refusal_of_a_large_body_from_any_server() {
    // spec: W1e
    let (fakes, directory) = (Fakes::new(&[]), tempfile::tempdir().unwrap());
    let service = service(&fakes, directory.path()).await;
    let response = send_too_large(router(service.clone())).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");

    // Proof that the router's layer matters: without it, the connection is reset.
    let webhook = Arc::clone(service.inner.webhook.as_ref().unwrap());
    let app = ccc_github::router(webhook, service.intake(), Arc::clone(&service.inner.clock));
    let result = send_too_large(app).await;
    assert!(result.is_err(), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_credentials_replace_stored_ones_only_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(FakeCredentialStore::default());
    let build = async |secret: &str, stored: StoredCredentials| {
        let mut config = config(directory.path());
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        config.github.app_id = Some(7);
        config.github.private_key_file = write("key", KEY);
        config.github.webhook_secret_file = write("secret", secret);
        Service::builder(&config)
            .runner(FakeRunner::default())
            .agent(FakeAgent::default())
            .credentials(Arc::clone(&store))
            .stored_credentials(stored)
            .build()
            .await
    };
    let differs = "the webhook secret of the App 7 differs between the configuration";
    for (secret, stored, expected) in [
        ("first secret", StoredCredentials::Refuse, Ok(None)),
        ("second secret", StoredCredentials::Prefer, Ok(Some(differs))),
        ("second secret", StoredCredentials::Refuse, Err(Some(Remedy::ReplaceStored))),
        ("second secret", StoredCredentials::Replace, Ok(None)),
        ("second secret", StoredCredentials::Refuse, Ok(None)),
        // The replaced secret is no longer valid.
        ("first secret", StoredCredentials::Prefer, Ok(Some(differs))),
    ] {
        match (build(secret, stored).await, expected) {
            (Ok(service), Ok(warning)) => {
                let (_, body) = health(&service).await;
                let warnings = body["warnings"].to_string();
                let found = warnings.contains("differs between the configuration");
                assert_eq!(found, warning.is_some(), "{secret} {stored:?}: {warnings}");
                assert!(warning.is_none_or(|text| warnings.contains(text)), "{warnings}");
                assert!(!warnings.contains("secret\""), "{warnings}");
            }
            (Err(error), Err(remedy)) => {
                assert_eq!(
                    (error.kind(), error.remedy()),
                    (ErrorKind::Conflict, remedy),
                    "{error}"
                );
            }
            (result, expected) => panic!("{secret} {stored:?}: {result:?}, not {expected:?}"),
        }
    }
    assert_eq!(store.list().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_model_credential_replaces_the_stored_one_only_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let store = FakeCredentialStore::default();
    let of = async |secret: &str, bearer: bool, policy: StoredCredentials| {
        let mut config = config(directory.path());
        let file = directory.path().join("credential");
        std::fs::write(&file, secret).unwrap();
        match bearer {
            true => config.model.bearer_token_file = Some(file),
            false => config.model.api_key_file = Some(file),
        }
        for_service(&config, &store, policy).await
    };
    use StoredCredentials::{Prefer, Refuse, Replace};
    for (secret, bearer, policy, expected) in [
        ("one", false, Refuse, Some(false)),
        ("two", false, Prefer, Some(true)),
        // The same secret as a credential of another kind.
        ("one", true, Prefer, Some(true)),
        ("one", true, Refuse, None),
        ("one", true, Replace, Some(false)),
        ("one", true, Refuse, Some(false)),
        ("one", false, Refuse, None),
    ] {
        let result = of(secret, bearer, policy).await;
        let warned = result.as_ref().ok().map(|(_, warning)| warning.is_some());
        assert_eq!(warned, expected, "{secret} {bearer} {policy:?}: {result:?}");
    }
    // An unreadable setting is an error unless the stored credential is used.
    let mut config = config(directory.path());
    config.model.api_key_file = Some(directory.path().join("missing"));
    assert!(for_service(&config, &store, Prefer).await.is_ok());
    assert!(for_service(&config, &store, Replace).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_of_the_embedder_needs_an_agent_without_a_model() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    let key = directory.path().join("key");
    std::fs::write(&key, "sk-ant-a-key").unwrap();
    config.agent.kind = Some("claude".to_owned());
    config.model.api_key_file = Some(key);
    let built = Service::builder(&config)
        .host(Arc::clone(&Fakes::new(&[]).host))
        .runner(FakeRunner::default())
        .credentials(FakeCredentialStore::default())
        .build()
        .await;
    let error = built.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("needs the configured runner"), "{error}");
}

#[test]
fn health_and_pings_need_no_thread_for_blocking_work() {
    // spec: W12f
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (fakes, directory) = (Fakes::new(&[]), tempfile::tempdir().unwrap());
    runtime.block_on(async {
        let service = service(&fakes, directory.path()).await;
        let _serving = service.dispatcher().begin_serving(&CancellationToken::new());
        // The only thread for blocking work waits until the gate opens.
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let held = tokio::task::spawn_blocking(move || gate.recv());
        let queued = tokio::task::spawn_blocking(|| ());
        let (head, body) = health(&service).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{body}");
        let body = "{}";
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let head = format!(
            "POST /webhook/github HTTP/1.1\r\ncontent-type: application/json\r\nx-github-event: ping\r\n\
             x-github-delivery: p-1\r\nx-hub-signature-256: sha256={signature}\r\n"
        );
        let pong = send(router(service.clone()), &head, body).await;
        assert!(pong.contains("{\"pong\":true}"), "{pong}");
        assert!(!queued.is_finished(), "a thread for blocking work was free");
        open.send(()).unwrap();
        held.await.unwrap().unwrap();
        queued.await.unwrap();
    });
}
