//! Detection of leftovers of runs: on the engine, in directories, in the process table, and in this
//! process.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use bollard::Docker;
use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::{
    EventsOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptions, ListVolumesOptions,
};
use ccc_core::pipeline::RunReport;
use ccc_core::{Clock as _, ContainerRunner as _, SystemClock};
use futures_util::StreamExt as _;
use tokio::task::JoinSet;

use super::fixture::Fixture;
use super::{files, process_info, until};

const OWNER_LABEL: &str = "dev.ccc.owner";

/// The engine, restricted to objects of one installation, because others may use it at the same
/// time.
pub(crate) struct Engine {
    docker: Docker,
    owner: String,
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

/// The history of our containers from the engine's events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) created: BTreeSet<String>,
    pub(crate) there: BTreeSet<String>,
    pub(crate) most: usize,
    /// The volumes that were mounted into our containers.
    pub(crate) volumes: BTreeSet<String>,
    /// The networks that our containers were connected to.
    networks: BTreeSet<String>,
}

impl Seen {
    fn event(&mut self, owner: &str, event: EventMessage) -> Option<()> {
        let (actor, action) = (event.actor?, event.action?);
        let (id, attributes) = (actor.id?, actor.attributes.unwrap_or_default());
        let ours = || attributes.get("container").is_some_and(|id| self.created.contains(id));
        match (event.typ?, action.as_str()) {
            (EventMessageTypeEnum::CONTAINER, "create")
                if attributes.get(OWNER_LABEL).is_some_and(|found| found == owner) =>
            {
                self.created.insert(id.clone());
                self.there.insert(id);
                self.most = self.most.max(self.there.len());
            }
            (EventMessageTypeEnum::CONTAINER, "destroy") => drop(self.there.remove(&id)),
            (EventMessageTypeEnum::VOLUME, "mount") if ours() => drop(self.volumes.insert(id)),
            (EventMessageTypeEnum::NETWORK, "connect")
                if ours() && attributes.get("name").is_none_or(|name| name != "none") =>
            {
                self.networks.insert(id);
            }
            _ => {}
        }
        Some(())
    }
}

impl Engine {
    pub(crate) async fn watch(owner: &str) -> Self {
        let docker = Docker::connect_with_defaults().unwrap().negotiate_version().await.unwrap();
        let kinds = HashMap::from([("type", vec!["container", "volume", "network"])]);
        // Also requests the events since now, because the subscription can take a moment.
        let since = SystemClock.now().as_second().to_string();
        let options = EventsOptionsBuilder::default().filters(&kinds).since(&since).build();
        let seen = Arc::<Mutex<Seen>>::default();
        let (source, notes, us) = (docker.clone(), Arc::clone(&seen), owner.to_owned());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut events = std::pin::pin!(source.events(Some(options)));
            while let Some(event) = events.next().await {
                notes.lock().unwrap().event(&us, event.unwrap());
            }
        });
        Self { docker, owner: owner.to_owned(), seen, _tasks: tasks }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Returns our objects that exist on the engine.
    pub(crate) async fn left(&self) -> Vec<String> {
        let seen = self.seen();
        let label = format!("{OWNER_LABEL}={}", self.owner);
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let containers = self.docker.list_containers(Some(options)).await.unwrap();
        let containers = containers.into_iter().map(|found| format!("container {:?}", found.names));
        let volumes = self
            .docker
            .list_volumes(None::<ListVolumesOptions>)
            .await
            .unwrap()
            .volumes
            .unwrap_or_default();
        let volumes = volumes.into_iter().map(|volume| volume.name);
        let volumes = volumes.filter(|name| seen.volumes.contains(name));
        let networks = self.docker.list_networks(None::<ListNetworksOptions>).await.unwrap();
        let networks = networks.into_iter().filter_map(|network| network.id);
        let networks = networks.filter(|id| seen.networks.contains(id));
        let mut left: Vec<String> = containers.collect();
        left.extend(volumes.map(|name| format!("volume {name}")));
        left.extend(networks.map(|id| format!("network {id}")));
        left
    }
}

#[derive(Debug)]
pub(crate) struct Traces {
    /// Descriptions of the leftovers.
    pub(crate) left: Vec<String>,
    /// All files in the data and state directories, except those that grow with the repository.
    pub(crate) files: Vec<String>,
    pub(crate) descriptors: Vec<String>,
}

impl Fixture {
    pub(crate) async fn traces(&self, reports: &[RunReport]) -> Traces {
        // When the last container's removal has been reported, all earlier events have been too.
        let told = until(async || {
            let seen = self.engine.lock();
            seen.created.len() >= reports.len() && seen.there.is_empty()
        });
        let told = told.await;
        let mut traces = self.look(reports).await;
        if !told {
            let seen = self.engine.seen();
            let line = format!(
                "{} containers were created, and {:?} exist",
                seen.created.len(),
                seen.there
            );
            traces.left.push(line);
        }
        traces
    }

    /// Returns the current traces without waiting.
    pub(crate) async fn look(&self, reports: &[RunReport]) -> Traces {
        let mut left = self.engine.left().await;
        let orphans = self.runner.orphans().await.unwrap();
        left.extend(orphans.iter().map(|run| format!("orphan {run}")));
        left.extend(files(&self.data.join("runs")).iter().map(|path| format!("directory {path}")));
        let state = files(&self.state).into_iter().filter(|path| path != "owner");
        left.extend(state.map(|path| format!("state {path}")));
        let words = self.words(reports);
        left.extend(process_info::processes(&words));
        let mut found = files(&self.data);
        found.extend(files(&self.state));
        Traces { left, files: found, descriptors: process_info::descriptors() }
    }

    /// Returns the words that identify our runs: run ids, container ids, and our directories.
    fn words(&self, reports: &[RunReport]) -> Vec<String> {
        let runs = reports.iter().map(|report| report.run.to_string());
        let directories = [&self.data, &self.state].map(|path| path.display().to_string());
        runs.chain(self.engine.seen().created).chain(directories).collect()
    }

    /// Returns the traces after the engine has closed its connections and its processes have ended.
    pub(crate) async fn settled_traces(&self, reports: &[RunReport], before: &Traces) -> Traces {
        let mut traces = self.traces(reports).await;
        let like_before = until(async || {
            traces = self.traces(reports).await;
            traces.left.is_empty() && traces.descriptors == before.descriptors
        });
        // On a timeout the caller shows the difference.
        let _ = like_before.await;
        traces
    }
}
