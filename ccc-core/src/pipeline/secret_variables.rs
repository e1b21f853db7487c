//! A container that registers the secrets in the environment of each command before the command
//! is executed.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;

use crate::container::{Command, EnvValue, ExitStatus, OutputSink};
use crate::observe::Redactor;
use crate::{Container, Result};

/// Adds each secret among the environment variables `env` to `redactor`.
pub(super) fn register(env: &[(String, EnvValue)], redactor: &Redactor) {
    for (_, value) in env {
        if let EnvValue::Secret(secret) = value {
            redactor.add(secret);
        }
    }
}

/// The container that an agent receives. Its programs get no secret that the run's redactor does not
/// know (spec: S6b), even if an agent does not register the secret itself.
#[derive(Debug)]
pub(super) struct WatchedContainer<'a> {
    pub(super) container: &'a dyn Container,
    pub(super) redactor: &'a Redactor,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Container for WatchedContainer<'_> {
    fn workspace(&self) -> &Path {
        self.container.workspace()
    }

    fn model_proxy(&self) -> Option<&str> {
        self.container.model_proxy()
    }

    fn denied_hosts(&self) -> Vec<String> {
        self.container.denied_hosts()
    }

    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        register(&command.env, self.redactor);
        self.container.exec(command, output).await
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        self.container.stop(grace).await
    }
}
