//! `ccc doctor`: whether this machine can do the work, before a run finds out.

use ccc_core::git::HostGit;
use ccc_core::pipeline::Limits;
use ccc_core::{ContainerRunner, Result};
use ccc_runner::Finding;

use crate::cli::{DoctorArgs, print};
use crate::{Config, config, parts, serve};

/// Whether nothing stands in the way.
pub(crate) async fn doctor(args: &DoctorArgs) -> Result<bool> {
    let mut config =
        Config::load(serve::config_file(args.config.as_deref()), config::environment()?)?;
    if let Some(runner) = &args.runner {
        config.runner.kind.clone_from(runner);
    }
    let mut findings = Vec::new();
    let data_dir = config.data_dir()?;
    findings.push(match HostGit::open(&data_dir) {
        // Taken, by a service that works: as good.
        Err(error) if error.kind() == ccc_core::ErrorKind::AlreadyExists => {
            (Finding::Warning, format!("{error} (git was not looked at)"))
        }
        Err(error) => (Finding::Bad, error.to_string()),
        Ok(git) => judged(git.check().await, format!("git works, in {}", data_dir.display())),
    });
    findings.extend(match config.runner.kind.as_str() {
        "docker" => match parts::docker(&config, None) {
            Ok(runner) => runner.diagnose().await,
            Err(error) => vec![(Finding::Bad, error.to_string())],
        },
        _ => subprocess(&config).await,
    });
    let mut limits = Limits::default();
    let limits = config.runner.limit(&mut limits).and_then(|()| config.agent.limit(&mut limits));
    findings.push(judged(limits, "the limits can be kept".to_owned()));
    findings.push(match config.model.credential() {
        Ok(Some(_)) => {
            let line = "a credential of a model is set; whether it is good, a run tells";
            (Finding::Good, line.to_owned())
        }
        Ok(None) => {
            let line = "no credential of a model is set: only scripted agents work";
            (Finding::Warning, line.to_owned())
        }
        Err(error) => (Finding::Bad, error.to_string()),
    });
    for (finding, line) in &findings {
        let mark = match finding {
            Finding::Good => "ok      ",
            Finding::Warning => "warning ",
            Finding::Bad => "WRONG   ",
        };
        print(&format!("{mark}{line}"));
    }
    Ok(findings.iter().all(|(finding, _)| *finding != Finding::Bad))
}

async fn subprocess(config: &Config) -> Vec<(Finding, String)> {
    let checked = match parts::runner(config, None) {
        Ok(runner) => runner.check().await,
        Err(error) => Err(error),
    };
    let line = "the subprocess runner isolates nothing: runner.kind = \"docker\" does";
    vec![
        judged(checked, "plain processes can be started".to_owned()),
        (Finding::Warning, line.to_owned()),
    ]
}

fn judged(checked: Result<()>, good: String) -> (Finding, String) {
    match checked {
        Ok(()) => (Finding::Good, good),
        Err(error) => (Finding::Bad, error.to_string()),
    }
}
