//! What is asked of an engine, and what is ours on it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder,
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use ccc_core::{Clock, Error, ErrorKind, Result, RunId};
use futures_util::StreamExt;
use jiff::SignedDuration;
use tokio::sync::OnceCell;

use super::fault::{self, Attempt};
use super::walls::KEEPER;
use super::{OWNER_LABEL, RUN_LABEL, Shared, Workspaces};

/// How long what depends on somebody else's size or patience may take: copies, and the end of programs.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long a container that does not go is asked to.
const GONE_WITHIN: SignedDuration = SignedDuration::from_secs(40);
/// How long a container that was let go of may take to end by itself.
const ENDS_WITHIN: Duration = Duration::from_millis(200);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// An engine that answered, and is new enough.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) docker: Docker,
    /// It is not, for all that we know, on this machine.
    pub(super) elsewhere: bool,
    /// It does not hold containers off the machine's swap.
    pub(super) swaps: bool,
    /// Why nothing may start here.
    pub(super) unfit: Option<String>,
    /// Workspaces can be mounted if it sees our files.
    pub(super) may_mount: Workspaces,
    /// Whether they are, once that is known.
    pub(super) mounts: OnceCell<bool>,
    /// How many processors it has, in thousandths.
    pub(super) milli_cpus: u32,
}

/// An image on the engine.
#[derive(Debug)]
pub(super) struct Image {
    /// Its id: what was looked at is what runs.
    pub(super) id: String,
    /// The environment that it gives its programs.
    pub(super) env: Vec<(String, String)>,
}

impl Engine {
    /// The engine, for what may take long.
    pub(super) fn patient(&self) -> Docker {
        self.docker.clone().with_timeout(PATIENCE)
    }

    /// Whether containers may start here. Removing them is always right.
    pub(super) fn fit(&self) -> Result<()> {
        match &self.unfit {
            None => Ok(()),
            Some(why) => Err(Error::new(ErrorKind::Unsupported, why.clone())),
        }
    }

    /// Whether workspaces are mounted, and not copied. Asks the engine when nobody has said.
    pub(super) async fn mounts(&self, shared: &Shared, image: &Image) -> Result<bool> {
        let mounts = self.mounts.get_or_try_init(|| async {
            match self.may_mount {
                Workspaces::Mounted => Ok(true),
                Workspaces::Copied => Ok(false),
                Workspaces::Auto => self.sees_our_files(shared, image).await,
            }
        });
        mounts.await.copied()
    }

    /// Looks an image up. It is not fetched: which images run is the operator's doing.
    pub(super) async fn image(&self, name: &str) -> Result<Image> {
        let inspected = self.docker.inspect_image(name).await.map_err(|refusal| {
            if fault::is_missing(&refusal) {
                let line = format!(
                    "there is no image `{name}` on the engine: build it with images/build, or pull it there"
                );
                return Error::new(ErrorKind::NotFound, line);
            }
            fault::error(&format!("cannot look at the image `{name}`"), refusal)
        })?;
        let config = inspected.config.unwrap_or_default();
        if let Some(volumes) = config.volumes.filter(|volumes| !volumes.is_empty()) {
            // Each would be a place on the engine's disk that nobody counts.
            let line = format!(
                "the image `{name}` declares volumes ({}), which no ceiling holds: build it without VOLUME",
                ccc_core::text::one_line(&volumes.join(", "), 100)
            );
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let env = config.env.unwrap_or_default();
        let env = env.iter().filter_map(|variable| variable.split_once('='));
        Ok(Image {
            id: inspected.id.unwrap_or_else(|| name.to_owned()),
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })
    }

    /// Whether a directory of ours, mounted, is that directory: a container is made for it, never started,
    /// and looked into.
    async fn sees_our_files(&self, shared: &Shared, image: &Image) -> Result<bool> {
        let (settings, owner) = (&shared.settings, &shared.owner);
        let run = RunId::new(shared.clock.now())?;
        let marker = tempfile::Builder::new().prefix("marker-").tempfile_in(&settings.state_dir);
        let marker = marker.map_err(|e| {
            let line = format!("cannot write into {}: {e}", settings.state_dir.display());
            Error::new(ErrorKind::Unavailable, line)
        })?;
        let marked = Path::new("/ours").join(marker.path().file_name().unwrap_or_default());
        let body = ContainerCreateBody {
            image: Some(image.id.clone()),
            // Never run; an engine wants to know one all the same.
            cmd: Some(vec![KEEPER.to_owned()]),
            // Of a run that never was: a sweep finds it, should we not come to remove it.
            labels: Some(HashMap::from([
                (OWNER_LABEL.to_owned(), owner.clone()),
                (RUN_LABEL.to_owned(), run.to_string()),
            ])),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                mounts: Some(vec![Mount {
                    typ: Some(MountType::BIND),
                    source: Some(settings.state_dir.to_string_lossy().into_owned()),
                    target: Some("/ours".to_owned()),
                    read_only: Some(true),
                    ..Mount::default()
                }]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let name = super::name(run);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let created = self.docker.create_container(Some(options), body).await;
        let container = match created {
            Ok(container) => container,
            // It says so itself: there is no such directory where it looks.
            Err(refusal) if fault::answer(&refusal).is_some_and(|(status, _)| status == 400) => {
                return Ok(false);
            }
            Err(refusal) => return Err(fault::error("cannot make a container", refusal)),
        };
        let options =
            ContainerArchiveInfoOptionsBuilder::default().path(&marked.to_string_lossy()).build();
        let seen = self.docker.get_container_archive_info(&container.id, Some(options)).await;
        let remove = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let removed = self.docker.remove_container(&container.id, Some(remove)).await;
        removed.attempt("cannot remove a container")?;
        match seen {
            Ok(_) => Ok(true),
            Err(refusal) if fault::is_missing(&refusal) => Ok(false),
            Err(refusal) => Err(fault::error("cannot look into a container", refusal)),
        }
    }

    /// Creates a container of that name; one of ours that has it makes room.
    pub(super) async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
        owner: &str,
        clock: &dyn Clock,
    ) -> Result<()> {
        let options = || Some(CreateContainerOptionsBuilder::default().name(name).build());
        // Its disk may be slow, and a new name on it is not asked for twice.
        let docker = self.patient();
        let first = docker.create_container(options(), body.clone()).await;
        let taken = first
            .as_ref()
            .is_err_and(|refusal| fault::answer(refusal).is_some_and(|(status, _)| status == 409));
        let created = if taken {
            self.remove(name, owner, clock).await?;
            docker.create_container(options(), body).await
        } else {
            first
        };
        created.attempt("the engine makes no container").map(drop)
    }

    /// Waits for a container to end by itself, for as long as that can be quicker than to kill it.
    pub(super) async fn wait_for_end(&self, name: &str, clock: &dyn Clock) {
        let mut ended = self.docker.wait_container(name, None);
        tokio::select! {
            _ = ended.next() => {}
            () = clock.sleep(ENDS_WITHIN) => {}
        }
    }

    /// Removes a container of ours with all that it has, and makes sure.
    pub(super) async fn remove(&self, name: &str, owner: &str, clock: &dyn Clock) -> Result<()> {
        let remove = || Some(RemoveContainerOptionsBuilder::default().force(true).v(true).build());
        let (begun, mut asked) = (clock.now(), false);
        loop {
            let late = clock.now().duration_since(begun) > GONE_WITHIN;
            match self.docker.inspect_container(name, None).await {
                Err(refusal) if fault::is_missing(&refusal) => return Ok(()),
                Err(refusal) => return Err(fault::error("cannot look at a container", refusal)),
                Ok(found) => {
                    let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                    if labels.get(OWNER_LABEL).is_none_or(|found| found != owner) {
                        let line = format!(
                            "there is a container `{name}` that is not ours: rename or remove it"
                        );
                        return Err(Error::new(ErrorKind::AlreadyExists, line));
                    }
                }
            }
            // Most are gone at the first look after the first time of asking.
            if asked && late {
                let line = format!("the container `{name}` does not go: see to it on the engine");
                return Err(Error::new(ErrorKind::Unexpected, line));
            }
            if asked {
                clock.sleep(LOOK_AGAIN).await;
            }
            asked = true;
            match self.docker.remove_container(name, remove()).await {
                Ok(()) => {}
                Err(refusal) => match fault::answer(&refusal) {
                    Some((404, _)) => return Ok(()),
                    // Somebody else removes it already, or something of it is busy for a moment.
                    Some((409 | 500, _)) if !late => {}
                    _ => return Err(fault::error("cannot remove a container", refusal)),
                },
            }
        }
    }

    /// The runs of which this installation has a container.
    pub(super) async fn runs(&self, owner: &str) -> Result<Vec<RunId>> {
        let ours = format!("{OWNER_LABEL}={owner}");
        let filters = HashMap::from([("label", vec![ours.as_str()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = self.docker.list_containers(Some(options)).await;
        let found = found.attempt("the engine does not list its containers")?;
        let runs = found.iter().filter_map(|container| {
            container.labels.as_ref()?.get(RUN_LABEL)?.parse::<RunId>().ok()
        });
        let mut runs: Vec<RunId> = runs.collect();
        runs.sort_unstable();
        runs.dedup();
        Ok(runs)
    }
}
