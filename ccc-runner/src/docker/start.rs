//! From a run's id to a container that answers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use bytes::Bytes;
use ccc_core::container::{ContainerSpec, Network};
use ccc_core::{CancellationToken, Error, ErrorKind, Result, RunId};
use ccc_keeper::PROTOCOL;
use futures_util::StreamExt;
use tokio_util::io::StreamReader;

use super::engine::{Engine, Image};
use super::fault::{self, Attempt};
use super::inside::{Connection, DockerContainer};
use super::walls::{self, KEEPER, User};
use super::{Shared, copy, name};
use crate::egress::Egress;
use crate::user::give;

/// How long a container that was started may take to say so.
const GREETS_WITHIN: Duration = Duration::from_secs(60);

/// Makes the container, and starts it.
pub(super) async fn start(
    shared: &Arc<Shared>,
    run: RunId,
    spec: &ContainerSpec,
    cancel: &CancellationToken,
) -> Result<DockerContainer> {
    let given_up = || Error::new(ErrorKind::Cancelled, "the run was destroyed while it started");
    let (engine, name) = (shared.engine().await?, name(run));
    engine.fit()?;
    let image = engine.image(spec.image.as_deref().unwrap_or(&shared.settings.image)).await?;
    let mounts = engine.mounts(shared, &image).await?;
    if mounts && rustix::process::geteuid().is_root() {
        let user = User::of(mounts);
        give(spec.workspace.clone(), user.uid, user.gid).await?;
    }
    let body = walls::body(shared, engine, (&image, mounts), run, spec)?;
    if cancel.is_cancelled() {
        return Err(given_up());
    }
    // Waited for, whoever has given up: what it makes must be there for whoever removes it.
    engine.create(&name, body, &shared.owner, &*shared.clock).await?;
    tokio::select! {
        up = bring_up(shared, engine, run, spec, (image, mounts)) => up,
        () = cancel.cancelled() => Err(given_up()),
    }
}

/// Fills the container that was made, starts it, and hears from it. Can be dropped at any time: the container's
/// name is known.
async fn bring_up(
    shared: &Arc<Shared>,
    engine: &Engine,
    run: RunId,
    spec: &ContainerSpec,
    (image, mounts): (Image, bool),
) -> Result<DockerContainer> {
    let name = name(run);
    if !mounts {
        copy::check_place(engine, &name, User::of(mounts)).await?;
        copy::copy_in(engine, &name, &spec.workspace, User::of(mounts)).await?;
    }
    let always = spec.egress.clone();
    let egress = Egress::new(shared.settings.egress.clone(), Arc::clone(&shared.clock), always);
    let egress = Arc::new(egress);
    let mut connection = attach(shared, engine, run, spec, &egress).await?;
    let started = engine.docker.start_container(&name, None).await;
    started.map_err(|refusal| not_started(&image.id, refusal))?;
    let greeted = tokio::select! {
        greeted = connection.hello() => greeted,
        () = shared.clock.sleep(GREETS_WITHIN) => None,
    };
    let hello = greeted.ok_or_else(|| no_answer(&image.id, &connection.words()))?;
    if hello.protocol != PROTOCOL {
        return Err(other_keeper(&format!("protocol {}, not {PROTOCOL}", hello.protocol)));
    }
    // Another runtime's kernel may have its own ways of telling, or none.
    let ours = shared.settings.runtime.is_none() && shared.settings.altered.is_none();
    if ours && !hello.limited {
        let line = "the engine takes ceilings on memory and processes, and does not hold them: rootless engines \
                    need control groups of version 2, delegated to their user";
        return Err(Error::new(ErrorKind::Unsupported, line));
    }
    let (shared, spec) = (Arc::clone(shared), spec.clone());
    Ok(DockerContainer::new(shared, run, spec, (image, mounts), connection))
}

/// What a container that ended without a greeting means.
fn no_answer(image: &str, words: &str) -> Error {
    let words = ccc_core::text::one_line(words, 300);
    if lacks_keeper(&words) {
        return no_keeper(image);
    }
    if words.starts_with("ccc-keeper: ") {
        return other_keeper(&words);
    }
    let line = format!("the container started, and its ccc-keeper does not answer: {words}");
    Error::new(ErrorKind::Unavailable, line)
}

fn other_keeper(words: &str) -> Error {
    let line = format!(
        "the image's ccc-keeper is of another version than this program: build the image again with \
         images/build ({words})"
    );
    Error::new(ErrorKind::Unsupported, line)
}

/// A connection to what will be the keeper's standard input and output.
async fn attach(
    shared: &Arc<Shared>,
    engine: &Engine,
    run: RunId,
    spec: &ContainerSpec,
    egress: &Arc<Egress>,
) -> Result<Connection> {
    let options = AttachContainerOptionsBuilder::default()
        .stream(true)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .build();
    let attached = engine.docker.attach_container(&name(run), Some(options)).await;
    let attached = attached.attempt("cannot attach to the container")?;
    let words = Arc::<std::sync::Mutex<Vec<u8>>>::default();
    let heard = Arc::clone(&words);
    let output = attached.output.filter_map(move |piece| {
        let piece: Option<io::Result<Bytes>> = match piece {
            Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => Some(Ok(message)),
            Ok(LogOutput::StdErr { message }) => {
                let mut words = heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let room = 4_096_usize.saturating_sub(words.len());
                words.extend(message.iter().take(room));
                None
            }
            Ok(LogOutput::StdIn { .. }) => None,
            Err(e) => Some(Err(io::Error::other(e))),
        };
        std::future::ready(piece)
    });
    let socket = tokio::io::join(StreamReader::new(output), attached.input);
    let model = shared.settings.model_proxy.filter(|_| spec.network == Network::ModelProxy);
    let over = CancellationToken::new();
    shared.connections().insert(run, over.clone());
    Ok(Connection::new(socket, over, words, model, Arc::clone(egress)))
}

fn not_started(image: &str, refusal: bollard::errors::Error) -> Error {
    if fault::answer(&refusal).is_some_and(|(_, message)| lacks_keeper(message)) {
        return no_keeper(image);
    }
    fault::error("the engine does not start the container", refusal)
}

/// As engines, their runtimes and the first process of a container say so.
fn lacks_keeper(words: &str) -> bool {
    let words = words.to_lowercase();
    words.contains("ccc-keeper") && (words.contains("no such file") || words.contains("not found"))
}

fn no_keeper(image: &str) -> Error {
    let line = format!(
        "the image {image} has no {KEEPER}: build it FROM ccc-agent, or copy the program from there"
    );
    Error::new(ErrorKind::InvalidInput, line)
}
