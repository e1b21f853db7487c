//! Attachment to a container's standard input and output.

use std::io;
use std::sync::Arc;

use bollard::container::LogOutput;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use bytes::Bytes;
use ccc_core::container::{ContainerSpec, Network};
use ccc_core::{CancellationToken, Result, RunId};
use futures_util::StreamExt;
use tokio_util::io::StreamReader;

use crate::egress::proxy::EgressProxy;
use crate::lock::lock;
use crate::runner::docker::engine::Engine;
use crate::runner::docker::engine_error::Attempt;
use crate::runner::docker::keeper_connection::{Connection, StderrBuffer};
use crate::runner::docker::names::container_name;
use crate::runner::docker::state::Shared;

/// Maximum number of bytes of the keeper's standard error that are stored.
const MAX_STDERR: usize = 4_096;

/// Attaches to the standard input and output of the container of `run`. The container must be
/// created and must not be started yet.
///
/// # Errors
/// Errors of the engine.
pub(crate) async fn attach(
    shared: &Arc<Shared>,
    engine: &Engine,
    run: RunId,
    spec: &ContainerSpec,
) -> Result<Connection> {
    let options = AttachContainerOptionsBuilder::default()
        .stream(true)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .build();
    let name = container_name(run);
    let attached = engine.docker.attach_container(&name, Some(options)).await;
    let attached = attached.attempt(&format!("cannot attach to the container `{name}`"))?;
    let stderr = StderrBuffer::default();
    let collected = Arc::clone(&stderr);
    let output = attached.output.filter_map(move |piece| {
        let piece: Option<io::Result<Bytes>> = match piece {
            Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => Some(Ok(message)),
            Ok(LogOutput::StdErr { message }) => {
                let mut collected = lock(&collected);
                let room = MAX_STDERR.saturating_sub(collected.len());
                collected.extend(message.iter().take(room));
                None
            }
            Ok(LogOutput::StdIn { .. }) => None,
            Err(e) => Some(Err(io::Error::other(e))),
        };
        std::future::ready(piece)
    });
    let socket = tokio::io::join(StreamReader::new(output), attached.input);
    let model = shared.settings.model_proxy.filter(|_| spec.network == Network::ModelProxy);
    let (rules, clock) = (shared.settings.egress.clone(), Arc::clone(&shared.clock));
    let egress = Arc::new(EgressProxy::new(rules, clock, spec.egress.clone()));
    let over = CancellationToken::new();
    lock(&shared.connections).insert(run, over.clone());
    Ok(Connection::new(socket, over, stderr, model, egress))
}
