//! Construction of the pipeline that the configuration describes.

use std::sync::Arc;

use ccc_core::git::{HostGit, Transport};
use ccc_core::pipeline::{Limits, Pipeline};
use ccc_core::{Error, ErrorKind, Observer, Result, RunLog, VcsHost};

use crate::adapters::Adapters;
use crate::config::Config;
use crate::repository_settings;

/// Opens and locks the data directory of `config`, on a thread for blocking calls.
pub(crate) async fn open_data_dir(config: &Config) -> Result<HostGit> {
    let path = config.data_dir()?;
    tokio::task::spawn_blocking(move || HostGit::open(path)).await.unwrap_or_else(|e| {
        let line = "the task that opens the data directory ended without a result";
        Err(Error::new(ErrorKind::Unexpected, line).with_source(e))
    })
}

/// Builds a pipeline from the opened data directory `git`, `host`, `adapters`, `observer`, the log of
/// its runs, and the limits and the policy in `config`.
pub(crate) fn pipeline(
    config: &Config,
    git: HostGit,
    host: Arc<dyn VcsHost>,
    adapters: Adapters,
    observer: Arc<dyn Observer>,
    log: Option<Arc<dyn RunLog>>,
) -> Result<Pipeline> {
    let mut limits = Limits::default();
    config.agent.limit(&mut limits)?;
    config.runner.limit(&mut limits)?;
    limits.attempts = config.runs.attempts.unwrap_or(limits.attempts);
    let mut transport = Transport::default();
    transport.proxy.clone_from(&config.github.proxy);
    transport.ca_file.clone_from(&config.github.ca_file);
    let builder = match log {
        Some(log) => Pipeline::builder().run_log(log),
        None => Pipeline::builder(),
    };
    builder
        .transport(transport)
        .host(host)
        .runner(adapters.runner)
        .agent(adapters.agent)
        .credentials(adapters.credentials)
        .observer(observer)
        .git(git)
        .policy(config.policy.clone())
        .limits(limits)
        .repository_settings(repository_settings::PATH, repository_settings::parse)
        .build()
}
