//! `ccc demo`: a complete run on this host machine.
//!
//! GitHub is emulated. The default agent follows a script. With `--agent claude`, the agent is the
//! real Claude Code. If no credential for the model's API is set, the answers of the model come
//! from a scenario file. HTTP, signatures, tokens, git and processes are real. The demo starts the
//! same service as `ccc serve`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ccc_core::vcs::PullRequest;
use ccc_core::{CancellationToken, Clock as _, Error, ErrorKind, Outcome, Result, SystemClock};
use ccc_github::{AppKey, GitHub, RateLimits, Secrets, Webhook};
use ccc_runner::{ScriptedAgent, ScriptedModel};
use ccc_store::MemoryCredentialStore;
use clap::Args;
use github_emulator::{ActorKind, Emulator, EmulatorConfig, Permission, RepoRef};

use crate::adapters;
use crate::config::{self, Config};
use crate::emulated;
use crate::git::git;
use crate::http;
use crate::observers::{OutcomeSender, progress_observer};
use crate::output::{print_event, say};
use crate::remedy::describe;
use crate::routes::router;
use crate::service::{Service, ServiceBuilder};
use crate::signals::interrupted;

const OWNER: &str = "octo-org";
const NAME: &str = "temperature";
const PERSON: &str = "octocat";
const ISSUE: &str = include_str!("../../demo/issue.md");
const SCRIPT: &str = include_str!("../../demo/script.toml");
const SCENARIO: &str = include_str!("../../demo/scenario.toml");
/// The permission rule that allows Claude Code to execute the tests of the demo's repository.
const TESTS: &str = "Bash(python3 -m unittest:*)";
const FILES: [(&str, &str); 4] = [
    (".gitignore", include_str!("../../demo/repository/.gitignore")),
    ("README.md", include_str!("../../demo/repository/README.md")),
    ("temperature.py", include_str!("../../demo/repository/temperature.py")),
    ("test_temperature.py", include_str!("../../demo/repository/test_temperature.py")),
];

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The agent: scripted, claude, scripted:FILE or command:ARGV….
    #[arg(long, default_value = "scripted")]
    agent: String,
    /// The file with the model's answers for --agent claude. Default: if a credential for the
    /// model's API is set, a real model answers. Otherwise the answers come from a built-in file.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The runner of the agent: subprocess or docker.
    #[arg(long, default_value = "subprocess")]
    runner: String,
    /// Print one JSON object per event on standard output.
    #[arg(long)]
    json: bool,
    /// Keep the emulated GitHub available after the demo, until the program is interrupted.
    #[arg(long)]
    keep: bool,
}

/// Executes the demo. Returns whether a pull request was opened.
pub(super) async fn run(args: &DemoArgs) -> Result<bool> {
    let dir = tempfile::Builder::new().prefix("ccc-demo-").tempdir().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "cannot create a temporary directory").with_source(e)
    })?;
    let (config, model) = configure(args, dir.path()).await?;
    let (emulator, repo) = start_github(dir.path()).await?;
    let (sender, mut outcomes) = OutcomeSender::channel();
    let service = service(&config, &emulator).await?.observer(progress_observer(args.json));
    let service = match args.agent.as_str() {
        "scripted" => service.agent(ScriptedAgent::parse(SCRIPT)?),
        _ => service,
    };
    let service = service.observer(sender).build().await?;

    let listener = http::bind(([127, 0, 0, 1], 0).into()).await?;
    let address = listener.local_addr().map_err(|e| {
        Error::new(ErrorKind::Unexpected, "cannot get the address of the HTTP listener")
            .with_source(e)
    })?;
    emulator.set_webhook_url(format!("http://{address}/webhook/github"));
    let shutdown = CancellationToken::new();
    let story = async {
        let (title, body) = ISSUE.split_once('\n').unwrap_or((ISSUE, ""));
        if !args.json {
            say(&format!("An emulated GitHub is at {}.", emulator.api_url()));
            say(&format!("{PERSON} opens an issue in {repo}: {title}\n"));
        }
        let opened = emulator.open_issue(&repo, PERSON, title, body.trim()).await;
        let opened = opened.map_err(emulated::error);
        let outcome = match opened.and_then(|_| delivery_accepted(&emulator)) {
            Ok(()) => wait_for(&mut outcomes).await,
            Err(error) => Err(error),
        };
        shutdown.cancel();
        outcome
    };
    let ((), outcome) = tokio::join!(
        service.serve_http(listener, router(service.clone()), shutdown.clone()),
        story
    );
    let solved = show(args, dir.path(), &emulator.git_url(&repo), &outcome?).await;
    if args.keep {
        serve_until_interrupted(&emulator, &repo).await;
    }
    emulator.stop().await;
    drop(model);
    Ok(solved)
}

/// Returns the configuration of the demo, and the scripted model if Claude Code uses a scripted
/// model instead of a real model.
async fn configure(args: &DemoArgs, dir: &Path) -> Result<(Config, Option<ScriptedModel>)> {
    // Only the operator's settings of the agent, the model and the runner apply. The demo sets all
    // other settings.
    let own = Config::load(None, config::environment()?)?;
    let mut config = Config::default();
    config.data_dir = Some(dir.join("data"));
    (config.agent, config.model, config.runner) = (own.agent, own.model, own.runner);
    config.agent.kind = Some(args.agent.clone());
    config.runner.kind.clone_from(&args.runner);
    config.agent.allowed_tools.push(TESTS.to_owned());
    if args.runner == "subprocess" && !config.runner.dangerously_as_root {
        let checked = adapters::runner(&config, None)?.check().await;
        if let Err(why) = checked
            && why.kind() == ErrorKind::Unsupported
        {
            // The issue and the repository come from this program, so the agent needs no isolation.
            say(&format!(
                "The agent of this demo runs as root. `ccc run` and `ccc serve` refuse to run an agent as root: {}\n",
                describe(&why)
            ));
            config.runner.dangerously_as_root = true;
        }
    }
    if args.runner == "docker" {
        // The path of the agent's program on this host machine is not valid in the image.
        config.agent.program = None;
    }
    if args.agent != "claude" {
        return match &args.scenario {
            Some(_) => {
                Err(Error::new(ErrorKind::InvalidInput, "--scenario requires --agent claude"))
            }
            None => Ok((config, None)),
        };
    }
    let model = match &args.scenario {
        Some(file) => ScriptedModel::from_file(file).await?,
        None if config.model.credential()?.is_some() => return Ok((config, None)),
        None => ScriptedModel::start(SCENARIO).await?,
    };
    config.model.use_scripted(model.url(), model.key());
    say("Claude Code is real; the model's answers are scripted.");
    say("To use a real model, set ANTHROPIC_API_KEY and omit --scenario.\n");
    Ok((config, Some(model)))
}

/// Starts an emulated GitHub with one repository and one user with write permission. The GitHub App
/// is installed on the repository.
async fn start_github(dir: &Path) -> Result<(Emulator, RepoRef)> {
    let seed = dir.join("seed");
    let write = |name: &str, text: &str| std::fs::write(seed.join(name), text);
    std::fs::create_dir(&seed)
        .and_then(|()| FILES.iter().try_for_each(|(name, text)| write(name, text)))
        .map_err(|e| {
            Error::new(ErrorKind::Unavailable, "cannot write the files of the demo's repository")
                .with_source(e)
        })?;
    let secret = ccc_core::RunId::new(SystemClock.now())?.to_string();
    let config = EmulatorConfig::new(dir.join("github"), secret.into());
    let emulator = Emulator::start(config).await.map_err(emulated::error)?;
    let repo = emulator.add_repository(OWNER, NAME, &seed).await.map_err(emulated::error)?;
    emulator.add_user(PERSON, ActorKind::User);
    emulator.set_permission(&repo, PERSON, Permission::Write);
    Ok((emulator, repo))
}

/// Returns the builder of a service that uses the emulated GitHub. The service stores no credential
/// on disk.
async fn service(config: &Config, emulator: &Emulator) -> Result<ServiceBuilder> {
    let key = AppKey::from_pem(&emulated::secret(&emulator.private_key_pem()))?;
    let github = GitHub::builder(emulator.app_id(), key, Arc::new(SystemClock))
        .api_url(emulator.api_url())
        // The emulator does not limit new content, so the demo need not wait between writes.
        .rate_limits(RateLimits::unlimited())
        .build()?;
    let secrets = Secrets::new([emulated::secret(&emulator.webhook_secret())])?;
    let webhook = Webhook::new(secrets, github.host());
    let credentials = MemoryCredentialStore::default();
    Ok(Service::builder(config).github(github, webhook).credentials(credentials).without_log())
}

/// Returns an error if the service did not accept the last delivery.
fn delivery_accepted(emulator: &Emulator) -> Result<()> {
    match emulator.deliveries().last().map(|delivery| delivery.status_code) {
        Some(202) => Ok(()),
        status => Err(Error::new(
            ErrorKind::Unexpected,
            format!(
                "the service answered the delivery with status {} instead of status 202",
                status.unwrap_or(0)
            ),
        )),
    }
}

/// Waits for the outcome of the run.
async fn wait_for(
    outcomes: &mut tokio::sync::mpsc::UnboundedReceiver<(ccc_core::RunId, Outcome)>,
) -> Result<Outcome> {
    tokio::select! {
        outcome = outcomes.recv() => outcome
            .map(|(_, outcome)| outcome)
            .ok_or_else(|| Error::new(ErrorKind::Unexpected, "the run ended without an outcome")),
        () = interrupted() => Err(Error::new(ErrorKind::Cancelled, "the demo was interrupted")),
    }
}

/// Prints the pull request and its diff. Returns whether the outcome is a pull request.
async fn show(args: &DemoArgs, dir: &Path, url: &str, outcome: &Outcome) -> bool {
    let Outcome::PullRequest { pull_request } = outcome else {
        return false;
    };
    if !args.json {
        match diff(dir, url, pull_request).await {
            Ok(diff) => print_event(&format!("\n{}\n{}", pull_request.url, diff)),
            Err(error) => {
                say(&format!("cannot show the diff of the pull request: {}", describe(&error)));
            }
        }
    }
    true
}

/// Returns the diff of `pull_request`, from a new clone of the repository at `url`.
async fn diff(dir: &Path, url: &str, pull_request: &PullRequest) -> Result<String> {
    let clone = dir.join("clone");
    git(["clone", "--quiet", "--bare", "--", url]
        .map(OsStr::new)
        .into_iter()
        .chain([clone.as_os_str()]))
    .await?;
    let git_dir = [OsStr::new("--git-dir"), clone.as_os_str()];
    let diff = ["diff", "--no-ext-diff", "--no-textconv", "main", pull_request.head.as_str()];
    git(git_dir.into_iter().chain(diff.map(OsStr::new))).await
}

/// Waits until the program is interrupted. In the meantime the emulator answers requests.
async fn serve_until_interrupted(emulator: &Emulator, repo: &RepoRef) {
    let url = emulator.git_url(repo);
    say(&format!(
        "\nThe emulated GitHub is still available at {}\n  git clone {url}\nPress Ctrl-C to end the emulator.",
        emulator.api_url()
    ));
    interrupted().await;
}
