//! One engine with all the lures, and for each probe two containers.

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

use super::ear::Ear;
use super::egress;
use super::engine::{Made, Network, docker, engine};
use super::lures::{Holder, Lures, Shared, secret};
use super::probe::{Change, Harm, Probe};
use super::script::PRELUDE;
use super::weak::{HOST_NETWORK, join};

/// How long one container and its probe may take.
const WITHIN: Duration = Duration::from_secs(90);
/// The neighbour: it answers whoever calls with its secret. It listens before it goes into the background.
const ANSWER: &str = r#"exec perl -MIO::Socket::INET -e '
    my $l = IO::Socket::INET->new(LocalPort => 7777, Listen => 9) or die "$!\n";
    fork and exit;
    open STDOUT, ">/dev/null"; open STDERR, ">/dev/null"; open STDIN, "/dev/null";
    while (my $s = $l->accept) { print $s "$ENV{CCC_PROBE_SECRET}\n" }'"#;

// In this order they go: what is on the engine before what it mounts.
#[derive(Debug)]
pub(crate) struct Fixture {
    lures: Lures,
    secret: String,
    image: String,
    /// The model's API.
    api: Ear,
    api_url: String,
    /// Everybody else.
    elsewhere: Ear,
    /// Where it listens on this machine.
    here: SocketAddr,
    /// Held by the one container that has the host's network.
    on_the_host: Mutex<()>,
    _neighbour: (DockerRunner, Box<dyn Container>),
    _made: Made,
    _holder: Holder,
    _shared: Shared,
    dir: TempDir,
}

/// What one probe came to.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) row: Row,
    pub(crate) problems: Vec<String>,
}

/// What one probe did in one container.
#[derive(Debug)]
struct Tried {
    worked: bool,
    output: String,
}

impl Fixture {
    /// `None` where there is no engine.
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
        let (mut api, mut elsewhere) = (Ear::default(), Ear::default());
        // All addresses of the host, of both kinds.
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

    /// Has the probe get out of the weakened container, and then try ours.
    pub(crate) async fn check(&self, n: u32, probe: &Probe) -> Seen {
        let weak = self.tried(n, probe, true).await;
        let ours = self.tried(n, probe, false).await;
        let (Probe { name, .. }, [_, as_it_should, wall]) = (probe, probe.row());
        let mut problems = Vec::new();
        let weak_says = if weak.worked {
            as_it_should
        } else {
            problems.push(format!("{name}: it proves nothing: {weak:?}"));
            format!("{}: is held", probe.weak.text)
        };
        let ours_says = if ours.worked {
            problems.push(format!("{name}: IT GETS OUT OF OURS: {ours:?}"));
            probe.harm.text().to_owned()
        } else if probe.wall.says.iter().any(|words| ours.output.contains(words)) {
            wall
        } else {
            problems.push(format!("{name}: it fails for another reason: {ours:?}"));
            "fails for another reason".to_owned()
        };
        Seen { row: [name.to_string(), weak_says, ours_says], problems }
    }

    /// The probe in one container of its own.
    async fn tried(&self, n: u32, probe: &Probe, weak: bool) -> Tried {
        let kind = if weak { "weak" } else { "ours" };
        let who = format!("who-{n}-{kind}-{}", std::process::id());
        let (beside, workspace) = self.workspace(&format!("{n}-{kind}"));
        let lures = Lures { beside: beside.to_string_lossy().into_owned(), ..self.lures.clone() };
        let mut rules = Rules::default();
        // Without the model proxy nothing of ours listens on the host's network.
        let mut reach = Reach::ModelProxy;
        let (mut change, mut lacking) = (None, None);
        // The keeper has its ports on the host's loopback then, and they are there once.
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
            let container =
                runner.spawn(run, &spec).await.map_err(|e| format!("no container: {e}"))?;
            let command = self.command(probe, &*container, &lures, &who, &access);
            container.output(&command).await.map_err(|e| format!("not run: {e}"))
        };
        let done = tokio::select! {
            done = work => done,
            () = SystemClock.sleep(WITHIN) => Err("it takes too long".to_owned()),
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

    /// A workspace with a link out of it, and the secret beside it.
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

/// A container of another run, which shares a network with whoever joins it, and its address there.
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
        .dangerously_altered("to be reached", move |body| join(body, &open))
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
