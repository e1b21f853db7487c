//! Benchmark of the whole job, from a signed delivery to a pull request and completed cleanup. It
//! is compared with the sum of its floors: a script that makes the same calls, moves the same
//! objects and starts the same agent programs. The script does not check, persist or redact
//! anything, and gives the agent no `.git`.

mod script;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use ccc::{Config, Service, router};
use ccc_core::observe::{Event, EventKind};
use ccc_core::{CancellationToken, Observer, Outcome, Stage, SystemClock};
use ccc_github::{AppKey, GitHub, RateLimits, Secrets, Webhook};
use ccc_runner::{ScriptedAgent, SubprocessRunner};
use ccc_store::MemoryCredentialStore;
use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{ActorKind, Emulator, EmulatorConfig, Permission, RepoRef};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use script::Script;
use support::{Report, Result, Side, Stopwatch, scratch};

/// Maximum ratio of the job to the script. All calls to the VCS host are part of the script, also
/// those that only serve safety: they take most of the time, and the job cannot make them faster.
/// The job adds its processes and checks: about twenty git processes where the script has nine. The
/// measured ratio is between 1.2 and 1.4.
const MOST: f64 = 1.5;
const ROUNDS: usize = 25;
const FILES: usize = 100;
const PERSON: &str = "writer";
const AGENT: &str = r#"
summary = "It is two."
[[step]]
replace = { path = "sum.txt", from = "= 3", to = "= 2" }
"#;

#[derive(Debug)]
struct Told(UnboundedSender<Event>);

impl Observer for Told {
    fn on_event(&self, event: &Event) {
        // The channel is closed after the measurement.
        let _ = self.0.send(event.clone());
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut report = Report::new("job");
    let dir = scratch(&report)?;
    let (emulator, repo) = github(dir.path()).await?;
    let (told, mut events) = unbounded_channel();
    let service = service(dir.path(), &emulator, told).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    emulator.set_webhook_url(format!("http://{}/webhook/github", listener.local_addr()?));
    let shutdown = CancellationToken::new();
    let measured = async {
        let result = measure(&mut report, dir.path(), &emulator, &repo, &mut events).await;
        shutdown.cancel();
        result
    };
    let server = axum::serve(listener, router(service.clone()))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let ((), served, result) = tokio::join!(service.serve(shutdown.clone()), server, measured);
    served?;
    result?;
    emulator.stop().await;
    Ok(report.finish())
}

async fn measure(
    report: &mut Report,
    dir: &Path,
    emulator: &Emulator,
    repo: &RepoRef,
    events: &mut UnboundedReceiver<Event>,
) -> Result<()> {
    let mut script = Script::new(emulator, repo, &dir.join("script")).await?;
    let (mut ours, mut floors) = (Side::new("the whole job"), Side::new("the sum of its floors"));
    let mut opened = Side::new("to the pull request");
    let mut stages: BTreeMap<Stage, Side> = BTreeMap::new();
    for round in 0..=ROUNDS {
        let before = emulator.calls().len();
        let job = job(emulator, repo, events).await?;
        let calls = api_calls(emulator, before);
        // Deletes the branch, so that the next fetch finds nothing new, for the job and for the
        // script.
        let pulls = emulator.pull_requests(repo);
        let head = pulls.last().ok_or("there is no pull request")?.head.clone();
        emulator.delete_branch(repo, &head).await?;

        let before = emulator.calls().len();
        let took = script.run(emulator, repo, job.issue).await?;
        let same = api_calls(emulator, before);
        // The first round fills the mirrors and requests the App's identity.
        if round == 0 {
            continue;
        }
        if calls != same {
            return Err(format!("the job made {calls} calls and the script {same}").into());
        }
        ours.add(job.whole);
        opened.add(job.opened);
        floors.add(took);
        for (stage, took) in job.stages {
            stages.entry(stage).or_insert_with(|| Side::new("")).add(took);
        }
    }
    report.goal(&ours, &floors, MOST);
    report.say(&format!("{:.0} ms from delivery to pull request", opened.median_ms()));
    let list = |parts: Vec<String>| parts.join(", ");
    let parts = script.parts.iter().map(|(name, side)| format!("{name} {:.1}", side.median_ms()));
    report.say(&format!("floors, ms: {}", list(parts.collect())));
    let parts = stages.iter().map(|(stage, side)| format!("{stage} {:.1}", side.median_ms()));
    report.say(&format!("stages, ms: {}", list(parts.collect())));
    Ok(())
}

fn api_calls(emulator: &Emulator, before: usize) -> usize {
    emulator.calls().iter().skip(before).filter(|call| !call.path.contains(".git/")).count()
}

struct Job {
    issue: u64,
    opened: Duration,
    whole: Duration,
    stages: BTreeMap<Stage, Duration>,
}

async fn job(
    emulator: &Emulator,
    repo: &RepoRef,
    events: &mut UnboundedReceiver<Event>,
) -> Result<Job> {
    let watch = Stopwatch::start();
    let issue = emulator.open_issue(repo, PERSON, "The sum is wrong", "It is 2.").await?;
    let (mut opened, mut began, mut stages) = (Duration::ZERO, BTreeMap::new(), BTreeMap::new());
    loop {
        let event = events.recv().await.ok_or("the run ended without an outcome")?;
        match event.kind {
            EventKind::StageStarted { stage } => drop(began.insert(stage, event.at)),
            EventKind::StageFinished { stage, .. } => {
                if stage == Stage::Publish {
                    opened = watch.elapsed();
                }
                if let Some(since) = began.get(&stage) {
                    let took = event.at.duration_since(*since).unsigned_abs();
                    stages.insert(stage, took);
                }
            }
            EventKind::Finished { outcome: Outcome::PullRequest { .. } } => {
                return Ok(Job { issue, opened, whole: watch.elapsed(), stages });
            }
            EventKind::Finished { outcome } => {
                return Err(format!("the run ended without a pull request: {outcome:?}").into());
            }
            _ => {}
        }
    }
}

async fn github(dir: &Path) -> Result<(Emulator, RepoRef)> {
    let seed = dir.join("seed");
    std::fs::create_dir(&seed)?;
    std::fs::write(seed.join("sum.txt"), "1 + 1 = 3\n")?;
    for number in 0..FILES {
        std::fs::write(seed.join(format!("{number}.txt")), format!("{number}\n").repeat(100))?;
    }
    let config = EmulatorConfig::new(dir.join("github"), "secret".into());
    let emulator = Emulator::start(config).await?;
    let repo = emulator.add_repository("octo", "hello", &seed).await?;
    emulator.add_user(PERSON, ActorKind::User);
    emulator.set_permission(&repo, PERSON, Permission::Write);
    Ok((emulator, repo))
}

async fn service(dir: &Path, emulator: &Emulator, told: UnboundedSender<Event>) -> Result<Service> {
    let key = AppKey::from_pem(&emulator.private_key_pem().expose_secret().into())?;
    let github = GitHub::builder(emulator.app_id(), key, Arc::new(SystemClock))
        .api_url(emulator.api_url())
        .rate_limits(RateLimits::unlimited())
        .build()?;
    let webhook = Webhook::new(
        Secrets::new([emulator.webhook_secret().expose_secret().into()])?,
        github.host(),
    );
    let mut config = Config::default();
    config.data_dir = Some(dir.join("data"));
    let service = Service::builder(&config)
        .github(github, webhook)
        .runner(SubprocessRunner::new(dir.join("data/subprocess"))?)
        .agent(ScriptedAgent::parse(AGENT)?)
        .credentials(MemoryCredentialStore::default())
        .observer(Told(told))
        .without_log()
        .build()
        .await?;
    Ok(service)
}
