//! `ccc demo`: the whole job on this machine.
//!
//! Everything is real but GitHub and the agent's mind: HTTP, signature, tokens, git, processes. The
//! service under test is the one that `ccc serve` runs.

use std::path::Path;
use std::sync::Arc;

use ccc_core::dispatcher::{Dispatcher, Pace};
use ccc_core::observe::Observers;
use ccc_core::{
    Agent, CancellationToken, Clock, Error, ErrorKind, Outcome, Result, SystemClock,
};
use ccc_core::vcs::{Permission, PullRequest};
use ccc_github::emulator::{Emulator, EmulatorConfig};
use ccc_github::{AppKey, GitHub, Secrets, Webhook};
use ccc_runner::ScriptedAgent;
use ccc_store::MemoryRunStore;

use crate::cli::{DemoArgs, interrupted, print, say};
use crate::show::{Endings, watcher};
use crate::{Config, Service, parts, router, serve, service};

const APP_ID: u64 = 1;
const OWNER: &str = "octo-org";
const NAME: &str = "temperature";
const PERSON: &str = "octocat";
const ISSUE: &str = include_str!("../demo/issue.md");
const SCRIPT: &str = include_str!("../demo/script.toml");
const FILES: [(&str, &str); 3] = [
    ("README.md", include_str!("../demo/repository/README.md")),
    ("temperature.py", include_str!("../demo/repository/temperature.py")),
    ("test_temperature.py", include_str!("../demo/repository/test_temperature.py")),
];

/// Whether a pull request was opened.
pub(crate) async fn demo(args: &DemoArgs) -> Result<bool> {
    let dir = tempfile::Builder::new().prefix("ccc-demo-").tempdir().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "cannot make a temporary directory").with_source(e)
    })?;
    let agent: Arc<dyn Agent> = match args.agent.as_str() {
        "scripted" => Arc::new(ScriptedAgent::parse(SCRIPT)?),
        kind => parts::agent(kind)?,
    };
    let emulator = start_github(dir.path()).await?;
    let (endings, mut ended) = Endings::channel();
    let observer = Observers(vec![watcher(args.json), Arc::new(endings)]);
    let mut config = Config { data_dir: Some(dir.path().join("data")), ..Config::default() };
    config.runner.kind.clone_from(&args.runner);
    let service = start_service(&config, &emulator, agent, Arc::new(observer))?;

    let listener = serve::bind(([127, 0, 0, 1], 0).into()).await?;
    let address = listener.local_addr().map_err(|e| {
        Error::new(ErrorKind::Unexpected, "a listener without an address").with_source(e)
    })?;
    emulator.set_webhook_url(format!("http://{address}/webhook/github"));
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let http = axum::serve(listener, router(service.clone()))
        .with_graceful_shutdown(async move { stop.cancelled().await });

    let story = async {
        let (title, body) = ISSUE.split_once('\n').unwrap_or((ISSUE, ""));
        let opened = emulator.open_issue(OWNER, NAME, PERSON, title, body.trim()).await;
        let outcome = match opened.and_then(|_| taken(&emulator)) {
            Ok(()) => wait_for(&mut ended).await,
            Err(error) => Err(error),
        };
        shutdown.cancel();
        outcome
    };
    let (served, _http, outcome) = tokio::join!(
        service.serve(shutdown.clone()),
        std::future::IntoFuture::into_future(http),
        story
    );
    served?;
    let solved = show(args, &emulator, &outcome?).await;
    if args.keep {
        keep(&emulator).await;
    }
    emulator.stop().await;
    Ok(solved)
}

/// A GitHub with one repository, one person who may write to it, and our App installed.
async fn start_github(dir: &Path) -> Result<Emulator> {
    let seed = dir.join("seed");
    let write = |name: &str, text: &str| std::fs::write(seed.join(name), text);
    std::fs::create_dir(&seed)
        .and_then(|()| FILES.iter().try_for_each(|(name, text)| write(name, text)))
        .map_err(|e| Error::new(ErrorKind::Unavailable, "cannot write the seed").with_source(e))?;
    let emulator = Emulator::start(EmulatorConfig::new(APP_ID, dir.join("github"))).await?;
    emulator.add_repository(OWNER, NAME, &seed).await?;
    emulator.add_user(PERSON);
    emulator.set_permission(OWNER, NAME, PERSON, Permission::Write)?;
    Ok(emulator)
}

fn start_service(
    config: &Config,
    emulator: &Emulator,
    agent: Arc<dyn Agent>,
    observer: Arc<dyn ccc_core::Observer>,
) -> Result<Service> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let key = AppKey::from_pem(&emulator.private_key_pem())?;
    let github =
        GitHub::builder(APP_ID, key, Arc::clone(&clock)).api_url(emulator.api_url()).build()?;
    let webhook = Webhook::new(Secrets::new([emulator.webhook_secret()])?, github.host());
    let runner = parts::runner(&config.runner.kind, &config.data_dir()?)?;
    let pipeline = service::pipeline(config, Arc::new(github), runner, agent, observer)?;
    let store = Arc::new(MemoryRunStore::new(clock));
    let dispatcher = Dispatcher::new(pipeline, store, Pace::default());
    Ok(Service::new(Arc::new(dispatcher), Arc::new(webhook)))
}

/// Whether the service said that it has the delivery.
fn taken(emulator: &Emulator) -> Result<()> {
    match emulator.deliveries().last().map(|delivery| delivery.status) {
        Some(202) => Ok(()),
        status => Err(Error::new(
            ErrorKind::Unexpected,
            format!("the delivery was answered {}", status.unwrap_or(0)),
        )),
    }
}

async fn wait_for(
    ended: &mut tokio::sync::mpsc::UnboundedReceiver<(ccc_core::RunId, Outcome)>,
) -> Result<Outcome> {
    tokio::select! {
        outcome = ended.recv() => outcome
            .map(|(_, outcome)| outcome)
            .ok_or_else(|| Error::new(ErrorKind::Unexpected, "the run ended without an outcome")),
        () = interrupted() => Err(Error::new(ErrorKind::Cancelled, "interrupted")),
    }
}

/// The pull request and its diff; says whether there is one.
async fn show(args: &DemoArgs, emulator: &Emulator, outcome: &Outcome) -> bool {
    let Outcome::PullRequest { pull_request } = outcome else { return false };
    if !args.json {
        match diff(emulator, pull_request).await {
            Ok(diff) => print(&format!("\n{}\n{diff}", pull_request.url)),
            Err(error) => say(&format!("cannot show the diff: {error}")),
        }
    }
    true
}

async fn diff(emulator: &Emulator, pull_request: &PullRequest) -> Result<String> {
    let git_dir = emulator.git_dir(OWNER, NAME);
    let shown = tokio::process::Command::new("git")
        .arg("--git-dir")
        .arg(git_dir)
        .args(["diff", "--no-ext-diff", "--no-textconv", "main", pull_request.head.as_str()])
        .output()
        .await
        .map_err(|e| Error::new(ErrorKind::Unavailable, "cannot run git").with_source(e))?;
    Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
}

async fn keep(emulator: &Emulator) {
    let url = emulator.clone_url(OWNER, NAME);
    say(&format!(
        "\nThe emulated GitHub stays up at {}\n  git clone {url}\nInterrupt to end it.",
        emulator.api_url()
    ));
    interrupted().await;
}
