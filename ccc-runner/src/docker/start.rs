//! From a run's id to a container that answers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
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

use super::engine::Engine;
use super::fault::{self, Attempt};
use super::inside::{Connection, DockerContainer};
use super::walls::{self, KEEPER, User};
use super::{Shared, copy, name};
use crate::egress::Egress;

/// How long a container that was started may take to say so.
const GREETS_WITHIN: Duration = Duration::from_secs(60);

/// Makes the container, and starts it.
pub(super) async fn start(
    shared: &Arc<Shared>,
    run: RunId,
    spec: &ContainerSpec,
    cancel: &CancellationToken,
) -> Result<DockerContainer> {
    let still_wanted = || match cancel.is_cancelled() {
        true => Err(Error::new(ErrorKind::Cancelled, "the run was destroyed while it started")),
        false => Ok(()),
    };
    let (engine, name) = (shared.engine().await?, name(run));
    engine.fit()?;
    let image = engine.image(spec.image.as_deref().unwrap_or(&shared.settings.image)).await?;
    let mounts = engine.mounts(shared, &image).await?;
    let user = User::of(mounts);
    if mounts && rustix::process::geteuid().is_root() {
        give_to(spec.workspace.clone(), user).await?;
    }
    still_wanted()?;
    let body = walls::body(shared, engine, (&image, mounts), run, spec)?;
    engine.create(&name, body, &shared.owner, &*shared.clock).await?;
    still_wanted()?;
    if !mounts {
        copy::copy_in(engine, &name, &spec.workspace, user).await?;
        still_wanted()?;
    }
    let always = spec.egress.clone();
    let egress = Egress::new(shared.settings.egress.clone(), Arc::clone(&shared.clock), always);
    let egress = Arc::new(egress);
    let mut connection = attach(shared, engine, &name, spec, &egress).await?;
    let started = engine.docker.start_container(&name, None).await;
    started.map_err(|refusal| not_started(&image.id, refusal))?;
    still_wanted()?;
    let greeted = tokio::select! {
        greeted = connection.hello() => greeted,
        () = shared.clock.sleep(GREETS_WITHIN) => None,
        () = cancel.cancelled() => None,
    };
    still_wanted()?;
    match greeted {
        Some(hello) if hello.protocol == PROTOCOL => {}
        Some(hello) => {
            let line = format!(
                "the image's ccc-keeper speaks protocol {}, and this program {PROTOCOL}: build the image \
                 again (images/build)",
                hello.protocol
            );
            return Err(Error::new(ErrorKind::Unsupported, line));
        }
        None => {
            let words = ccc_core::text::one_line(&connection.words(), 300);
            if lacks_keeper(&words) {
                return Err(no_keeper(&image.id));
            }
            let line =
                format!("the container started, and its ccc-keeper does not answer: {words}");
            return Err(Error::new(ErrorKind::Unavailable, line));
        }
    }
    let (shared, spec) = (Arc::clone(shared), spec.clone());
    Ok(DockerContainer::new(shared, run, spec, (image, mounts), connection))
}

/// A connection to what will be the keeper's standard input and output.
async fn attach(
    shared: &Arc<Shared>,
    engine: &Engine,
    name: &str,
    spec: &ContainerSpec,
    egress: &Arc<Egress>,
) -> Result<Connection> {
    let options = AttachContainerOptionsBuilder::default()
        .stream(true)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .build();
    let attached = engine.docker.attach_container(name, Some(options)).await;
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
    Ok(Connection::new(socket, words, model, Arc::clone(egress)))
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

/// Gives the whole workspace to the container's user. Nobody of the run is alive.
async fn give_to(workspace: PathBuf, user: User) -> Result<()> {
    let given = tokio::task::spawn_blocking(move || give_now(&workspace, user)).await;
    given.map_err(io::Error::other).flatten().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "cannot give the workspace to the container's user")
            .with_source(e)
    })
}

fn give_now(workspace: &Path, user: User) -> io::Result<()> {
    let give = |path: &Path| std::os::unix::fs::lchown(path, Some(user.uid), Some(user.gid));
    give(workspace)?;
    let mut open = vec![workspace.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            give(&entry.path())?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(())
}
