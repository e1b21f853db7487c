//! The conformance suite for VCS hosts, run on the GitHub adapter.

use ccc_core::BranchName;
use ccc_core::SystemClock;
use ccc_core::event::Actor;
use ccc_core::testing::conformance::vcs_host::Fixture;
use ccc_github::{AppKey, GitHub, RateLimits};
use github_emulator::{ActorKind, Emulator, EmulatorConfig, Permission};

use super::common::{KEY, git};
use super::emulated::{actor, repo_ref, secret};
use super::outside::Judge;

const BRANCH: &str = "claude/issue-1-0a1b2c3d";

async fn fresh() -> Fixture {
    fixture(None).await
}

/// Creates a fixture whose calls pass through the judge, if there is one.
pub(crate) async fn fixture(judge: Option<Judge>) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let seed = dir.path().join("seed");
    std::fs::create_dir(&seed).unwrap();
    std::fs::write(seed.join("README.md"), "hello\n").unwrap();
    let steps: [&[&str]; 6] = [
        &["init", "--quiet", "--initial-branch=main"],
        &["add", "."],
        &["commit", "--quiet", "--message=start"],
        &["checkout", "--quiet", "-b", BRANCH],
        &["commit", "--quiet", "--allow-empty", "--message=work"],
        &["checkout", "--quiet", "main"],
    ];
    for step in steps {
        assert!(git(&seed, None, step).await.status.success(), "git {step:?}");
    }

    let mut config = EmulatorConfig::new(dir.path().join("data"), "hook secret".into());
    config.private_key = Some(KEY.into());
    config.public_url = judge.as_ref().map(|judge| judge.url.clone());
    let emulator = Emulator::start(config).await.unwrap();
    let emulated = emulator.add_repository("octo", "hello", &seed).await.unwrap();
    let person = |login: &str, permission| -> Actor {
        let added = emulator.add_user(login, ActorKind::User);
        emulator.set_permission(&emulated, login, permission);
        actor(&added)
    };
    let people = (person("writer", Permission::Write), person("stranger", Permission::Read));
    let issue = emulator.open_issue(&emulated, "stranger", "It is broken", "").await.unwrap();
    let key = AppKey::from_pem(&secret(&emulator.private_key_pem())).unwrap();
    let github = GitHub::builder(emulator.app_id(), key, std::sync::Arc::new(SystemClock))
        .api_url(emulator.api_url())
        .rate_limits(RateLimits::unlimited())
        .build()
        .unwrap();
    let mut repo = repo_ref(&emulated);
    if let Some(judge) = &judge {
        judge.judge(emulator.host());
        github.host().clone_into(&mut repo.host);
    }
    let branch = BranchName::new(BRANCH).unwrap();
    Fixture::new(github, (repo, issue), people, branch, ("README.md", b"hello\n"))
        .with_owned((emulator, dir, judge))
}

ccc_core::vcs_host_conformance!(fresh);

mod delivery_log {
    use ccc_core::testing::conformance::delivery_log::Fixture;

    use crate::common::world;

    /// Creates a log with three failed attempts. No server listens at the address of the webhook.
    async fn fresh() -> Fixture {
        let world = world().await;
        world.emulator.set_webhook_url("http://user:pass@127.0.0.1:1/hook?token=1");
        let open = |title| world.emulator.open_issue(&world.emulated, "alice", title, "");
        open("one").await.unwrap();
        open("two").await.unwrap();
        open("three").await.unwrap();
        Fixture::new(world.github()).with_owned(world)
    }

    ccc_core::delivery_log_conformance!(fresh);
}
