#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use async_trait::async_trait;

use super::*;
use crate::RunId;
use crate::delivery_log::Attempt;
use crate::event::Delivery;
use crate::intake::Admission;
use crate::run::SkipReason;
use crate::testing::{FakeDeliveryLog, FakeHost, ManualClock, MockIntake, MockRunStore};

const START: &str = "2026-01-10T00:00:00Z";

/// A clock whose sleeps end at once and move it forward.
#[derive(Debug)]
struct Leaping(ManualClock);

#[async_trait]
impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

struct Scene {
    log: Arc<FakeDeliveryLog>,
    clock: Arc<Leaping>,
    known: Vec<&'static str>,
    intake: MockIntake,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(Leaping(ManualClock::new(START.parse().unwrap())));
        Self { log: Arc::default(), clock, known: Vec::new(), intake: MockIntake::new() }
    }

    /// Returns a reconciler, whose run store knows the deliveries in `known`.
    fn reconciler(&mut self) -> Reconciler {
        let mut store = MockRunStore::new();
        let known = self.known.clone();
        store.expect_find_delivery().returning(move |delivery| {
            let run = RunId::new(Timestamp::UNIX_EPOCH)?;
            Ok(known.contains(&delivery.as_str()).then_some(run))
        });
        let intake = Arc::new(std::mem::take(&mut self.intake));
        let clock = Arc::<Leaping>::clone(&self.clock);
        let log = Arc::<FakeDeliveryLog>::clone(&self.log);
        Reconciler::new(log, Arc::new(store), intake, clock)
    }

    /// Adds an attempt of the delivery `id` at this moment.
    fn attempt(&self, id: &str, status: u16, redelivery: bool) -> u64 {
        let (id, status) = (DeliveryId::new(id).unwrap(), (status != 0).then_some(status));
        let attempt = Attempt::new(0, id, self.clock.now()).with_redelivery(redelivery);
        self.log.add(attempt.with_status(status), SentContent::Ignored)
    }

    fn pass(&self, duration: Duration) {
        self.clock.0.advance(duration);
    }
}

#[tokio::test]
async fn a_delivery_is_requested_if_all_its_attempts_failed_for_the_moment() {
    // spec: W8a, W8b
    async fn check(statuses: &[u16], relevant: bool, expected: bool) {
        let mut scene = Scene::new();
        for status in statuses {
            let attempt = Attempt::new(0, DeliveryId::new("one").unwrap(), scene.clock.now());
            let attempt = attempt.with_status((*status != 0).then_some(*status));
            scene.log.add(attempt.with_relevant(relevant), SentContent::Ignored);
        }
        let done = scene.reconciler().reconcile().await.unwrap();
        let newest = statuses.len() as u64;
        let requested = if expected { vec![newest] } else { vec![] };
        assert_eq!(scene.log.redelivered(), requested, "{statuses:?}, {done:?}");
        assert_eq!(done.requested, requested.len());
    }
    for failed in [0, 301, 401, 403, 404, 408, 410, 429, 500, 502, 503, 504] {
        check(&[failed], true, true).await;
        check(&[failed, 503], true, true).await;
        check(&[failed], false, false).await;
        check(&[failed, 202], true, false).await;
        check(&[202, failed], true, false).await;
    }
    for answered in [200, 202, 400, 405, 409, 411, 413, 414, 415, 422, 431] {
        check(&[answered], true, false).await;
        check(&[503, answered], true, false).await;
    }
}

#[tokio::test]
async fn missed_deliveries_are_requested_oldest_first_and_at_most_one_in_a_second() {
    // spec: W8a
    let mut scene = Scene::new();
    scene.log.add_failed("too-old", 503, "2026-01-06T23:59:59Z");
    for (id, at) in [("a", "2026-01-07T00:00:00Z"), ("b", "2026-01-08T00:00:00Z"), ("c", START)] {
        scene.log.add_failed(id, 503, at);
    }
    scene.known = vec!["b"];
    let reconciler = scene.reconciler();
    assert_eq!(reconciler.reconcile().await.unwrap().requested, 2);
    assert_eq!(scene.log.redelivered(), [2, 4]);
    let passed = scene.clock.now().duration_since(START.parse().unwrap());
    assert_eq!(passed, SignedDuration::from_secs(1), "the time between two requests");
    // The log does not have the new attempts yet.
    assert_eq!(reconciler.reconcile().await.unwrap().requested, 0);
}

#[tokio::test]
async fn a_delivery_that_always_fails_is_requested_ten_times() {
    // spec: W8b
    async fn check(restarts: bool) {
        let mut scene = Scene::new();
        scene.attempt("one", 503, false);
        let mut reconciler = scene.reconciler();
        let mut times = Vec::new();
        for _ in 0..3 * 24 * 12 {
            if restarts {
                reconciler = scene.reconciler();
            }
            if reconciler.reconcile().await.unwrap().requested > 0 {
                times.push(scene.clock.now());
                scene.attempt("one", 503, true);
            }
            scene.pass(Duration::from_secs(5 * 60));
        }
        assert_eq!(times.len(), 10, "{times:?}");
        let gaps: Vec<_> = times.windows(2).map(|w| w[1].duration_since(w[0]).as_mins()).collect();
        assert_eq!(gaps, [5, 10, 20, 40, 80, 160, 320, 640, 1280]);
    }
    check(false).await;
    check(true).await;
}

#[tokio::test]
async fn a_delivery_that_fails_for_ever_is_reported_while_the_log_has_it() {
    // spec: W8b
    let mut scene = Scene::new();
    for _ in 0..=MAX_REDELIVERIES {
        scene.attempt("one", 503, true);
    }
    let done = scene.reconciler().reconcile().await.unwrap();
    assert_eq!((done.requested, done.given_up, scene.log.redelivered()), (0, 1, vec![]));
}

#[tokio::test]
async fn the_reasons_why_deliveries_fail_are_told_apart() {
    // spec: W8d
    async fn check(statuses: &[u16], address: &str, expected: Option<DeliveryProblem>) {
        let mut scene = Scene::new();
        scene.attempt("arrived", 202, false);
        // The service is not running.
        scene.attempt("missed", 0, false);
        scene.pass(Duration::from_secs(1));
        let reconciler = scene.reconciler();
        scene.log.set_address(address);
        for (number, status) in statuses.iter().enumerate() {
            scene.attempt(&format!("new-{number}"), *status, false);
        }
        reconciler.reconcile().await.unwrap();
        assert_eq!(reconciler.problem(), expected, "{statuses:?}");
    }
    let same = FakeDeliveryLog::ADDRESS;
    let unreachable = DeliveryProblem::Unreachable { address: Some(same.to_owned()) };
    let other = "https://other.example/webhook".to_owned();
    let changed = DeliveryProblem::AddressChanged { from: same.to_owned(), to: other.clone() };
    let secret = Some(DeliveryProblem::SecretChanged);
    check(&[], &other, None).await;
    check(&[401], same, secret.clone()).await;
    check(&[202, 401, 401], same, secret).await;
    check(&[401, 202], same, None).await;
    check(&[401, 503], same, None).await;
    check(&[0, 404], same, Some(unreachable)).await;
    check(&[0, 404, 301], &other, Some(changed)).await;
    check(&[503], &other, None).await;
}

#[tokio::test]
async fn an_account_that_the_host_refuses_is_told_apart() {
    // spec: W8d
    async fn check(kind: ErrorKind, expected: fn(&DeliveryProblem) -> bool) {
        let mut scene = Scene::new();
        let reconciler = scene.reconciler();
        scene.log.set_failure(Some(kind));
        assert_eq!(reconciler.reconcile().await.unwrap_err().kind(), kind);
        assert!(reconciler.problem().is_some_and(|problem| expected(&problem)), "{kind}");
        scene.log.set_failure(None);
        reconciler.reconcile().await.unwrap();
        assert_eq!(reconciler.problem(), None);
        scene.log.set_failure(Some(ErrorKind::RateLimited));
        reconciler.reconcile().await.unwrap_err();
        assert_eq!(reconciler.problem(), None);
    }
    check(ErrorKind::PermissionDenied, |it| matches!(it, DeliveryProblem::Suspended(_))).await;
    check(ErrorKind::NotFound, |it| matches!(it, DeliveryProblem::Suspended(_))).await;
    let refused = |it: &DeliveryProblem| matches!(it, DeliveryProblem::CredentialRefused(_));
    check(ErrorKind::Unauthenticated, refused).await;
}

#[tokio::test]
async fn a_changed_secret_is_probed_with_one_delivery() {
    // spec: W8d
    let mut scene = Scene::new();
    let reconciler = scene.reconciler();
    for id in ["a", "b", "c"] {
        scene.attempt(id, 401, false);
        scene.pass(Duration::from_secs(1));
    }
    reconciler.reconcile().await.unwrap();
    assert_eq!(scene.log.redelivered(), [3]);
    scene.attempt("c", 202, true);
    reconciler.reconcile().await.unwrap();
    assert_eq!(scene.log.redelivered(), [3, 1, 2]);
}

#[tokio::test]
async fn deliveries_of_the_log_pass_through_the_intake() {
    // spec: W8c
    let mut scene = Scene::new();
    let event = FakeHost::new("/srv/git/hello.git").open_issue("A title", "A body.");
    for (id, content) in [
        ("stored", None),
        ("ignored", None),
        ("conflict", None),
        ("irrelevant", Some(SentContent::Ignored)),
        ("invalid", Some(SentContent::Invalid("no payload".to_owned()))),
        ("later", None),
        ("known", None),
    ] {
        let (id, now) = (DeliveryId::new(id).unwrap(), scene.clock.now());
        let delivery = Delivery { id: id.clone(), body_sha256: [1; 32], received_at: now };
        let event = SentContent::Event { delivery, event: Box::new(event.clone()) };
        scene.log.add(Attempt::new(0, id, now), content.unwrap_or(event));
        scene.pass(Duration::from_secs(1));
    }
    scene.known = vec!["known"];
    let asked = Arc::new(Mutex::new(Vec::new()));
    let ids = Arc::clone(&asked);
    scene.intake.expect_admit().returning(move |delivery, _| {
        let mut ids = ids.lock().unwrap();
        ids.push(delivery.id.to_string());
        let kind = match delivery.id.as_str() {
            "conflict" => ErrorKind::Conflict,
            "later" if ids.len() < 5 => ErrorKind::Unavailable,
            _ => return Ok(Admission::Ignored(SkipReason::NotForUs)),
        };
        Err(Error::new(kind, "refused"))
    });
    let reconciler = scene.reconciler();
    let reconciler = reconciler.with_missed_deliveries(MissedDeliveries::ReadFromLog);
    let error = reconciler.reconcile().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(*asked.lock().unwrap(), ["stored", "ignored", "conflict", "later"]);
    assert_eq!(reconciler.reconcile().await.unwrap().read, 1);
    assert_eq!(reconciler.reconcile().await.unwrap().read, 0);
    assert_eq!(asked.lock().unwrap()[4..], ["later"]);
    assert_eq!((scene.log.redelivered(), reconciler.problem()), (vec![], None));
}

#[tokio::test]
async fn a_long_log_is_read_in_part() {
    // spec: W8e
    let mut scene = Scene::new();
    for number in 0..501 {
        scene.attempt(&format!("delivery-{number}"), 202, false);
    }
    let done = scene.reconciler().reconcile().await.unwrap();
    assert_eq!((done.attempts, done.incomplete, scene.log.reads()), (500, true, 100));
}

#[tokio::test]
async fn the_requests_of_one_call_end_after_four_minutes() {
    // spec: W8e
    let mut scene = Scene::new();
    for number in 0..300 {
        scene.attempt(&format!("delivery-{number}"), 503, false);
    }
    let reconciler = scene.reconciler();
    let done = reconciler.reconcile().await.unwrap();
    assert_eq!((done.requested, done.incomplete), (241, true));
    let passed = scene.clock.now().duration_since(START.parse().unwrap());
    assert_eq!(passed, SignedDuration::from_secs(240));
    // The next call continues with the deliveries that were not requested.
    let done = reconciler.reconcile().await.unwrap();
    assert_eq!((done.requested, done.incomplete), (59, false));
}
