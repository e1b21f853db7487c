//! Benchmark of a container's life through the runner, compared with bare engine calls for the same
//! container with the same isolation settings. Also measures a hundred containers at once, and the
//! cost of copying a workspace.

mod calls;
mod support;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptions, RemoveContainerOptionsBuilder,
    WaitContainerOptions,
};
use ccc_core::container::{Command, ContainerSpec};
use ccc_core::{Clock, ContainerExt as _, ContainerRunner, RunId, SystemClock};
use ccc_runner::{DockerRunner, Workspaces};
use futures_util::TryStreamExt as _;
use tokio::task::JoinSet;

use calls::Calls;
use support::{Report, Result, Side, Stopwatch, scratch};

/// Maximum ratio of a life through the runner to the bare calls. The runner also inspects the image
/// and the container that it removes, attaches, and exchanges messages with the keeper. Each of
/// these calls takes about a millisecond; a start takes hundreds.
const MOST: f64 = 1.1;
/// Maximum ratio of a hundred callers at once to four callers in turn. The runner starts only a few
/// containers at a time, so more callers must not make it slower. The first start and the last
/// removal overlap with nothing, which costs a few percent of the time. Two equal measurements also
/// differ by a few percent.
const MOST_AT_ONCE: f64 = 1.05;
// There is no pool of waiting containers yet. Its goal would be 0.3 of a life through the runner,
// measured as one more side in `measure`.

const ROUNDS: usize = 20;
const CROWDS: usize = 3;
const CROWD: usize = 100;
const WORKERS: usize = 4;
const FILES: usize = 20;
const OWNER_LABEL: &str = "dev.ccc.owner";
const SOCKET: &str = "/var/run/docker.sock";

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut report = Report::new("container");
    let dir = scratch(&report)?;
    let workspace = dir.path().join("workspace");
    std::fs::create_dir(&workspace)?;
    for number in 0..FILES {
        std::fs::write(workspace.join(format!("{number}.txt")), format!("{number}\n").repeat(100))?;
    }
    let spec = ContainerSpec::new(&workspace);
    let mounting = runner(dir.path(), Workspaces::Mounted, None)?;
    if let Err(error) = mounting.check().await {
        let how = format!("run .ci/engine and images/build: {error}");
        let _ = ccc_core::testing::has_part("docker", false, &how);
        return Ok(report.finish());
    }
    let mut bare = Bare::like(&mounting, &spec).await?;
    let measured = measure(&mut report, dir.path(), &mounting, &spec, &mut bare).await;
    let swept = bare.sweep().await;
    measured?;
    if swept? > 0 {
        return Err("the benchmark left containers behind".into());
    }
    Ok(report.finish())
}

/// Creates a runner. All runners belong to one installation, so their containers have the same
/// label.
fn runner(
    dir: &Path,
    workspaces: Workspaces,
    host: Option<String>,
) -> ccc_core::Result<Arc<DockerRunner>> {
    let builder = DockerRunner::builder(dir.join("state")).workspaces(workspaces).host(host);
    let image = std::env::var("CCC_RUNNER__IMAGE").ok();
    Ok(Arc::new(builder.image(image).build()?))
}

async fn measure(
    report: &mut Report,
    dir: &Path,
    mounting: &Arc<DockerRunner>,
    spec: &ContainerSpec,
    bare: &mut Bare,
) -> Result<()> {
    let copying = runner(dir, Workspaces::Copied, None)?;
    let mut ours = Side::new("spawn, exec, destroy");
    let mut floor = Side::new("create, start, wait, remove");
    let mut killed = Side::new("create, start, remove while it runs");
    let (mut mounted, mut copied) = (Side::new("mounted"), Side::new("copied"));
    let mut parts = ["spawn", "exec", "destroy"].map(Side::new);
    for round in 0..=ROUNDS {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let life = live(mounting, spec, Stop::No).await?;
                if round > 0 {
                    ours.add(life.iter().sum());
                    parts.iter_mut().zip(life).for_each(|(part, took)| part.add(took));
                }
            } else {
                bare.live(&mut floor, round > 0).await?;
            }
        }
        let took = bare.kill().await?;
        if round > 0 {
            killed.add(took);
        }
        for turn in 0..2 {
            let (runner, side) = if (round + turn) % 2 == 0 {
                (mounting, &mut mounted)
            } else {
                (&copying, &mut copied)
            };
            let life = live(runner, spec, Stop::Yes).await?;
            if round > 0 {
                side.add(life.iter().sum());
            }
        }
    }
    report.goal(&ours, &floor, MOST);
    // The container of the bare calls ends by itself, but the runner's must be killed. The time of
    // the kill belongs to the engine and is shown separately.
    report.figure(&ours, &killed);
    say_parts(report, "the runner's", &parts);
    say_parts(report, "the bare calls'", &bare.parts);
    report.figure(&copied, &mounted);
    calls(report, dir, spec).await?;

    let (mut at_once, mut by_four) = (Side::new("100 at once"), Side::new("100, four at a time"));
    for round in 0..CROWDS {
        for turn in 0..2 {
            let (workers, side) = if (round + turn) % 2 == 0 {
                (CROWD, &mut at_once)
            } else {
                (WORKERS, &mut by_four)
            };
            side.add(crowd(mounting, spec, workers).await?);
        }
    }
    report.goal(&at_once, &by_four, MOST_AT_ONCE);
    Ok(())
}

fn say_parts(report: &Report, whose: &str, parts: &[Side]) {
    let parts = parts.iter().map(|part| format!("{} {:.1}", part.name(), part.median_ms()));
    report.say(&format!("{whose} parts, ms: {}", parts.collect::<Vec<_>>().join(", ")));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Yes,
    No,
}

/// Measures the life of one container: spawn, exec, destroy. The last part includes the stop, which
/// copies a copied workspace back.
async fn live(
    runner: &DockerRunner,
    spec: &ContainerSpec,
    stop: Stop,
) -> ccc_core::Result<[Duration; 3]> {
    let run = RunId::new(SystemClock.now())?;
    let watch = Stopwatch::start();
    let container = runner.spawn(run, spec).await?;
    let spawned = watch.elapsed();
    let output = container.output(&Command::new(["true"])).await?;
    let done = watch.elapsed();
    if stop == Stop::Yes {
        container.stop(Duration::ZERO).await?;
    }
    runner.destroy(run).await?;
    let gone = watch.elapsed();
    if !output.status.success() {
        let line = format!("`true` ended with {}", output.status);
        return Err(ccc_core::Error::new(ccc_core::ErrorKind::Unexpected, line));
    }
    Ok([spawned, done.saturating_sub(spawned), gone.saturating_sub(done)])
}

/// Measures [`CROWD`] container lives, shared by this number of concurrent workers.
async fn crowd(
    runner: &Arc<DockerRunner>,
    spec: &ContainerSpec,
    workers: usize,
) -> Result<Duration> {
    let (watch, begun) = (Stopwatch::start(), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let (runner, spec, begun) = (Arc::clone(runner), spec.clone(), Arc::clone(&begun));
        tasks.spawn(async move {
            while begun.fetch_add(1, Ordering::Relaxed) < CROWD {
                live(&runner, &spec, Stop::No).await?;
            }
            ccc_core::Result::<()>::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        let done: ccc_core::Result<()> = done?;
        done?;
    }
    Ok(watch.elapsed())
}

/// Reports the engine calls of a container's life and the pauses between them. A separate
/// measurement, because recording takes time.
async fn calls(report: &Report, dir: &Path, spec: &ContainerSpec) -> Result<()> {
    if !Path::new(SOCKET).exists() || std::env::var_os("DOCKER_HOST").is_some() {
        return Ok(());
    }
    let here = dir.join("engine");
    let mut calls = Calls::between(&here, SOCKET.into())?;
    let host = Some(format!("unix://{}", here.display()));
    let runner = runner(dir, Workspaces::Mounted, host)?;
    for round in 0..=ROUNDS / 2 {
        live(&runner, spec, Stop::No).await?;
        calls.round(round > 0);
    }
    report.say(&format!("the runner's calls, ms: {}", calls.lines().join(", ")));
    Ok(())
}

/// Bare engine calls for a container with the same isolation settings.
#[derive(Debug)]
struct Bare {
    docker: Docker,
    body: ContainerCreateBody,
    /// The same container with a program that runs until it is killed, as the keeper does.
    lasting: ContainerCreateBody,
    parts: [Side; 4],
}

impl Bare {
    /// Copies everything except the program from a container that the runner created.
    async fn like(runner: &DockerRunner, spec: &ContainerSpec) -> Result<Self> {
        let docker = Docker::connect_with_defaults()?.negotiate_version().await?;
        let run = RunId::new(SystemClock.now())?;
        let _container = runner.spawn(run, spec).await?;
        let found = docker.inspect_container(&format!("ccc-{run}"), None).await;
        runner.destroy(run).await?;
        let ContainerInspectResponse { config, host_config, .. } = found?;
        let config = serde_json::to_value(config.ok_or("the engine shows no configuration")?)?;
        let mut body: ContainerCreateBody = serde_json::from_value(config)?;
        body.host_config = host_config;
        body.entrypoint = Some(vec!["true".to_owned()]);
        body.cmd = Some(Vec::new());
        let mut lasting = body.clone();
        lasting.entrypoint = Some(["sleep", "300"].map(str::to_owned).to_vec());
        let parts = ["create", "start", "wait", "remove"].map(Side::new);
        Ok(Self { docker, body, lasting, parts })
    }

    async fn live(&mut self, whole: &mut Side, counts: bool) -> Result<()> {
        let watch = Stopwatch::start();
        let id = self.docker.create_container(None, self.body.clone()).await?.id;
        let created = watch.elapsed();
        self.docker.start_container(&id, None).await?;
        let started = watch.elapsed();
        // This call returns an error if the program failed.
        self.docker
            .wait_container(&id, None::<WaitContainerOptions>)
            .try_collect::<Vec<_>>()
            .await?;
        let ended = watch.elapsed();
        self.docker.remove_container(&id, removal()).await?;
        let gone = watch.elapsed();
        if counts {
            whole.add(gone);
            let moments = [Duration::ZERO, created, started, ended, gone];
            let parts = moments.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
            self.parts.iter_mut().zip(parts).for_each(|(part, took)| part.add(took));
        }
        Ok(())
    }

    /// Measures a container that the engine has to kill.
    async fn kill(&self) -> Result<Duration> {
        let watch = Stopwatch::start();
        let id = self.docker.create_container(None, self.lasting.clone()).await?.id;
        self.docker.start_container(&id, None).await?;
        self.docker.remove_container(&id, removal()).await?;
        Ok(watch.elapsed())
    }

    /// Removes all containers with the installation's label, also after a failed round, and returns
    /// their number.
    async fn sweep(&self) -> Result<usize> {
        let owner = self.body.labels.iter().flatten().find(|(name, _)| *name == OWNER_LABEL);
        let (name, owner) = owner.ok_or("the runner's containers have no label")?;
        let label = format!("{name}={owner}");
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let left = self.docker.list_containers(Some(options)).await?;
        for id in left.iter().filter_map(|container| container.id.as_deref()) {
            self.docker.remove_container(id, removal()).await?;
        }
        Ok(left.len())
    }
}

fn removal() -> Option<RemoveContainerOptions> {
    Some(RemoveContainerOptionsBuilder::default().force(true).v(true).build())
}
