//! Construction of the Docker runner that the configuration describes.

use ccc_core::Result;
use ccc_runner::{DockerRunner, ModelProxy};

use crate::adapters::setting::set;
use crate::config::Config;

/// Builds the configured Docker runner. If `proxy` is given, containers can connect to this model
/// proxy.
pub(crate) fn docker_runner(config: &Config, proxy: Option<&ModelProxy>) -> Result<DockerRunner> {
    let settings = &config.runner;
    let mut builder = DockerRunner::builder(config.data_dir()?.join("docker"));
    if settings.dangerously_unencrypted {
        builder = builder.dangerously_unencrypted();
    }
    builder
        .host(set(&settings.host).map(str::to_owned))
        .image(set(&settings.image).map(str::to_owned))
        .runtime(set(&settings.runtime).map(str::to_owned))
        .workspaces(settings.workspaces()?)
        .model_proxy(proxy.map(ModelProxy::address))
        .build()
}
