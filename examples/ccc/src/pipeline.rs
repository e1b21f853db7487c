//! Construction of the pipeline that the configuration describes.

use std::sync::Arc;
use std::time::Duration;

use ccc_core::git::{HostGit, Transport};
use ccc_core::pipeline::{Limits, Pipeline};
use ccc_core::{Clock as _, Error, ErrorKind, Observer, Result, SystemClock, VcsHost};

use crate::adapters::Adapters;
use crate::config::Config;
use crate::output::say;
use crate::repository_settings;

/// The time between two attempts to lock the data directory.
const LOCK_POLL: Duration = Duration::from_millis(250);

/// Opens and locks the data directory of `config`, on a thread for blocking calls.
pub(crate) async fn open_data_dir(config: &Config) -> Result<HostGit> {
    let path = config.data_dir()?;
    tokio::task::spawn_blocking(move || HostGit::open(path)).await.unwrap_or_else(|e| {
        let line = "the task that opens the data directory ended without a result";
        Err(Error::new(ErrorKind::Unexpected, line).with_source(e))
    })
}

/// Opens the data directory of `config` as [`open_data_dir`] does. While another process uses the
/// directory, waits, so that several runs that are started together take place one after another.
pub(crate) async fn wait_for_data_dir(config: &Config) -> Result<HostGit> {
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

/// Builds a pipeline from the opened data directory `git`, `host`, `adapters`, `observer`, and the
/// limits and the policy in `config`.
pub(crate) fn pipeline(
    config: &Config,
    git: HostGit,
    host: Arc<dyn VcsHost>,
    adapters: Adapters,
    observer: Arc<dyn Observer>,
) -> Result<Pipeline> {
    let mut limits = Limits::default();
    config.agent.limit(&mut limits)?;
    config.runner.limit(&mut limits)?;
    let mut transport = Transport::default();
    transport.proxy.clone_from(&config.github.proxy);
    transport.ca_file.clone_from(&config.github.ca_file);
    Pipeline::builder()
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
