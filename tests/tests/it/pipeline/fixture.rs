//! A pipeline with fakes and real git, and checks for leftovers of runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::agent::AgentLimits;
use ccc_core::credential::Precondition;
use ccc_core::event::{Actor, IssueEvent, IssueSnapshot, Trigger};
use ccc_core::pipeline::{Limits, Pipeline, RunReport};
use ccc_core::testing::{FakeAgent, FakeHost, FakeRunner, Faults, Faulty, RecordingObserver, git};
use ccc_core::vcs::Permission;
use ccc_core::{
    Agent, CancellationToken, Clock, CredentialKey, CredentialStore, Observer, Secret, SystemClock,
    async_trait,
};
use ccc_store::MemoryCredentialStore;
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) const CANARY: &str = "canary_credential_0123456789";

/// The shortest limit of a run in these tests. A shorter wait is a pause between two attempts.
const SHORTEST_LIMIT: Duration = Duration::from_secs(20);

/// A clock whose sleeps are twenty times shorter, so that a call that hangs costs little time. A
/// limit expires only while a call hangs: a slow machine must not end a stage of any other run.
#[derive(Debug)]
struct FastClock(Arc<Faults>);

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
    async fn sleep(&self, duration: Duration) {
        let mut left = duration / 20;
        if duration < SHORTEST_LIMIT {
            return SystemClock.sleep(left).await;
        }
        loop {
            self.0.until_a_call_hangs().await;
            let began = SystemClock.now();
            tokio::select! {
                () = SystemClock.sleep(left) => return,
                () = self.0.until_no_call_hangs() => {
                    let hung = SystemClock.now().duration_since(began);
                    left = left.saturating_sub(hung.unsigned_abs());
                }
            }
        }
    }
}

pub(crate) struct Fixture {
    pub(crate) pipeline: Pipeline,
    pub(crate) host: Arc<FakeHost>,
    pub(crate) runner: Arc<FakeRunner>,
    pub(crate) observer: Arc<RecordingObserver>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) event: IssueEvent,
    pub(crate) writer: Actor,
    pub(crate) data: PathBuf,
    pub(crate) remote: PathBuf,
    _dir: TempDir,
}

pub(crate) fn fixing_agent() -> FakeAgent {
    FakeAgent::default().writes("sum.txt", "1 + 1 = 2\n")
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(fixing_agent(), Faults::none(), &|_| {}).await
    }

    /// Returns a fixture whose limits expire only while a call of `store_faults` hangs.
    pub(crate) async fn timed_by(store_faults: &Arc<Faults>) -> Self {
        let clock = FastClock(Arc::clone(store_faults));
        Self::build(fixing_agent(), Arc::default(), clock, &|_| {}, None).await
    }

    pub(crate) async fn observed_by(observer: Arc<dyn Observer>) -> Self {
        let faults = Arc::<Faults>::default();
        let clock = FastClock(Arc::clone(&faults));
        Self::build(fixing_agent(), faults, clock, &|_| {}, Some(observer)).await
    }

    pub(crate) async fn with(
        agent: FakeAgent,
        faults: Faults,
        change: &(dyn Fn(&mut Limits) + Sync),
    ) -> Self {
        let faults = Arc::new(faults);
        let clock = FastClock(Arc::clone(&faults));
        Self::build(agent, faults, clock, change, None).await
    }

    async fn build(
        agent: FakeAgent,
        faults: Arc<Faults>,
        clock: FastClock,
        change: &(dyn Fn(&mut Limits) + Sync),
        watcher: Option<Arc<dyn Observer>>,
    ) -> Self {
        let dir = TempDir::new().unwrap();
        let remote = dir.path().join("remote");
        std::fs::create_dir(&remote).unwrap();
        git(&remote, &["init", "--quiet"]);
        std::fs::write(remote.join("sum.txt"), "1 + 1 = 3\n").unwrap();
        git(&remote, &["add", "."]);
        git(&remote, &["commit", "--quiet", "-m", "start"]);

        let host = Arc::new(FakeHost::new(&remote));
        let writer = host.add_actor(1, "writer", Permission::Write);
        host.set_issue(42, "The sum is wrong", "It says 3.", &writer, true);
        let event = IssueEvent {
            repo: host.repo().clone(),
            issue: IssueSnapshot {
                number: 42,
                title: "The sum is wrong".to_owned(),
                body: "It says 3.".to_owned(),
                author: writer.clone(),
                updated_at: Timestamp::UNIX_EPOCH,
            },
            trigger: Trigger::Opened,
            actor: writer.clone(),
            via_app: None,
            actor_is_member: false,
        };

        let key = CredentialKey::new("model/api-key").unwrap();
        let credentials = MemoryCredentialStore::default();
        credentials.put(&key, &Secret::from(CANARY), Precondition::None).await.unwrap();
        let agent: Arc<dyn Agent> = Arc::new(agent.needs_credential(key));
        let runner = Arc::new(FakeRunner::default());
        let observer = Arc::new(RecordingObserver::default());
        let data = dir.path().join("data");
        let mut limits = Limits::default();
        limits.stage = Duration::from_secs(160);
        limits.agent = AgentLimits::default();
        limits.agent.wall = Duration::from_secs(40);
        limits.cleanup = Duration::from_secs(240);
        limits.report = Duration::from_secs(60);
        change(&mut limits);
        let pipeline = Pipeline::builder()
            .host(Faulty::new(Arc::clone(&host), &faults))
            .runner(Faulty::new(Arc::clone(&runner), &faults))
            .agent(Faulty::new(agent, &faults))
            .credentials(Faulty::new(credentials, &faults))
            .clock(Arc::new(clock))
            .observer(watcher.unwrap_or_else(|| Arc::clone(&observer) as _))
            .data_dir(&data)
            .limits(limits)
            .build()
            .unwrap();
        Self { pipeline, host, runner, observer, faults, event, writer, data, remote, _dir: dir }
    }

    pub(crate) async fn run(&self) -> RunReport {
        self.pipeline.run(self.event.clone(), &CancellationToken::new()).await.unwrap()
    }

    /// Returns the branches of the remote except `main`.
    pub(crate) fn branches(&self) -> Vec<String> {
        let all = git(&self.remote, &["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        all.lines().filter(|name| *name != "main").map(str::to_owned).collect()
    }

    /// Returns all leftovers of runs: directories, refs in mirrors, tokens.
    pub(crate) fn left_over(&self) -> Vec<String> {
        let mut left = Vec::new();
        for entry in std::fs::read_dir(self.data.join("runs")).unwrap() {
            left.push(format!("directory {}", entry.unwrap().path().display()));
        }
        let mirror = self.data.join("mirrors/host.example/7.git");
        if mirror.join("HEAD").exists() {
            let refs = git(&mirror, &["for-each-ref", "--format=%(refname)", "refs/runs"]);
            left.extend(refs.lines().map(|name| format!("ref {name}")));
        }
        left.extend(self.host.unrevoked_grants().iter().map(|grant| format!("token {grant:?}")));
        left
    }
}
