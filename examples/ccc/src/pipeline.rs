//! The pipeline of a configuration.

use std::sync::Arc;

use ccc_core::git::Transport;
use ccc_core::pipeline::{Limits, Pipeline, RepositorySettings};
use ccc_core::{Error, ErrorKind, Observer, Result, VcsHost};

use crate::adapters::Adapters;
use crate::config::Config;

/// Builds a pipeline over these adapters, with the limits and the policy of the configuration.
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
        .repository_settings(".github/ccc.toml", repository_settings)
        .build()
}

/// Parses a repository's own settings.
fn repository_settings(text: &str) -> Result<RepositorySettings> {
    toml::from_str(text).map_err(|e| Error::new(ErrorKind::InvalidInput, e.message()))
}
