//! `ccc doctor`: whether this machine can do the work, before a run finds out.

use ccc_core::git::HostGit;
use ccc_core::{ContainerRunner, Result};
use ccc_runner::{Finding, SubprocessRunner};

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
    match config.runner.kind.as_str() {
        "docker" => findings.extend(parts::docker(&config, None)?.examine().await),
        _ => findings.extend(subprocess(&config).await?),
    }
    let name = config.model.credential()?.map_or_else(
        || {
            (
                Finding::Warning,
                "no credential of a model is set: only scripted agents work".to_owned(),
            )
        },
        |_| {
            (
                Finding::Good,
                "a credential of a model is set; whether it is good, a run tells".to_owned(),
            )
        },
    );
    findings.push(name);
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

async fn subprocess(config: &Config) -> Result<Vec<(Finding, String)>> {
    // Refuses a name that is none.
    parts::runner(config, None)?;
    let runner = SubprocessRunner::new(config.data_dir()?.join("subprocess"))?;
    Ok(vec![
        judged(runner.check().await, "plain processes can be started".to_owned()),
        (
            Finding::Warning,
            "the subprocess runner isolates nothing: runner.kind = \"docker\" does".to_owned(),
        ),
    ])
}

fn judged(checked: Result<()>, good: String) -> (Finding, String) {
    match checked {
        Ok(()) => (Finding::Good, good),
        Err(error) => (Finding::Bad, error.to_string()),
    }
}
