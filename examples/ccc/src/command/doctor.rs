//! `ccc doctor`: checks that this host machine can execute runs.

use std::path::PathBuf;

use ccc_core::pipeline::Limits;
use ccc_core::policy::AppliedPolicy;
use ccc_core::{ContainerRunner, Result};
use ccc_runner::Finding;
use clap::Args;

use crate::adapters::{docker_runner, runner};
use crate::config::Config;
use crate::output::{print, say};
use crate::pipeline::open_data_dir;
use crate::remedy::describe;
use crate::weakening::weakenings;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The runner to check: subprocess or docker. Default: runner.kind of the configuration.
    #[arg(long)]
    runner: Option<String>,
    /// The configuration file. Default: ccc.toml in the current directory, if it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints the finding of each check. Returns `false` if a check failed.
pub(super) async fn run(args: &DoctorArgs) -> Result<bool> {
    let mut config = Config::load_for_command(args.config.as_deref())?;
    for warning in config.warnings() {
        say(&format!("warning: {warning}"));
    }
    if let Some(runner) = &args.runner {
        config.runner.kind.clone_from(runner);
    }
    let mut findings = Vec::new();
    let data_dir = config.data_dir()?;
    findings.push(match open_data_dir(&config).await {
        // Another process uses the data directory. That process checked git when it started, so a
        // warning is sufficient.
        Err(error) if error.kind() == ccc_core::ErrorKind::AlreadyExists => {
            (Finding::Warning, format!("{error} (git was not checked)"))
        }
        Err(error) => (Finding::Bad, describe(&error)),
        Ok(git) => judged(git.check().await, format!("git works in {}", data_dir.display())),
    });
    findings.extend(match config.runner.kind.as_str() {
        "docker" => match docker_runner(&config, None) {
            Ok(runner) => runner.diagnose().await,
            Err(error) => vec![(Finding::Bad, describe(&error))],
        },
        _ => subprocess(&config).await,
    });
    let mut limits = Limits::default();
    let limits = config.runner.limit(&mut limits).and_then(|()| config.agent.limit(&mut limits));
    findings.push(judged(limits, "the configured limits are valid".to_owned()));
    // The weakened parts of the policy are among the warnings above.
    findings.push((
        Finding::Good,
        format!("policy: {}", AppliedPolicy::from(&config.policy).summary()),
    ));
    findings.push(match config.model.credential() {
        Ok(Some(_)) => {
            let line = "a credential for the model's API is configured; this command did not test the credential \
                        with the API";
            (Finding::Good, line.to_owned())
        }
        Ok(None) => {
            let line = "the configuration contains no credential for the model's API, so the agent claude needs a \
                        credential in the credential store: check with `ccc config show` that this credential is stored";
            (Finding::Warning, line.to_owned())
        }
        Err(error) => (Finding::Bad, describe(&error)),
    });
    // The runner `docker` isolates the agent, and no other runner does.
    let isolated = config.runner.kind == "docker";
    // An unknown value may be a secret that was put into the wrong setting (spec: S10c).
    let runner = match config.runner.kind.as_str() {
        known @ ("docker" | "subprocess") => known,
        _ => "configured",
    };
    let weakened = weakenings(&config, runner, isolated);
    findings.extend(weakened.into_iter().map(|line| (Finding::Warning, line)));
    for (finding, line) in &findings {
        let mark = match finding {
            Finding::Good => "ok      ",
            Finding::Warning => "warning ",
            Finding::Bad => "WRONG   ",
        };
        print(&format!("{mark}{line}"))?;
    }
    Ok(findings.iter().all(|(finding, _)| *finding != Finding::Bad))
}

/// Returns the findings about the subprocess runner.
async fn subprocess(config: &Config) -> Vec<(Finding, String)> {
    let checked = match runner(config, None) {
        Ok(runner) => runner.check().await,
        Err(error) => Err(error),
    };
    vec![judged(checked, "the subprocess runner can start processes".to_owned())]
}

/// Returns the finding of a check whose result is `checked`. `good` is the text of the finding if
/// the check passed.
fn judged(checked: Result<()>, good: String) -> (Finding, String) {
    match checked {
        Ok(()) => (Finding::Good, good),
        Err(error) => (Finding::Bad, describe(&error)),
    }
}
