//! Tests of deliveries from the emulator to the webhook over HTTP, and of the log of deliveries.

use std::sync::{Arc, Mutex};

use ccc_core::delivery_log::SentContent;
use ccc_core::event::{Delivery, IssueEvent, Trigger};
use ccc_core::intake::Admission;
use ccc_core::run_store::Accepted;
use ccc_core::{
    DeliveryLog as _, Error, ErrorKind, Intake, Result, RunId, SystemClock, async_trait,
};
use ccc_github::{Secrets, Webhook, router};
use github_emulator::Fault;

use crate::common::{World, world};
use crate::emulated::secret;

#[derive(Debug, Default)]
struct StoredEvents {
    broken: std::sync::atomic::AtomicBool,
    all: Mutex<Vec<(Delivery, IssueEvent)>>,
}

#[async_trait]
impl Intake for StoredEvents {
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission> {
        if self.broken.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unavailable, "the disk is full"));
        }
        self.all.lock().unwrap().push((delivery.clone(), event.clone()));
        let run = RunId::new(delivery.received_at)?;
        Ok(Admission::Accepted(Accepted { run, duplicate: false }))
    }
}

/// Starts a server for the webhook. It stops when the returned task set is dropped.
async fn listen(world: &World) -> (Arc<StoredEvents>, tokio::task::JoinSet<std::io::Result<()>>) {
    let events = Arc::new(StoredEvents::default());
    let secrets = Secrets::new([secret(&world.emulator.webhook_secret())]).unwrap();
    let webhook = Arc::new(Webhook::new(secrets, world.github().host()));
    let app = router(webhook, Arc::<StoredEvents>::clone(&events), Arc::new(SystemClock));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    world.emulator.set_webhook_url(format!("http://{address}/webhook/github"));
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, app).await });
    (events, server)
}

#[tokio::test]
async fn changes_of_an_issue_arrive_as_events() {
    // spec: W2a, W4c
    let world = world().await;
    let (events, _server) = listen(&world).await;
    let number = world.emulator.open_issue(&world.emulated, "alice", "Crash ä", "b").await.unwrap();
    world.emulator.label_issue(&world.emulated, number, "alice", "claude").await.unwrap();
    let id = world.emulator.comment(&world.emulated, number, "alice", "@claude").await.unwrap();
    let all = events.all.lock().unwrap();
    let triggers: Vec<_> = all.iter().map(|(_, event)| event.trigger.clone()).collect();
    assert_eq!(
        triggers,
        [
            Trigger::Opened,
            Trigger::Labeled { label: "claude".to_owned() },
            Trigger::Commented { comment: id, body: "@claude".to_owned() },
        ]
    );
    assert_eq!(all[0].1.repo, world.repo);
    assert_eq!(all[0].1.issue.title, "Crash ä");
    let sent: Vec<_> = world.emulator.deliveries().iter().map(|d| d.status_code).collect();
    assert_eq!(sent, [202, 202, 202]);
}

#[tokio::test]
async fn a_delivery_that_was_not_stored_is_in_the_log_and_can_be_sent_again() {
    // spec: W8a
    let world = world().await;
    let github = world.github();
    let (events, _server) = listen(&world).await;
    events.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    world.emulator.open_issue(&world.emulated, "alice", "one", "").await.unwrap();
    events.broken.store(false, std::sync::atomic::Ordering::Relaxed);
    world.emulator.open_issue(&world.emulated, "alice", "two", "").await.unwrap();
    let log = github.page(None).await.unwrap();
    let statuses: Vec<_> = log.attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!((statuses, log.next), (vec![Some(202), Some(503)], None));
    let failed = &log.attempts[1];
    assert!(failed.relevant && !failed.redelivery);
    let sent = github.request(failed.handle).await.unwrap();
    let address = github.address().await.unwrap();
    assert_eq!(Some(&sent.address), address.as_ref());
    let SentContent::Event { delivery, event } = sent.content else { panic!("{sent:?}") };
    let first = &world.emulator.deliveries()[0];
    assert_eq!((&delivery.id, delivery.id.as_str()), (&failed.delivery, first.guid.as_str()));
    assert_eq!(event.issue.title, "one");
    github.redeliver(failed.handle).await.unwrap();
    for _ in 0..200 {
        if world.emulator.deliveries().len() == 3 {
            break;
        }
        ccc_core::Clock::sleep(&SystemClock, std::time::Duration::from_millis(10)).await;
    }
    let again = github.page(None).await.unwrap().attempts.remove(0);
    let expected = (&failed.delivery, true, Some(202));
    assert_eq!((&again.delivery, again.redelivery, again.status), expected);
    let all = events.all.lock().unwrap();
    let titles: Vec<_> = all.iter().map(|(_, event)| event.issue.title.clone()).collect();
    assert_eq!(titles, ["two", "one"]);
    // The log and the delivery itself have the same meaning and the same digest.
    assert_eq!((&all[1].1, all[1].0.body_sha256), (&*event, delivery.body_sha256));
}

#[tokio::test]
async fn an_app_that_github_refuses_is_told_apart_from_an_outage() {
    // spec: W8d
    let world = world().await;
    for (status, message, expected) in [
        (403, "This GitHub App has been suspended", ErrorKind::PermissionDenied),
        (404, "Integration not found", ErrorKind::NotFound),
        (401, "Integration not found", ErrorKind::Unauthenticated),
        (503, "unavailable", ErrorKind::Unavailable),
    ] {
        let body = format!(r#"{{"message": "{message}"}}"#);
        let fault = Fault::on("GET", "/app/hook/deliveries");
        world.emulator.inject(fault.body(status, "application/json", &body).times(usize::MAX));
        let error = world.github().page(None).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
        assert!(error.to_string().contains(message), "{error}");
        world.emulator.clear_faults();
    }
    assert_eq!(world.github().page(None).await.unwrap().attempts, []);
}

#[tokio::test]
async fn a_user_can_open_an_issue_with_curl() {
    // spec: W2a
    use ccc_github::http::{Http as _, ReqwestHttp};
    let world = world().await;
    let http = ReqwestHttp::direct().unwrap();
    let open = |user: &str| {
        let url = format!("{}/repos/octo/hello/issues", world.emulator.api_url());
        let request =
            http::Request::post(url).header("x-emulator-user", user).header("user-agent", "curl");
        http.send(request.body(r#"{"title":"by hand"}"#.into()).unwrap())
    };
    assert_eq!(open("alice").await.unwrap().status(), 201);
    assert_eq!(open("mallory").await.unwrap().status(), 401);
    let url = format!("{}/", world.emulator.api_url());
    let index = http.send(http::Request::get(url).body("".into()).unwrap()).await.unwrap();
    let index = String::from_utf8_lossy(index.body()).into_owned();
    assert!(index.contains("issue #1: by hand"), "{index}");
    world.emulator.stop().await;
}
