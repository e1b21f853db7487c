//! A container on a Docker engine, in which programs are executed.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::query_parameters::StopContainerOptionsBuilder;
use ccc_core::container::{
    Command, ContainerSpec, EnvValue, ExitStatus, Network, OutputSink, OutputStream,
};
use ccc_core::{Container, Error, ErrorKind, Result, RunId, async_trait};
use ccc_keeper::{
    EGRESS_PORT, ExecOutcome, ExecRequest, ExecResult, FrameKind, MODEL_PORT, read_frame,
    write_head,
};
use tokio::io::AsyncWriteExt;

use crate::runner::docker::archive;
use crate::runner::docker::engine::Image;
use crate::runner::docker::engine_error::{self, Attempt};
use crate::runner::docker::exit_reason::exit_error;
use crate::runner::docker::keeper_connection::Connection;
use crate::runner::docker::names::{HOME, WORKSPACE, container_name};
use crate::runner::docker::state::Shared;
use crate::runner::docker::unpack::UnpackLimits;
use crate::runner::output::BoundedOutput;

/// The properties of a container that are decided before the container starts.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) run: RunId,
    pub(crate) spec: ContainerSpec,
    pub(crate) image: Image,
    /// Whether the workspace is mounted from the host machine rather than copied.
    pub(crate) mounted: bool,
}

/// The container of a run on a Docker engine.
#[derive(Debug)]
pub(crate) struct DockerContainer {
    shared: Arc<Shared>,
    setup: Setup,
    model_proxy: Option<String>,
    connection: Connection,
}

impl DockerContainer {
    pub(crate) fn new(shared: Arc<Shared>, setup: Setup, connection: Connection) -> Self {
        let has_model = setup.spec.network == Network::ModelProxy;
        let model_proxy = has_model.then(|| format!("http://127.0.0.1:{MODEL_PORT}"));
        Self { shared, setup, model_proxy, connection }
    }

    fn exec_request(&self, command: &Command) -> Result<ExecRequest> {
        let mut env = self.setup.image.env.clone();
        let proxy = format!("http://127.0.0.1:{EGRESS_PORT}");
        // Set the variables in both spellings, because a program may read only one spelling.
        let ours = [
            ("HOME", HOME),
            ("TMPDIR", "/tmp"),
            ("LANG", "C.UTF-8"),
            ("HTTPS_PROXY", &proxy),
            ("https_proxy", &proxy),
            ("NO_PROXY", "127.0.0.1,localhost"),
            ("no_proxy", "127.0.0.1,localhost"),
        ];
        env.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (name, value) in self.setup.spec.env.iter().chain(&command.env) {
            let value = match value {
                EnvValue::Plain(text) => text.clone(),
                EnvValue::Secret(secret) => secret.expose_str()?.to_owned(),
            };
            env.push((name.clone(), value));
        }
        Ok(ExecRequest {
            argv: command.argv.clone(),
            env,
            directory: WORKSPACE.to_owned(),
            stdin: command.stdin.len() as u64,
            output: self.setup.spec.resources.output_bytes,
        })
    }

    /// Asks the keeper to start the program of `request`, writes `stdin` to the program, and
    /// forwards the program's output to `output`. Returns the keeper's report of the program's end.
    async fn converse(
        &self,
        request: &ExecRequest,
        stdin: &[u8],
        output: &mut dyn OutputSink,
    ) -> io::Result<ExecResult> {
        let mut stream = self.connection.tunnel.open().await?;
        write_head(&mut stream, request).await?;
        let (mut from, mut to) = tokio::io::split(stream);
        let feed = async {
            // Ignore errors, because a program need not read all of its input.
            let _ = async {
                to.write_all(stdin).await?;
                to.flush().await
            }
            .await;
            std::future::pending().await
        };
        let listen = async {
            // Count the output here too, because the keeper is not trusted.
            let mut bounded = BoundedOutput::new(request.output, output);
            let mut bytes = Vec::new();
            loop {
                let stream = match read_frame(&mut from, &mut bytes).await? {
                    FrameKind::Stdout => OutputStream::Stdout,
                    FrameKind::Stderr => OutputStream::Stderr,
                    FrameKind::Ended => {
                        let ended: ExecResult = serde_json::from_slice(&bytes)?;
                        bounded.report(ended.dropped);
                        return Ok(ended);
                    }
                };
                bounded.write(stream, &bytes);
                // Yield, so that continuous output does not starve other tasks, such as the clock
                // of a limit.
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = listen => ended,
            never = feed => never,
        }
    }
}

#[async_trait]
impl Container for DockerContainer {
    fn workspace(&self) -> &Path {
        Path::new(WORKSPACE)
    }

    fn model_proxy(&self) -> Option<&str> {
        self.model_proxy.as_deref()
    }

    fn denied_hosts(&self) -> Vec<String> {
        self.connection.egress.denied_hosts()
    }

    async fn exec(&self, command: &Command, output: &mut dyn OutputSink) -> Result<ExitStatus> {
        let request = self.exec_request(command)?;
        let _permission = self.connection.egress.permit(&command.egress);
        let ended = match self.converse(&request, &command.stdin, output).await {
            Ok(ended) => ended,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                return Err(Error::new(ErrorKind::InvalidInput, error.to_string()));
            }
            Err(broken) => {
                let resources = &self.setup.spec.resources;
                return Err(exit_error(&self.shared, self.setup.run, resources, &broken).await);
            }
        };
        let program = command.argv.first().map_or("", String::as_str);
        match ended.ending {
            ExecOutcome::Code(code) => Ok(ExitStatus::Code(code)),
            ExecOutcome::Signal(signal) => Ok(ExitStatus::Signal(signal)),
            ExecOutcome::OutOfMemory => Ok(ExitStatus::OutOfMemory),
            ExecOutcome::NotFound => Err(Error::new(
                ErrorKind::NotFound,
                format!("the container has no program `{program}`"),
            )),
            ExecOutcome::NotStarted(why) => Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "cannot start `{program}` in the container: {}",
                    ccc_core::untrusted_text::one_line(&why, 200)
                ),
            )),
        }
    }

    async fn stop(&self, grace: Duration) -> Result<()> {
        let engine = self.shared.engine().await?;
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let options = StopContainerOptionsBuilder::default()
            .t(i32::try_from(seconds).unwrap_or(i32::MAX))
            .build();
        match engine
            .with_long_timeout()
            .stop_container(&container_name(self.setup.run), Some(options))
            .await
        {
            Err(refusal)
                if engine_error::answer(&refusal).is_some_and(|(status, _)| status == 304) => {}
            // A container that no longer exists has stopped. But a copied workspace is lost with
            // the container, which is an error.
            Err(refusal) if self.setup.mounted && engine_error::is_missing(&refusal) => {}
            stopped => {
                let name = container_name(self.setup.run);
                stopped.attempt(&format!("cannot stop the container `{name}`"))?;
            }
        }
        if !self.setup.mounted {
            let resources = &self.setup.spec.resources;
            let limits = UnpackLimits {
                bytes: resources.workspace_bytes,
                entries: resources.workspace_entries,
            };
            let (name, workspace) = (container_name(self.setup.run), &self.setup.spec.workspace);
            archive::copy_out(engine, &name, workspace, limits).await?;
        }
        Ok(())
    }
}
