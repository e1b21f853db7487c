//! Tests of the checks at intake: which requests of maintainers strangers can prevent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::dispatcher::{Dispatcher, DispatcherConfig};
use ccc_core::event::{Actor, ActorKind, IssueEvent, Trigger};
use ccc_core::intake::{Admission, Intake};
use ccc_core::policy::TrustPolicy;
use ccc_core::run::SkipReason;
use ccc_core::testing::{FakeAgent, Fakes, ManualClock, MockVcsHost};
use ccc_core::vcs::{BotIdentity, Permission};
use ccc_core::{Clock, Error, ErrorKind};
use ccc_store::MemoryRunStore;
use jiff::Timestamp;

use super::dispatch::delivery;

/// The permissions of accounts, by the ids of the repository and of the account. An account without
/// an entry has the permission to read.
type Permissions = Arc<Mutex<HashMap<(u64, u64), Permission>>>;

/// A VCS host with many repositories of one owner, and a dispatcher.
struct Owner {
    permissions: Permissions,
    /// Whether the host answers no check.
    is_down: Arc<AtomicBool>,
    checks: Arc<AtomicUsize>,
    clock: Arc<ManualClock>,
    dispatcher: Dispatcher,
    event: IssueEvent,
    /// The accounts that deliveries name as members.
    members: Vec<u64>,
    /// The issue of all deliveries. Without it, each delivery has an issue of its own.
    issue: Option<u64>,
    /// Whether the actor of each delivery is the author of the issue.
    of_author: bool,
    deliveries: u64,
}

/// The result of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Answer {
    Accepted,
    Refused,
    TooMany,
    /// The delivery is answered 503.
    Postponed,
}

use Answer::{Accepted, Postponed, Refused, TooMany};

impl Owner {
    fn new() -> Self {
        Self::with(TrustPolicy::default())
    }

    fn with(policy: TrustPolicy) -> Self {
        let fakes = Fakes::new(&[]);
        let event = fakes.host.open_issue("A title", "");
        let (permissions, is_down) = (Permissions::default(), Arc::<AtomicBool>::default());
        let checks = Arc::<AtomicUsize>::default();
        let mut host = MockVcsHost::new();
        host.expect_bot_identity().returning(|| Ok(BotIdentity::new(99, "helper[bot]", "")));
        let (answers, down, counted) =
            (Arc::clone(&permissions), Arc::clone(&is_down), Arc::clone(&checks));
        host.expect_permission().returning(move |repo, actor| {
            counted.fetch_add(1, Ordering::Relaxed);
            if down.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Unavailable, "no answer"));
            }
            let known = answers.lock().unwrap().get(&(repo.id, actor.id)).copied();
            Ok(known.unwrap_or(Permission::Read))
        });
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let pipeline = fakes.pipeline().host(host).agent(FakeAgent::default()).policy(policy);
        let pipeline = pipeline.clock(Arc::clone(&clock) as Arc<dyn Clock>).build().unwrap();
        let store = Arc::new(MemoryRunStore::new(Arc::clone(&clock) as _));
        let dispatcher = Dispatcher::new(pipeline, store, DispatcherConfig::default());
        Self {
            permissions,
            is_down,
            checks,
            clock,
            dispatcher,
            event,
            members: vec![],
            issue: None,
            of_author: false,
            deliveries: 0,
        }
    }

    fn permit(&self, repo: u64, actor: u64) {
        self.permissions.lock().unwrap().insert((repo, actor), Permission::Write);
    }

    /// Delivers an action of the account `actor` on an issue in the repository `repo`.
    async fn deliver(&mut self, repo: u64, actor: u64, trigger: Trigger) -> Answer {
        self.deliveries += 1;
        let mut event = self.event.clone();
        (event.repo.id, event.trigger) = (repo, trigger);
        event.repo.name = format!("r{repo}");
        event.issue.number = self.issue.unwrap_or(self.deliveries);
        event.actor = Actor { id: actor, login: format!("a{actor}"), kind: ActorKind::User };
        event.actor_is_member = self.members.contains(&actor);
        if self.of_author {
            event.issue.author = event.actor.clone();
        }
        match self.dispatcher.admit(&delivery(&self.deliveries.to_string()), &event).await {
            Ok(Admission::Accepted(_)) => Accepted,
            Ok(Admission::Ignored(SkipReason::NotPermitted)) => Refused,
            Ok(Admission::Ignored(SkipReason::TooManyRequests)) => TooMany,
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                assert!(error.retry_after().is_some(), "{error}");
                Postponed
            }
            other => panic!("{other:?}"),
        }
    }

    async fn comment(&mut self, repo: u64, actor: u64) -> Answer {
        let comment = self.deliveries;
        self.deliver(repo, actor, Trigger::Commented { comment, body: "@claude".to_owned() }).await
    }

    fn checks(&self) -> usize {
        self.checks.load(Ordering::Relaxed)
    }
}

fn label() -> Trigger {
    Trigger::Labeled { label: "claude".to_owned() }
}

#[tokio::test]
async fn requests_of_a_maintainer_in_many_repositories_all_start_runs() {
    // spec: W11f
    let comment = Trigger::Commented { comment: 1, body: "@claude".to_owned() };
    let allowed = TrustPolicy::default().with_allowed_actors([2]);
    for (trigger, policy, permitted, expected, checks) in [
        (label(), TrustPolicy::default(), 40, vec![(Accepted, 40)], 40),
        (comment.clone(), TrustPolicy::default(), 40, vec![(Accepted, 40)], 40),
        // The permission in one repository exempts the account from its share in the others.
        (label(), TrustPolicy::default(), 1, vec![(Accepted, 1), (Refused, 39)], 40),
        // The policy permits the account, so that no check is necessary.
        (label(), allowed, 0, vec![(Accepted, 40)], 0),
        // An account that is only refused gets its share.
        (label(), TrustPolicy::default(), 0, vec![(Refused, 30), (TooMany, 10)], 30),
        (comment, TrustPolicy::default(), 0, vec![(Refused, 30), (TooMany, 10)], 30),
    ] {
        let mut owner = Owner::with(policy);
        let mut answers: Vec<(Answer, usize)> = Vec::new();
        for repo in 0..40 {
            if repo < permitted {
                owner.permit(repo, 2);
            }
            let answer = owner.deliver(repo, 2, trigger.clone()).await;
            match answers.last_mut().filter(|(last, _)| *last == answer) {
                Some((_, count)) => *count += 1,
                None => answers.push((answer, 1)),
            }
        }
        let case = format!("{trigger:?}, permitted in {permitted}");
        assert_eq!((answers, owner.checks()), (expected, checks), "{case}");
    }
}

#[tokio::test]
async fn strangers_do_not_delay_the_first_comment_of_a_member() {
    // spec: W11f
    let mut owner = Owner::new();
    for stranger in 0..400 {
        let expected = if stranger < 300 { Refused } else { Postponed };
        assert_eq!(owner.comment(1, 1_000 + stranger).await, expected, "{stranger}");
    }
    owner.permit(1, 2);
    owner.members = vec![3, 4];
    assert_eq!(owner.comment(1, 2).await, Postponed, "the delivery does not name a member");
    owner.permit(1, 3);
    assert_eq!(owner.comment(1, 3).await, Accepted);
    // A member need not be permitted to start runs.
    assert_eq!(owner.comment(1, 4).await, Refused);
    // A refused member who has a permission now does not wait for strangers either.
    owner.permit(1, 4);
    owner.clock.advance(Duration::from_secs(60));
    for stranger in 0..300 {
        assert_eq!(owner.comment(1, 1_000 + stranger).await, Refused, "{stranger}");
    }
    assert_eq!(owner.comment(1, 4).await, Accepted);
}

#[tokio::test]
async fn labels_of_issue_templates_do_not_use_the_budget_of_members() {
    // spec: W11f
    let assignee = Actor { id: 99, login: "helper[bot]".to_owned(), kind: ActorKind::Bot };
    for trigger in [label(), Trigger::Assigned { assignee }] {
        let mut owner = Owner::new();
        owner.permit(1, 2);
        owner.permit(1, 4);
        owner.members = vec![4];
        // Every stranger opens an issue with a template, which adds the label or the assignee.
        owner.of_author = true;
        for stranger in 0..400 {
            let expected = if stranger < 300 { Refused } else { Postponed };
            let answer = owner.deliver(1, 1_000 + stranger, trigger.clone()).await;
            assert_eq!(answer, expected, "{trigger:?} {stranger}");
        }
        assert_eq!(owner.deliver(1, 4, trigger.clone()).await, Accepted, "a member's own issue");
        owner.of_author = false;
        assert_eq!(owner.deliver(1, 2, trigger.clone()).await, Accepted, "an issue of another");
        // A second refusal is used for two minutes, and not only for 30 seconds.
        owner.of_author = true;
        let asked = owner.checks();
        for (seconds, checks) in [(40, 1), (40, 1), (40, 1), (50, 2)] {
            owner.clock.advance(Duration::from_secs(seconds));
            assert_eq!(owner.deliver(1, 1_000, trigger.clone()).await, Refused);
            assert_eq!(owner.checks() - asked, checks, "{trigger:?}");
        }
    }
}

#[tokio::test]
async fn an_account_without_a_known_refusal_is_asked_to_send_its_requests_again() {
    // spec: W11e, W11f
    let mut owner = Owner::new();
    owner.is_down.store(true, Ordering::Relaxed);
    let mut answers = HashMap::new();
    for repo in 0..40 {
        *answers.entry(owner.deliver(repo, 2, label()).await).or_insert(0) += 1;
    }
    // At most ten runs of an unknown account are stored.
    assert_eq!(answers, HashMap::from([(Accepted, 10), (Postponed, 30)]));
    owner.is_down.store(false, Ordering::Relaxed);
    assert_eq!(owner.deliver(50, 2, label()).await, Postponed, "the account has used its share");
    owner.clock.advance(Duration::from_secs(3_600));
    for repo in 0..40 {
        owner.permit(repo, 2);
        assert_eq!(owner.deliver(repo, 2, label()).await, Accepted, "{repo}");
    }
}

#[tokio::test]
async fn while_the_host_does_not_answer_the_last_answer_counts() {
    // spec: W11c, W11e
    let mut owner = Owner::new();
    owner.permit(1, 2);
    assert_eq!(owner.comment(1, 2).await, Accepted);
    assert_eq!(owner.comment(1, 3).await, Refused);
    owner.is_down.store(true, Ordering::Relaxed);
    for minute in 1..=3 {
        owner.clock.advance(Duration::from_secs(60));
        let mut stored = 0;
        for stranger in 0..150 {
            match owner.comment(1, 1_000 * minute + stranger).await {
                Accepted => stored += 1,
                Postponed => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(minute > 1 || stored > 10, "{stored} strangers have taken places");
        // More than the ten runs that are stored for an unknown account.
        for n in 0..12 {
            assert_eq!(owner.comment(1, 2).await, Accepted, "{minute} {n}");
            assert_eq!(owner.comment(1, 3).await, Refused, "{minute} {n}");
        }
        let asked = owner.checks();
        assert_eq!(owner.comment(1, 2).await, Accepted);
        assert_eq!(owner.checks(), asked, "the host is not asked at once after a failure");
    }
    // The next answer of the host replaces the stored one.
    owner.is_down.store(false, Ordering::Relaxed);
    owner.clock.advance(Duration::from_secs(60));
    owner.permissions.lock().unwrap().clear();
    owner.permit(1, 3);
    assert_eq!(owner.comment(1, 2).await, Refused);
    assert_eq!(owner.deliver(1, 3, label()).await, Accepted);
}

#[test]
fn a_comment_that_cannot_be_read_in_time_is_postponed_and_a_known_refusal_needs_no_reading() {
    // spec: W11g
    let runtime =
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let mut owner = Owner::new();
        owner.permit(1, 2);
        owner.issue = Some(1);
        assert_eq!(owner.comment(1, 3).await, Refused);
        let occupied = tokio::task::spawn_blocking(move || released.recv());
        // The answers to these deliveries do not wait for the only blocking thread.
        assert_eq!(owner.comment(1, 3).await, Refused);
        assert_eq!(owner.deliver(1, 2, label()).await, Accepted);
        let clock = Arc::clone(&owner.clock);
        let limit = async {
            while clock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_secs(2));
        };
        let (answer, ()) = tokio::join!(owner.comment(1, 2), limit);
        assert_eq!(answer, Postponed);
        release.send(()).unwrap();
        occupied.await.unwrap().unwrap();
        assert_eq!(owner.comment(1, 2).await, Accepted);
    });
}
