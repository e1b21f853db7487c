//! Tests of the logs that runs write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ccc_core::agent::{AgentEvent, AgentNeeds, AgentReport, AgentSink, Task, Verdict};
use ccc_core::container::{Command, Container, ContainerExt as _};
use ccc_core::credential::Precondition;
use ccc_core::observe::EventKind;
use ccc_core::run::ActorCheck;
use ccc_core::run_store::Claim;
use ccc_core::testing::{Fakes, Fault, Faults, Faulty, ManualClock, RecordingObserver};
use ccc_core::{
    Agent, CancellationToken, Clock, CredentialKey, CredentialStore, ErrorKind, Outcome, Result,
    RunId, RunLog, RunStore, Secret, SystemClock, async_trait,
};
use ccc_store::{Bounds, MemoryRunStore};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::dispatch::delivery;

const TOKEN: &str = "sk-live-51Hc0ffee42d3adb33f9a7Qx";

/// The size of a log, in bytes.
const LOG_BYTES: usize = 256 << 10;
const LEASE: Duration = Duration::from_secs(600);

/// A clock whose sleeps are fifty times shorter.
#[derive(Debug)]
struct QuickClock;

#[async_trait]
impl Clock for QuickClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration / 50).await;
    }
}

/// An agent that prints texts, and then waits until the test permits its end.
#[derive(Debug)]
struct Printing {
    texts: Vec<String>,
    repeat: usize,
    may_end: Arc<Notify>,
}

impl Printing {
    fn new(texts: &[&str], repeat: usize) -> Self {
        let may_end = Arc::new(Notify::new());
        may_end.notify_one();
        Self { texts: texts.iter().map(|text| (*text).to_owned()).collect(), repeat, may_end }
    }
}

#[async_trait]
impl Agent for Printing {
    fn name(&self) -> &str {
        "printing"
    }

    fn needs(&self) -> AgentNeeds {
        let mut needs = AgentNeeds::default();
        needs.credentials.push(CredentialKey::new("model/api-key").unwrap());
        needs
    }

    async fn run(
        &self,
        _: &Task,
        container: &dyn Container,
        events: &mut dyn AgentSink,
    ) -> Result<AgentReport> {
        events.event(AgentEvent::Said { text: "hello from the agent".to_owned() });
        for _ in 0..self.repeat {
            for text in &self.texts {
                events.event(AgentEvent::Printed { error_stream: false, text: text.clone() });
            }
            tokio::task::yield_now().await;
        }
        self.may_end.notified().await;
        let tee = Command::new(["tee", "--", "sum.txt"]).with_stdin("1 + 1 = 2\n".as_bytes());
        container.output(&tee).await?;
        events.event(AgentEvent::Said { text: "the last words".to_owned() });
        Ok(AgentReport::new(Verdict::Completed, "done"))
    }
}

/// A store with one run, and the parts of its pipeline.
struct Scene {
    fakes: Fakes,
    store: Arc<MemoryRunStore>,
    clock: Arc<ManualClock>,
    observer: Arc<RecordingObserver>,
    faults: Arc<Faults>,
    run: RunId,
}

impl Scene {
    async fn new(faults: Faults) -> Self {
        let fakes = Fakes::new(&[("sum.txt", "1 + 1 = 3\n")]);
        let key = CredentialKey::new("model/api-key").unwrap();
        fakes.credentials.put(&key, &Secret::from(TOKEN), Precondition::None).await.unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let bounds = Bounds::default().with_log_bytes(16 * LOG_BYTES);
        let store = MemoryRunStore::with_bounds(Arc::clone(&clock) as _, bounds);
        let event = fakes.host.open_issue("The sum is wrong", "");
        let accepted = store.accept(&delivery("a"), &event, ActorCheck::Permitted).await.unwrap();
        let (store, observer) = (Arc::new(store), Arc::<RecordingObserver>::default());
        Self { fakes, store, clock, observer, faults: Arc::new(faults), run: accepted.run }
    }

    async fn claim(&self) -> Claim {
        self.store.claim(LEASE).await.unwrap().unwrap()
    }

    /// Executes the run of `claim` with `agent`. Returns its outcome.
    async fn resume(&self, claim: Claim, agent: Printing) -> Outcome {
        let pipeline = self
            .fakes
            .pipeline()
            .agent(agent)
            .clock(QuickClock)
            .observer(Arc::clone(&self.observer))
            .run_log(Faulty::new(Arc::clone(&self.store), &self.faults))
            .build()
            .unwrap();
        let store = Arc::clone(&self.store) as _;
        pipeline.resume(claim, store, &CancellationToken::new()).await.outcome
    }

    async fn log(&self) -> Vec<(u64, String)> {
        let lines = self.store.tail(self.run, 0, usize::MAX).await.unwrap();
        lines.into_iter().map(|(number, line)| (number, line.text)).collect()
    }

    async fn text(&self) -> String {
        self.log().await.into_iter().map(|(_, line)| line + "\n").collect()
    }

    /// Returns the notes about the log.
    fn notes(&self) -> Vec<String> {
        let note = |kind: EventKind| match kind {
            EventKind::Note { text } if text.contains("log") => Some(text),
            _ => None,
        };
        self.observer.events().into_iter().filter_map(|event| note(event.kind)).collect()
    }
}

fn is_pull_request(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::PullRequest { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_writes_its_stages_its_agents_output_and_its_outcome() {
    // spec: Q13a, Q13c
    let scene = Scene::new(Faults::none()).await;
    let agent = Printing::new(&["one\u{1b}[31m line\n", "\u{1b}]0;title\u{7}half", " a line\n"], 1);
    let outcome = scene.resume(scene.claim().await, agent).await;
    assert!(is_pull_request(&outcome), "{outcome:?}");
    let log = scene.text().await;
    let mut rest = &*log;
    for line in [
        "attempt 1: ",
        "stage authorize: begins\n",
        "stage work: begins\n",
        "agent: hello from the agent\n",
        "output: one line\n",
        "output: half a line\n",
        "agent: the last words\n",
        "stage work: ends\n",
        "stage report: ends\n",
        "outcome pull_request: ",
    ] {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line:?} is missing: {log}"));
        rest = &rest[at + line.len()..];
    }
    assert_eq!(rest.lines().count(), 1, "the outcome is the last line: {log}");
    assert_eq!(scene.notes(), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_an_agent_prints_is_not_in_the_log() {
    // spec: S6b, S6c, Q13c
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(TOKEN);
    let (one, two) = TOKEN.split_at(16);
    let split = format!("{one}\u{1b}[1m{two}\n");
    let texts = [&*format!("key={TOKEN}\n"), &*format!("{encoded}\n"), &split, one, two, "\nx\n"];
    let scene = Scene::new(Faults::none()).await;
    scene.resume(scene.claim().await, Printing::new(&texts, 1)).await;
    let log = scene.text().await;
    assert!(log.contains("output: key=[REDACTED]") && log.contains("output: x\n"), "{log}");
    for secret in [TOKEN, &encoded, one, two] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_flood_is_bounded_and_shows_its_cut() {
    // spec: Q13b, W12e
    let scene = Scene::new(Faults::none()).await;
    let line = format!("{}\n", "x".repeat(999));
    let text = line.repeat(64);
    let agent = Printing::new(&[&text], 32);
    let outcome = scene.resume(scene.claim().await, agent).await;
    assert!(is_pull_request(&outcome), "{outcome:?}");
    let log = scene.log().await;
    let bytes: usize = log.iter().map(|(_, line)| line.len()).sum();
    assert!((LOG_BYTES / 2..LOG_BYTES).contains(&bytes), "{bytes} of 2 MB");
    let text = scene.text().await;
    assert!(text.starts_with("attempt 1: ") && text.contains("agent: the last words"), "{bytes}");
    assert!(text.lines().next_back().unwrap().starts_with("outcome "), "{bytes}");
    // Each cut names its size, so that all lines are accounted for.
    let mut lines = 0;
    for (_, line) in log {
        match line.split_once(" lines with ") {
            Some((count, rest)) if !line.starts_with("output") => {
                assert!(rest.contains(" bytes "), "{line}");
                lines += count.parse::<usize>().unwrap();
            }
            _ => lines += usize::from(line.starts_with("output: ")),
        }
    }
    assert!((32 * 64..32 * 64 + 100).contains(&lines), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_does_not_change_the_outcome() {
    // spec: Q13d
    for fault in [
        Fault::Fail(ErrorKind::Unavailable),
        Fault::Fail(ErrorKind::Unexpected),
        Fault::Panic,
        Fault::Hang,
    ] {
        let scene = Scene::new(Faults::on("run_log.append", 0, fault)).await;
        let agent = Printing::new(&["a line\n"], 1);
        let may_end = Arc::clone(&agent.may_end);
        may_end.notified().await;
        let release = async {
            // The agent ends after the first write has failed.
            while scene.faults.count("run_log.append") < 2 {
                SystemClock.sleep(Duration::from_millis(5)).await;
            }
            may_end.notify_one();
        };
        let claim = scene.claim().await;
        let (outcome, ()) = tokio::join!(scene.resume(claim, agent), release);
        assert!(is_pull_request(&outcome), "{fault:?}: {outcome:?}");
        let log = scene.text().await;
        assert!(
            log.contains("are missing here: the log could not be written\n"),
            "{fault:?}: {log}"
        );
        assert!(log.lines().next_back().unwrap().starts_with("outcome "), "{fault:?}: {log}");
        let notes = scene.notes();
        assert_eq!(notes.len(), 1, "{fault:?}: {notes:?}");
        assert!(notes[0].starts_with("lines of this run's log are lost"), "{notes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_its_claim_writes_no_line() {
    // spec: Q1a, Q13d
    let scene = Scene::new(Faults::none()).await;
    let stale = scene.claim().await;
    scene.clock.advance(LEASE);
    let newest = scene.claim().await;
    scene.resume(stale, Printing::new(&["stale\n"], 1)).await;
    assert_eq!(scene.log().await, []);
    assert_eq!(scene.faults.count("run_log.append"), 1, "the first refusal ends the writer");
    scene.resume(newest, Printing::new(&["newest\n"], 1)).await;
    assert!(scene.text().await.contains("output: newest\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_can_be_read_while_the_agent_works() {
    // spec: Q13a
    let scene = Scene::new(Faults::none()).await;
    let agent = Printing::new(&["working on it\n"], 1);
    let may_end = Arc::clone(&agent.may_end);
    may_end.notified().await;
    let has_ended = AtomicBool::new(false);
    let claim = scene.claim().await;
    let work = async {
        scene.resume(claim, agent).await;
        has_ended.store(true, Ordering::Relaxed);
    };
    let read = async {
        while !scene.text().await.contains("output: working on it\n") {
            SystemClock.sleep(Duration::from_millis(5)).await;
        }
        assert!(!has_ended.load(Ordering::Relaxed), "the agent waits for this test");
        may_end.notify_one();
    };
    tokio::join!(work, read);
}
