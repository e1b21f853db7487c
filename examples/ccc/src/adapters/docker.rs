//! Construction of the Docker runner that the configuration describes.

use ccc_core::Result;
use ccc_runner::{DockerRunner, ModelProxy};

use crate::adapters::setting::non_empty;
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
        .host(non_empty(&settings.host).map(str::to_owned))
        .image(non_empty(&settings.image).map(str::to_owned))
        .runtime(non_empty(&settings.runtime).map(str::to_owned))
        .workspaces(settings.workspaces()?)
        .model_proxy(proxy.map(ModelProxy::address))
        .build()
}
