//! A pipeline with containers of a real engine, real git, and a fake VCS host in memory.

use std::ops::RangeBounds;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::{Actor, IssueEvent, IssueSnapshot, Trigger};
use ccc_core::pipeline::{Limits, Pipeline, RunReport};
use ccc_core::testing::{FakeHost, git, has_part};
use ccc_core::vcs::Permission;
use ccc_core::{CancellationToken, Clock as _, Outcome, SystemClock};
use ccc_runner::{DockerRunner, ScriptedAgent, Workspaces};
use ccc_store::MemoryCredentialStore;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::traces::Engine;

const AGENT: &str = r#"
summary = "It is two."
[[step]]
write = { path = "answer.txt", content = "2\n" }
"#;

pub(crate) struct Fixture {
    pipeline: Pipeline,
    pub(crate) runner: Arc<DockerRunner>,
    pub(crate) engine: Engine,
    host: Arc<FakeHost>,
    writer: Actor,
    pub(crate) data: PathBuf,
    pub(crate) state: PathBuf,
    remote: PathBuf,
    _dir: TempDir,
}

/// Returns the image that the environment selects instead of the image that `images/build` made
/// last.
fn image() -> Option<String> {
    std::env::var("CCC_RUNNER__IMAGE").ok()
}

/// Checks whether an engine with the image is available.
pub(crate) fn engine() -> bool {
    let image = image().unwrap_or_else(|| "ccc-agent".to_owned());
    let asked = Command::new("docker").args(["image", "inspect", &image]).output();
    let there = asked.is_ok_and(|output| output.status.success());
    has_part("docker", there, "run .ci/engine and images/build")
}

impl Fixture {
    pub(crate) async fn new(workspaces: Workspaces) -> Self {
        let dir = TempDir::new().unwrap();
        let (remote, data, state) =
            (dir.path().join("remote"), dir.path().join("data"), dir.path().join("state"));
        std::fs::create_dir(&remote).unwrap();
        git(&remote, &["init", "--quiet"]);
        // Disables automatic gc: its process would look like a leftover of a run.
        git(&remote, &["config", "gc.auto", "0"]);
        git(&remote, &["config", "receive.autogc", "false"]);
        std::fs::write(remote.join("sum.txt"), "1 + 1 = 3\n").unwrap();
        git(&remote, &["add", "."]);
        git(&remote, &["commit", "--quiet", "-m", "start"]);
        let host = Arc::new(FakeHost::new(&remote));
        let writer = host.add_actor(1, "writer", Permission::Write);
        let runner = DockerRunner::builder(&state).workspaces(workspaces).image(image());
        let runner = Arc::new(runner.build().unwrap());
        let owner = std::fs::read_to_string(state.join("owner")).unwrap();
        // A busy machine may need long for the cleanup of a hundred runs. This test asks whether
        // anything is left, not how long that takes.
        let limits = Limits::default().with_cleanup(Duration::from_secs(600));
        let pipeline = Pipeline::builder()
            .host(Arc::clone(&host))
            .runner(Arc::clone(&runner))
            .agent(ScriptedAgent::parse(AGENT).unwrap())
            .credentials(MemoryCredentialStore::default())
            .data_dir(&data)
            .limits(limits)
            .build()
            .unwrap();
        let engine = Engine::watch(&owner).await;
        Self { pipeline, runner, engine, host, writer, data, state, remote, _dir: dir }
    }

    fn event(&self, number: u64) -> IssueEvent {
        let (title, body) = ("What is 1 + 1?", "Write it down.");
        self.host.set_issue(number, title, body, &self.writer, true);
        IssueEvent {
            repo: self.host.repo().clone(),
            issue: IssueSnapshot {
                number,
                title: title.to_owned(),
                body: body.to_owned(),
                author: self.writer.clone(),
                updated_at: Timestamp::UNIX_EPOCH,
            },
            trigger: Trigger::Opened,
            actor: self.writer.clone(),
            via_app: None,
            actor_is_member: false,
        }
    }

    /// Performs a run for each issue number, at most `at_once` at a time. Returns the reports and
    /// the total duration.
    pub(crate) async fn crowd(
        &self,
        numbers: impl RangeBounds<u64> + IntoIterator<Item = u64>,
        at_once: usize,
    ) -> (Vec<RunReport>, Duration) {
        let began = SystemClock.now();
        let places = Arc::new(Semaphore::new(at_once));
        let mut runs = JoinSet::new();
        for number in numbers {
            let (pipeline, event) = (self.pipeline.clone(), self.event(number));
            let places = Arc::clone(&places);
            runs.spawn(async move {
                let _place = places.acquire().await.unwrap();
                pipeline.run(event, &CancellationToken::new()).await.unwrap()
            });
        }
        let mut reports = Vec::new();
        while let Some(report) = runs.join_next().await {
            reports.push(report.unwrap());
            if reports.len() % 100 == 0 {
                let seconds = SystemClock.now().duration_since(began).as_secs();
                println!("{} runs after {seconds} s", reports.len());
            }
        }
        self.pipeline.wait_for_cleanups().await;
        (reports, SystemClock.now().duration_since(began).unsigned_abs())
    }

    /// Returns the problems of the runs. A run must end with a pull request that has the agent's
    /// file, successful reporting and complete cleanup.
    pub(crate) fn unexpected(&self, reports: &[RunReport]) -> Vec<String> {
        let found = git(
            &self.remote,
            &["for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads"],
        );
        let mut found: std::collections::BTreeMap<_, _> =
            found.lines().filter_map(|line| line.split_once(' ')).collect();
        let answer = self.remote.with_file_name("answer.txt");
        std::fs::write(&answer, "2\n").unwrap();
        let answer = git(&self.remote, &["hash-object", &answer.to_string_lossy()]);
        let sum = git(&self.remote, &["rev-parse", "HEAD:sum.txt"]);
        let expected = format!("100644 blob {answer}\tanswer.txt\n100644 blob {sum}\tsum.txt");
        let mut wrong = Vec::new();
        for report in reports {
            let RunReport { run, outcome, postponed: None, report: Ok(()), cleanup: Ok(()) } =
                report
            else {
                wrong.push(format!("{report:?}"));
                continue;
            };
            let Outcome::PullRequest { pull_request } = outcome else {
                wrong.push(format!("{run}: {outcome:?}"));
                continue;
            };
            let Some(commit) = found.remove(pull_request.head.as_str()) else {
                wrong.push(format!("{run}: there is no branch {}", pull_request.head));
                continue;
            };
            let tree = git(&self.remote, &["ls-tree", commit]);
            if tree != expected {
                wrong.push(format!("{run}: the branch holds {tree}"));
            }
        }
        wrong.extend(self.host.unrevoked_grants().iter().map(|grant| format!("token {grant:?}")));
        // The first ten problems are enough.
        wrong.truncate(10);
        wrong
    }
}
