//! The environment of the probes: one engine with all targets, and two containers for each probe.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ccc_core::container::{Command, ContainerSpec, EnvValue, Network as Reach};
use ccc_core::egress::HostPattern;
use ccc_core::{Clock, Container, ContainerExt, ContainerRunner, RunId, Secret, SystemClock};
use ccc_runner::{DockerRunner, ModelAccess, ModelCredential, ModelProxy, Rules, Workspaces};
use ccc_tests::page::Row;
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::egress;
use super::engine::{Made, Network, docker, engine};
use super::listeners::Listeners;
use super::lures::{Holder, Lures, Shared, secret};
use super::probe::{Change, Harm, Probe};
use super::script::PRELUDE;
use super::weakened_container::{HOST_NETWORK, join};

/// Time limit of one container and its probe.
const WITHIN: Duration = Duration::from_secs(90);
/// The server in the container of another run, which sends its secret to every client. It listens
/// before it moves to the background.
const ANSWER: &str = r#"exec perl -MIO::Socket::INET -e '
    my $l = IO::Socket::INET->new(LocalPort => 7777, Listen => 9) or die "$!\n";
    fork and exit;
    open STDOUT, ">/dev/null"; open STDERR, ">/dev/null"; open STDIN, "/dev/null";
    while (my $s = $l->accept) { print $s "$ENV{CCC_PROBE_SECRET}\n" }'"#;

// Fields are dropped in this order: objects on the engine before the directories that they mount.
#[derive(Debug)]
pub(crate) struct Fixture {
    lures: Lures,
    secret: String,
    image: String,
    /// The fake model API.
    api: Listeners,
    api_url: String,
    /// All other listeners.
    elsewhere: Listeners,
    /// The address of a listener on the host machine's loopback interface.
    here: SocketAddr,
    /// Held while a container uses the host machine's network.
    on_the_host: Mutex<()>,
    _neighbour: (DockerRunner, Box<dyn Container>),
    _made: Made,
    _holder: Holder,
    _shared: Shared,
    dir: TempDir,
}

/// The results of one probe.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) row: Row,
    pub(crate) problems: Vec<String>,
}

/// The result of one probe in one container.
#[derive(Debug)]
struct Tried {
    worked: bool,
    output: String,
}

impl Fixture {
    /// Creates the environment, or returns `None` if no engine is available.
    pub(crate) async fn new() -> Option<Self> {
        if !engine() {
            return None;
        }
        let (dir, secret) = (tempfile::tempdir().unwrap(), secret());
        let made = Made::new(&dir.path().join("state"));
        let n = std::process::id();
        let subnet6 = format!("fd00:ccc:{:x}:{:x}::/64", n >> 16, n & 0xffff);
        let gateway6 = subnet6.replace("/64", "1");
        let open = made.network(
            "open",
            &[
                "--subnet=169.254.169.240/28",
                "--gateway=169.254.169.254",
                "--ipv6",
                &format!("--subnet={subnet6}"),
                &format!("--gateway={gateway6}"),
            ],
        );
        let internal = made.network("internal", &["--internal"]);
        let (mut api, mut elsewhere) = (Listeners::default(), Listeners::default());
        // Listens on all IPv4 and IPv6 addresses of the host machine.
        let everywhere = elsewhere.tcp("[::]:0").await;
        elsewhere.tcp(&format!("{}:80", open.gateway)).await;
        elsewhere.dns(&open.gateway).await;
        elsewhere.dns(&internal.gateway).await;
        let abstract_socket = format!("ccc-probes-{n}");
        elsewhere.abstract_socket(&abstract_socket);
        let api_url = format!("http://{}", api.api(everywhere).await);
        let (holder, shared) = (Holder::new(&secret), Shared::new(&secret));
        let etc = dir.path().join("etc");
        fs::create_dir(&etc).unwrap();
        fs::write(etc.join("canary"), &secret).unwrap();
        let engine = std::env::var("DOCKER_HOST").unwrap_or_default();
        let engine = engine.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").to_owned();
        let mut lures = Lures {
            gateway6,
            port: everywhere.port(),
            abstract_socket,
            process: holder.id(),
            shared_memory: shared.0.clone(),
            etc: etc.to_string_lossy().into_owned(),
            beside: String::new(),
            engine,
            neighbour: Network { name: String::new(), gateway: String::new() },
            open,
            internal,
        };
        let (network, neighbour) = settle(&dir, &lures, &secret).await;
        lures.neighbour = network;
        let image = made.image();
        Some(Self {
            lures,
            secret,
            image,
            api,
            api_url,
            elsewhere,
            here: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), everywhere.port()),
            on_the_host: Mutex::default(),
            _neighbour: neighbour,
            _made: made,
            _holder: holder,
            _shared: shared,
            dir,
        })
    }

    /// Runs the probe in the weakened container, where it must succeed, and in the container of a
    /// run, where it must fail.
    pub(crate) async fn check(&self, n: u32, probe: &Probe) -> Seen {
        let weak = self.tried(n, probe, true).await;
        let ours = self.tried(n, probe, false).await;
        let (Probe { name, .. }, [_, as_it_should, wall]) = (probe, probe.row());
        let mut problems = Vec::new();
        let weak_says = if weak.worked {
            as_it_should
        } else {
            problems.push(format!(
                "{name}: fails in the weakened container, so it proves nothing: {weak:?}"
            ));
            format!("{}: fails", probe.weak.text)
        };
        let ours_says = if ours.worked {
            problems.push(format!("{name}: SUCCEEDS IN THE CONTAINER OF A RUN: {ours:?}"));
            probe.harm.text().to_owned()
        } else if probe.wall.says.iter().any(|words| ours.output.contains(words)) {
            wall
        } else {
            problems.push(format!("{name}: fails for another reason: {ours:?}"));
            "fails for another reason".to_owned()
        };
        Seen { row: [name.to_string(), weak_says, ours_says], problems }
    }

    /// Runs the probe in a new container.
    async fn tried(&self, n: u32, probe: &Probe, weak: bool) -> Tried {
        let kind = if weak { "weak" } else { "ours" };
        let who = format!("who-{n}-{kind}-{}", std::process::id());
        let (beside, workspace) = self.workspace(&format!("{n}-{kind}"));
        let lures = Lures { beside: beside.to_string_lossy().into_owned(), ..self.lures.clone() };
        let mut rules = Rules::default();
        // A container with another request body has no model proxy, so that no listener of ours is
        // on the host machine's network.
        let mut reach = Reach::ModelProxy;
        let (mut change, mut lacking) = (None, None);
        // With the host machine's network, the keeper's ports are on its loopback interface. Only
        // one container at a time can have them.
        let alone = weak && probe.weak.text == HOST_NETWORK.text;
        let _turn = if alone { Some(self.on_the_host.lock().await) } else { None };
        match probe.weak.change {
            Change::ModelProxy(rule) if weak => rules = rules.dangerously_without(rule),
            Change::Egress(rule) if weak => lacking = Some(rule),
            Change::Container(how) if weak => (reach, change) = (Reach::None, Some(how)),
            _ => {}
        }
        let proxy = ModelProxy::builder().upstream(&self.api_url).rules(rules).start();
        let proxy = proxy.await.unwrap();
        let credential = ModelCredential::ApiKey(Secret::from(self.secret.clone()));
        let access = proxy.open(credential, None).unwrap();
        let address = proxy.url().strip_prefix("http://").unwrap().parse().unwrap();
        let mut runner = DockerRunner::builder(self.dir.path().join("state"))
            .workspaces(Workspaces::Mounted)
            .model_proxy(Some(address))
            .egress(egress::rules(self.here, lacking));
        if let Some(change) = change {
            let lures = lures.clone();
            runner = runner.dangerously_altered(probe.weak.text, move |body| change(body, &lures));
        }
        let (runner, run) = (runner.build().unwrap(), RunId::new(SystemClock.now()).unwrap());
        let spec = ContainerSpec::new(&workspace)
            .with_image(Some(self.image.clone()))
            .with_network(reach)
            .with_egress(listed());
        let work = async {
            let container = runner
                .spawn(run, &spec)
                .await
                .map_err(|e| format!("cannot create the container: {e}"))?;
            let command = self.command(probe, &*container, &lures, &who, &access);
            container.output(&command).await.map_err(|e| format!("cannot run the probe: {e}"))
        };
        let done = tokio::select! {
            done = work => done,
            () = SystemClock.sleep(WITHIN) => Err("the probe exceeded its time limit".to_owned()),
        };
        let destroyed = runner.destroy(run).await;
        let (output, success) = match done {
            Ok(done) => {
                let output = [done.stdout, done.stderr].concat();
                (String::from_utf8_lossy(&output).into_owned(), done.status.success())
            }
            Err(why) => (why, false),
        };
        destroyed.unwrap();
        let worked = match probe.harm {
            Harm::Reads => output.contains(&self.secret),
            Harm::Reaches => self.elsewhere.heard.of(&who),
            Harm::Asks => self.api.heard.of(&who),
            Harm::Does(_) => success,
        };
        Tried { worked, output }
    }

    fn command(
        &self,
        probe: &Probe,
        container: &dyn Container,
        lures: &Lures,
        who: &str,
        access: &ModelAccess,
    ) -> Command {
        let model = container.model_proxy().unwrap_or(&self.api_url);
        let key = access.secret().expose_str().unwrap();
        let own = [("WHO", who), ("MODEL", model), ("KEY", key)];
        let own = own.map(|(name, value)| (name, value.to_owned()));
        let script = format!("{PRELUDE}\n{}", probe.script);
        let command = Command::new(["bash", "-c", &script]);
        own.into_iter()
            .chain(lures.env())
            .fold(command, |command, (name, value)| command.with_env(name, EnvValue::Plain(value)))
    }

    /// Creates a workspace with a symlink that leaves it, and the secret next to the workspace.
    fn workspace(&self, name: &str) -> (PathBuf, PathBuf) {
        let beside = self.dir.path().join(name);
        let workspace = beside.join("workspace");
        fs::create_dir_all(&workspace).unwrap();
        fs::write(beside.join("canary"), &self.secret).unwrap();
        std::os::unix::fs::symlink(beside.join("canary"), workspace.join("link")).unwrap();
        (beside, workspace)
    }
}

fn listed() -> Vec<HostPattern> {
    vec![HostPattern::new("*.example.org").unwrap()]
}

/// Starts a container of another run, and returns it with its address. It shares a network with
/// containers that join this network.
async fn settle(
    dir: &TempDir,
    lures: &Lures,
    secret: &str,
) -> (Network, (DockerRunner, Box<dyn Container>)) {
    let workspace = dir.path().join("neighbour");
    fs::create_dir(&workspace).unwrap();
    fs::write(workspace.join("canary"), secret).unwrap();
    let open = lures.open.name.clone();
    let runner = DockerRunner::builder(dir.path().join("state"))
        .workspaces(Workspaces::Mounted)
        .dangerously_altered("the neighbour must be reachable", move |body| join(body, &open))
        .build()
        .unwrap();
    let run = RunId::new(SystemClock.now()).unwrap();
    let container = runner.spawn(run, &ContainerSpec::new(&workspace)).await.unwrap();
    let command = Command::new(["bash", "-c", ANSWER])
        .with_env("CCC_PROBE_SECRET", EnvValue::Secret(Secret::from(secret)));
    let started = container.output(&command).await.unwrap();
    assert!(started.status.success(), "{started:?}");
    let name = format!("ccc-{run}");
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let gateway = docker(&["inspect", "--format", format, &name]).unwrap();
    (Network { name, gateway }, (runner, container))
}
