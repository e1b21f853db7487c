//! `ccc run`: a run for one issue, started by the operator.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ccc_core::event::{IssueEvent, IssueSnapshot, Trigger};
use ccc_core::git::HostGit;
use ccc_core::{CancellationToken, Clock, Error, ErrorKind, Outcome, Result, SystemClock, VcsHost};
use ccc_github::GitHub;
use clap::Args;

use crate::adapters::{Adapters, github};
use crate::command::issue_text::issue_text;
use crate::config::{self, Config};
use crate::local_host::LocalHost;
use crate::observers::progress_observer;
use crate::output::{print, say};
use crate::pipeline::{open_data_dir, pipeline};
use crate::remedy::describe;
use crate::signals::interrupted;
use crate::weakening::weakenings;
use crate::{app, credentials, model_credential};

/// The time between two attempts to lock the data directory.
const LOCK_POLL: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The path of a git repository on this machine, or of a directory in it, or OWNER/NAME on
    /// GitHub.
    #[arg(long)]
    repo: OsString,
    /// The issue: the text of the issue, a file with this text, - for standard input, or #N for the
    /// issue with the number N on GitHub. The first line of the text is the title.
    #[arg(long, allow_hyphen_values = true)]
    issue: String,
    /// The agent: claude, scripted:FILE or command:ARGV…. Default: agent.kind of the configuration.
    #[arg(long)]
    agent: Option<String>,
    /// The runner of the agent: subprocess or docker. Default: runner.kind of the configuration.
    #[arg(long)]
    runner: Option<String>,
    /// Print one JSON object per event on standard output.
    #[arg(long)]
    json: bool,
    /// The configuration file. Default: none; only environment variables are read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Executes a run for one issue. Returns whether the issue was solved or answered.
pub(super) async fn run(args: &RunArgs) -> Result<bool> {
    let mut config = Config::load(args.config.as_deref(), config::environment()?)?;
    if let Some(runner) = &args.runner {
        config.runner.kind.clone_from(runner);
    }
    for warning in config.warnings() {
        say(&format!("warning: {warning}"));
    }
    let kind = args.agent.as_ref().or(config.agent.kind.as_ref()).ok_or_else(|| {
        invalid(
            "no agent is named: pass --agent claude, --agent scripted:FILE or --agent command:ARGV…, or \
             set agent.kind"
                .to_owned(),
        )
    })?;
    let model = model_credential::for_run(&config).await?;
    let adapters = Adapters::from_config(&config, kind, model, None).await?;

    let path = Path::new(&args.repo);
    if path.exists() {
        let text = issue_text(&args.issue, std::io::stdin())?;
        let host = Arc::new(
            LocalHost::open(path, &text, &config.policy.branch_prefix, SystemClock.now()).await?,
        );
        let solved =
            drive(&config, Arc::clone(&host) as _, None, adapters, host.event(), args.json).await?;
        if let (Some(new), false) = (host.pull_request(), args.json) {
            print(&format!("{}\n\n{}\n\n{}", new.head, new.title, new.body))?;
        }
        return Ok(solved);
    }
    let name = args.repo.to_str().and_then(|repo| repo.split_once('/'));
    let Some((owner, name)) = name.filter(|(_, name)| !name.contains('/')) else {
        return Err(invalid(format!(
            "--repo {} is neither an existing directory on this machine nor of the form OWNER/NAME for a \
             repository on GitHub",
            path.display()
        )));
    };
    let number =
        args.issue.strip_prefix('#').and_then(|number| number.parse().ok()).ok_or_else(|| {
            invalid(
                "for a repository on GitHub, --issue must be the number of an issue, such as --issue '#12'"
                    .to_owned(),
            )
        })?;
    let credentials = credentials::open(&config).await?;
    let apps = app::apps(&config, Arc::clone(&credentials))?;
    let identity = app::for_run(&config, &apps).await?;
    let github = Arc::new(github(&config, credentials)?);
    github.use_app(Some(identity));
    let repo = github.find_repository(owner, name).await?;
    let issue = github.issue(&repo, number).await?;
    // The operator starts this run, so the run does not depend on the permission of the issue's
    // author.
    config.policy.allowed_actors.push(issue.author.id);
    let event = IssueEvent {
        repo,
        issue: IssueSnapshot {
            number,
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
    drive(&config, Arc::clone(&github) as _, Some(&github), adapters, event, args.json).await
}

/// Opens the data directory of `config` as [`open_data_dir`] does. While another process uses the
/// directory, waits, so that several runs that are started together take place one after another.
async fn wait_for_data_dir(config: &Config) -> Result<HostGit> {
    let mut is_announced = false;
    loop {
        match open_data_dir(config).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if !is_announced {
                    say(&format!(
                        "note: the data directory {} is in use by another process; this run starts when that \
                         process ends: to start at once, set CCC_DATA_DIR to another directory",
                        config.data_dir()?.display()
                    ));
                    is_announced = true;
                }
                SystemClock.sleep(LOCK_POLL).await;
            }
            opened => return opened,
        }
    }
}

/// Executes a run for `event`. Returns whether the issue was solved or answered.
async fn drive(
    config: &Config,
    host: Arc<dyn VcsHost>,
    github: Option<&GitHub>,
    adapters: Adapters,
    event: IssueEvent,
    json: bool,
) -> Result<bool> {
    let runner = &adapters.runner;
    // The operator starts this run, and no request arrives over the network.
    let mut shown = config.clone();
    shown.listen = None;
    shown.policy.allowed_actors.clear();
    for line in weakenings(&shown, runner.name(), runner.capabilities().isolated) {
        say(&format!("note: {line}"));
    }
    let git = wait_for_data_dir(config).await?;
    let pipeline = pipeline(config, git, host, adapters, progress_observer(json), None)?;
    pipeline.git().check().await?;
    pipeline.runner().check().await?;
    let taken_over = match github {
        // This process has locked the data directory, so no other process uses the tokens that are
        // recorded under the name of this directory.
        Some(github) => github.take_over().await.map(drop),
        None => Ok(()),
    };
    for result in [taken_over, pipeline.sweep(&[]).await.map(drop)] {
        if let Err(error) = result {
            say(&format!(
                "warning: cannot complete the cleanup of an earlier run: {}",
                describe(&error)
            ));
        }
    }
    let cancel = CancellationToken::new();
    let report = {
        let running = pipeline.run(event, &cancel);
        tokio::pin!(running);
        tokio::select! {
            report = &mut running => report?,
            () = interrupted() => {
                say("cancelling the run; interrupt again to end the program at once");
                cancel.cancel();
                tokio::select! {
                    report = &mut running => report?,
                    () = interrupted() => return Err(Error::new(
                        ErrorKind::Cancelled,
                        "the program was interrupted twice and ended before the cleanup of the run; the next \
                         `ccc run` with this data directory does this cleanup",
                    )),
                }
            }
        }
    };
    pipeline.wait_for_cleanups().await;
    if let Some(github) = github {
        github.revoke_idle().await;
    }
    for (what, result) in [
        ("report the outcome of the run", &report.report),
        ("clean up after the run", &report.cleanup),
    ] {
        if let Err(error) = result {
            say(&format!("warning: cannot {what}: {}", describe(error)));
        }
    }
    Ok(matches!(report.outcome, Outcome::PullRequest { .. } | Outcome::Answered { .. }))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
