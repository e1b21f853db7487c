//! The role of the driver: the emulated GitHub, the issues, and the kills.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::error::Error;
use std::process::ExitStatus;
use std::time::Duration;

use ccc_core::fault_points::NAMES;
use ccc_core::{Clock, SystemClock};
use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{ActorKind, Emulator, EmulatorConfig, HookDelivery, Permission, RepoRef};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use crate::checks::{all_final, files_of_runs, is_final, processes_in};
use crate::counts::Counts;
use crate::random::Random;
use crate::{Args, service};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Maximum number of issues without a final comment.
const UNFINISHED: usize = 4;
/// The time after which the service is killed although it has not reached the fault point.
const POINT_LIMIT: Duration = Duration::from_secs(8);
/// Maximum time of a kill at a random time after the start, in milliseconds.
const RANDOM_LIMIT: u64 = 1_500;
/// Maximum time in which the service finishes the last runs.
const FINISH_LIMIT: Duration = Duration::from_secs(180);
const SECRET: &str = "chaos webhook secret";
/// The end of the line that reports the address of the service.
const LISTENING: &str = "listening on http://";

/// Kills the service as often as the arguments say, and returns the counts.
pub(crate) async fn run(args: &Args) -> Result<Counts> {
    println!("seed: {}", args.seed);
    let mut chaos = Chaos::start(args).await?;
    for kill in 0..args.kills {
        chaos.kill(kill).await?;
        if (kill + 1) % 100 == 0 {
            println!("{} kills, {} issues", kill + 1, chaos.issues);
        }
    }
    chaos.finish().await?;
    Ok(chaos.counts)
}

struct Chaos {
    github: Emulator,
    repo: RepoRef,
    dir: TempDir,
    http: reqwest::Client,
    /// The address of the running service.
    url: String,
    random: Random,
    counts: Counts,
    /// The deliveries that were answered 2xx when they were sent again.
    accepted: HashSet<String>,
    /// The number of issues that were opened.
    issues: u64,
    /// The issues without a final comment.
    unfinished: VecDeque<u64>,
}

/// A running service.
struct Service {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    /// The last lines of the log.
    log: VecDeque<String>,
}

impl Chaos {
    async fn start(args: &Args) -> Result<Self> {
        let dir = TempDir::new()?;
        let seed = dir.path().join("seed");
        std::fs::create_dir(&seed)?;
        std::fs::write(seed.join("sum.txt"), "1 + 1 = 3\n")?;
        let github =
            Emulator::start(EmulatorConfig::new(dir.path().join("github"), SECRET.into())).await?;
        let repo = github.add_repository("octo", "hello", &seed).await?;
        github.add_user("writer", ActorKind::User);
        github.set_permission(&repo, "writer", Permission::Write);
        let key = github.private_key_pem();
        std::fs::write(dir.path().join("key.pem"), key.expose_secret())?;
        std::fs::write(dir.path().join("secret"), SECRET)?;
        Ok(Self {
            github,
            repo,
            dir,
            http: reqwest::Client::builder().no_proxy().build()?,
            url: String::new(),
            random: Random::new(args.seed),
            counts: Counts::default(),
            accepted: HashSet::new(),
            issues: 0,
            unfinished: VecDeque::new(),
        })
    }

    /// Starts the service, opens issues, and kills the service: of three times, twice at a fault point and
    /// once at a random time.
    async fn kill(&mut self, kill: u64) -> Result<()> {
        let number = usize::try_from(kill)?;
        let point = (number % 3 != 2).then(|| NAMES[(number - number / 3) % NAMES.len()]);
        let time = 1 + self.random.below(2);
        let kill_at = point.map_or_else(|| ":".to_owned(), |point| format!("{point}:{time}"));
        let limit = match point {
            Some(_) => POINT_LIMIT,
            None => Duration::from_millis(self.random.below(RANDOM_LIMIT)),
        };
        let mut service = self.serve(&kill_at).await?;
        if let Some(service) = &mut service {
            let (new, again) = (self.new_issues(), self.random.below(4) == 0);
            let first = self.issues + 1;
            let opened = self.issues + new;
            self.issues = opened;
            self.unfinished.extend(first..=opened);
            let mut repeated = self.not_accepted();
            repeated.extend(again.then(|| self.github.deliveries().pop()).flatten());
            let work = async {
                let accepted = deliver_all(&self.http, &self.url, &repeated).await;
                open(&self.github, &self.repo, first..=opened).await?;
                Ok::<_, Box<dyn Error>>(accepted)
            };
            let unfinished: Vec<u64> = self.unfinished.iter().copied().collect();
            let ended = async {
                tokio::select! {
                    ended = service.follow(&mut self.counts) => ended,
                    () = SystemClock.sleep(limit) => Ok(None),
                    () = all_final(&self.github, &self.repo, unfinished) => Ok(None),
                }
            };
            let (opened, ended) = tokio::join!(work, ended);
            self.accepted.extend(opened?);
            if let (Some(_), Some(point)) = (ended?, point) {
                self.counts.killed_at(point);
            }
            service.child.kill().await?;
            // The lines that the service wrote before its end.
            service.follow(&mut self.counts).await?;
        }
        self.counts.kills += 1;
        Ok(())
    }

    /// Starts the service. Returns `None` if it ended itself before it listened.
    async fn serve(&mut self, kill_at: &str) -> Result<Option<Service>> {
        let mut command = service::command(kill_at)?;
        let path = |name: &str| self.dir.path().join(name);
        command
            .current_dir(self.dir.path())
            .env("CCC_LISTEN", "127.0.0.1:0")
            .env("CCC_DATA_DIR", path("data"))
            .env("CCC_GITHUB__APP_ID", self.github.app_id().to_string())
            .env("CCC_GITHUB__PRIVATE_KEY_FILE", path("key.pem"))
            .env("CCC_GITHUB__WEBHOOK_SECRET_FILE", path("secret"))
            .env("CCC_GITHUB__API_URL", self.github.api_url())
            .env("CCC_GITHUB__WRITE_SPACING_MS", "0")
            // Without this, the fifth kill in one stage ends the run.
            .env("CCC_RUNS__ATTEMPTS", u32::MAX.to_string())
            .env("CCC_AGENT__KIND", "command:sed -i s/3/2/ sum.txt");
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        let stderr = child.stderr.take().ok_or("the service has no standard error")?;
        let lines = BufReader::new(stderr).lines();
        let mut service = Service { child, lines, log: VecDeque::new() };
        while let Some(line) = service.next(&mut self.counts).await? {
            let Some((_, rest)) = line.split_once(LISTENING) else { continue };
            let address = rest.split([',', '"', ' ']).next().unwrap_or_default();
            self.url = format!("http://{address}/webhook/github");
            self.github.set_webhook_url(&self.url);
            return Ok(Some(service));
        }
        let status = service.child.wait().await?;
        if status.code().is_some() {
            return Err(format!("the service did not start: {:?}", service.log).into());
        }
        Ok(None)
    }

    /// Returns the number of issues to open. Forgets the issues with a final comment.
    fn new_issues(&mut self) -> u64 {
        let (github, repo) = (&self.github, &self.repo);
        self.unfinished.retain(|issue| !is_final(github, repo, *issue));
        let most = UNFINISHED.saturating_sub(self.unfinished.len()) as u64;
        // With two issues, each fault point can be reached twice.
        (2 + self.random.below(2)).min(most)
    }

    /// Lets the service finish all runs, and counts.
    async fn finish(&mut self) -> Result<()> {
        let mut service = self.serve(":").await?.ok_or("the service did not start")?;
        let accepted = deliver_all(&self.http, &self.url, &self.not_accepted()).await;
        self.accepted.extend(accepted);
        let unfinished: Vec<u64> = self.unfinished.iter().copied().collect();
        tokio::select! {
            () = all_final(&self.github, &self.repo, unfinished) => {}
            () = SystemClock.sleep(FINISH_LIMIT) => {}
            status = service.follow(&mut self.counts) => {
                return Err(format!("the service ended: {:?} {:?}", status?, service.log).into());
            }
        }
        let pid = service.child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.and_then(rustix::process::Pid::from_raw).ok_or("no process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        service.follow(&mut self.counts).await?;
        self.count();
        if self.counts.lost > 0 {
            println!("the end of the log:");
            service.log.iter().for_each(|line| println!("  {line}"));
        }
        Ok(())
    }

    /// Returns the newest attempt of each delivery of an issue that was never answered 2xx.
    fn not_accepted(&self) -> Vec<HookDelivery> {
        let deliveries = self.github.deliveries();
        let accepted: HashSet<_> = deliveries
            .iter()
            .filter(|delivery| (200..300).contains(&delivery.status_code))
            .map(|delivery| delivery.guid.clone())
            .collect();
        let is_missed = |guid: &String| !accepted.contains(guid) && !self.accepted.contains(guid);
        let missed = deliveries.into_iter().filter(|delivery| is_missed(&delivery.guid));
        missed.filter(|delivery| delivery.event == "issues").collect()
    }

    fn count(&mut self) {
        let mut pulls: BTreeMap<u64, usize> = BTreeMap::new();
        for pull in self.github.pull_requests(&self.repo) {
            let issue = pull.head.split('-').nth(1).and_then(|issue| issue.parse().ok());
            *pulls.entry(issue.unwrap_or_default()).or_default() += 1;
        }
        for issue in 1..=self.issues {
            let comments = self.github.comments(&self.repo, issue);
            let pulls = pulls.get(&issue).copied().unwrap_or_default();
            if pulls == 0 || !is_final(&self.github, &self.repo, issue) {
                self.counts.lost += 1;
                println!("lost: issue {issue}, {pulls} pull requests, {comments:?}");
            }
            self.counts.duplicate_pull_requests += pulls.saturating_sub(1);
            self.counts.duplicate_comments += comments.len().saturating_sub(1);
        }
        self.counts.accepted = usize::try_from(self.issues).unwrap_or_default();
        let live = self.github.tokens().into_iter().filter(|token| !token.revoked).count();
        let files = files_of_runs(&self.dir.path().join("data"));
        let processes = processes_in(self.dir.path());
        if live + files.len() + processes.len() > 0 {
            println!("left: {live} tokens, {files:?}, {processes:?}");
        }
        self.counts.leftovers = live + files.len() + processes.len();
    }
}

impl Service {
    /// Returns the next line that is not about a fault point.
    async fn next(&mut self, counts: &mut Counts) -> Result<Option<String>> {
        while let Some(line) = self.lines.next_line().await? {
            match line.strip_prefix(service::REACHED) {
                Some(reached) => {
                    let (name, run) = reached.split_once(' ').unwrap_or((reached, ""));
                    counts.reached(name, run);
                }
                None => {
                    self.log.push_back(line.clone());
                    if self.log.len() > 40 {
                        self.log.pop_front();
                    }
                    return Ok(Some(line));
                }
            }
        }
        Ok(None)
    }

    /// Reads the log until the service has ended.
    async fn follow(&mut self, counts: &mut Counts) -> Result<Option<ExitStatus>> {
        while self.next(counts).await?.is_some() {}
        Ok(Some(self.child.wait().await?))
    }
}

async fn open(
    github: &Emulator,
    repo: &RepoRef,
    issues: std::ops::RangeInclusive<u64>,
) -> Result<()> {
    for issue in issues {
        let title = format!("The sum is wrong ({issue})");
        github.open_issue(repo, "writer", &title, "It is 2.").await?;
    }
    Ok(())
}

/// Sends deliveries again, and returns the ids of those that were answered 2xx. A service that has ended is
/// no error.
async fn deliver_all(
    http: &reqwest::Client,
    url: &str,
    deliveries: &[HookDelivery],
) -> Vec<String> {
    let mut accepted = Vec::new();
    for delivery in deliveries {
        let mut request = http.post(url).body(delivery.body.clone());
        for (name, value) in &delivery.headers {
            let name = name.to_ascii_lowercase();
            if name.starts_with("x-") || name == "content-type" {
                request = request.header(name, value);
            }
        }
        if request.send().await.is_ok_and(|response| response.status().is_success()) {
            accepted.push(delivery.guid.clone());
        }
    }
    accepted
}
