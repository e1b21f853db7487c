//! Runs in shapes of repositories that an emulated GitHub has.

use std::sync::Arc;

use ccc_core::SystemClock;
use ccc_core::VcsHost as _;
use ccc_core::event::{IssueEvent, IssueSnapshot, Trigger};
use ccc_github::{AppKey, GitHub, RateLimits};
use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{ActorKind, Emulator, EmulatorConfig};
use tempfile::TempDir;

use crate::emulated::repo_ref;

use super::fixture::{Ended, Fixture, refs};
use super::shape::Shape;

/// The account that owns the repositories and writes the issues.
const OWNER: &str = "octo";

/// An emulated GitHub, and a client of it.
struct Host {
    dir: TempDir,
    emulator: Emulator,
    github: Arc<GitHub>,
}

impl Host {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = EmulatorConfig::new(dir.path().join("github"), "hook secret".into());
        let emulator = Emulator::start(config.with_test_key()).await.unwrap();
        emulator.add_user(OWNER, ActorKind::User);
        let key = AppKey::from_pem(&emulator.private_key_pem().expose_secret().into()).unwrap();
        let github = GitHub::builder(emulator.app_id(), key, Arc::new(SystemClock))
            .api_url(emulator.api_url())
            .rate_limits(RateLimits::unlimited())
            .build()
            .unwrap();
        Self { dir, emulator, github: Arc::new(github) }
    }

    /// Executes a run for an issue of a new repository that is a copy of that of `shape`. Returns the
    /// differences from the row.
    async fn check(&self, number: u64, shape: Shape) -> Vec<String> {
        let create = move || Fixture::new(shape, number);
        let fixture = tokio::task::spawn_blocking(create).await.unwrap();
        let (name, seed) = (format!("r{number}"), fixture.start());
        let repo = self.emulator.add_repository(OWNER, &name, &seed).await.unwrap();
        let place = self.dir.path().join("github").join(format!("{}.git", repo.id));
        let title = "Change the notes";
        let issue = self.emulator.open_issue(&repo, OWNER, title, "").await.unwrap();
        let repo = repo_ref(&repo);
        let issue = self.github.issue(&repo, issue).await.unwrap();
        let event = IssueEvent {
            repo,
            issue: IssueSnapshot {
                number: issue.number,
                title: issue.title,
                body: issue.body,
                author: issue.author.clone(),
                updated_at: issue.updated_at,
            },
            trigger: Trigger::Opened,
            actor: issue.author,
            via_app: None,
            actor_is_member: false,
        };
        let before = refs(&place);
        let ended = Ended::Run(fixture.run(Arc::clone(&self.github), event).await);
        fixture.differences(&ended, &place, &before)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_for_each_shape_of_refs_on_a_vcs_host_has_the_outcome_of_the_table() {
    // spec: X5d, P11, E8
    let host = Arc::new(Host::new().await);
    let (_, problems) = super::each(super::refs::SHAPES.to_vec(), move |number, shape| {
        let host = Arc::clone(&host);
        async move { host.check(number, shape).await }
    })
    .await;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
