//! A container that checks whether the secrets that an agent passes to programs are registered.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use crate::agent::SecretSink;
use crate::container::{Command, EnvValue, ExitStatus, OutputSink};
use crate::testing::lock;
use crate::{Container, Result, Secret};

/// The secrets that an agent has registered.
#[derive(Debug, Default)]
pub(super) struct RegisteredSecrets(Mutex<Vec<Secret>>);

impl SecretSink for RegisteredSecrets {
    fn add(&self, secret: &Secret) {
        lock(&self.0).push(secret.clone());
    }
}

/// A container that records the names of environment variables whose secrets are not registered when
/// their program is executed.
#[derive(Debug)]
pub(super) struct RegistrationCheck<'a> {
    pub(super) container: &'a dyn Container,
    pub(super) registered: &'a RegisteredSecrets,
    pub(super) missing: Mutex<Vec<String>>,
}

#[async_trait]
impl Container for RegistrationCheck<'_> {
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
        for (name, value) in &command.env {
            if let EnvValue::Secret(secret) = value
                && !lock(&self.registered.0).iter().any(|known| known.expose() == secret.expose())
            {
                lock(&self.missing).push(name.clone());
            }
        }
        self.container.exec(command, output).await
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        self.container.stop(grace).await
    }
}
