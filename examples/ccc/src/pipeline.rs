//! Construction of the pipeline that the configuration describes.

use std::sync::Arc;

use ccc_core::git::Transport;
use ccc_core::pipeline::{Limits, Pipeline};
use ccc_core::{Observer, Result, VcsHost};

use crate::adapters::Adapters;
use crate::config::Config;
use crate::repository_settings;

/// Builds a pipeline from `host`, `adapters`, `observer`, and the limits and the policy in
/// `config`.
pub(crate) fn pipeline(
    config: &Config,
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
        .data_dir(config.data_dir()?)
        .policy(config.policy.clone())
        .limits(limits)
        .repository_settings(repository_settings::PATH, repository_settings::parse)
        .build()
}
