//! The service after a restart: unfinished runs continue.

use std::path::Path;
use std::process::Command;

use ccc_core::{Clock as _, RunId, SystemClock};
use rustix::process::Signal;

use super::fixture::{Running, Site, ccc, listening};

/// Number of issues, and of runs at the same time.
const RUNS: u64 = 10;

/// Starts a service on the data directory of `site`, after its service was killed.
fn start_again(site: &mut Site, agent: &str) {
    let mut command = serve(site.dir.path(), agent);
    command.env("CCC_GITHUB__API_URL", site.github.api_url());
    let (service, address) = listening(command);
    site.github.set_webhook_url(format!("http://{address}/webhook/github"));
    (site.service, site.address) = (service, address);
}

pub(crate) fn serve(directory: &Path, agent: &str) -> Command {
    let mut command = ccc();
    command
        .arg("serve")
        .current_dir(directory)
        .env("CCC_LISTEN", "127.0.0.1:0")
        .env("CCC_DATA_DIR", directory.join("data"))
        .env("CCC_GITHUB__WRITE_SPACING_MS", "0")
        .env("CCC_RUNS__CONCURRENCY", RUNS.to_string())
        .env("CCC_AGENT__KIND", agent);
    command
}

pub(crate) fn kill(service: &mut Running) {
    service.signal(Signal::KILL);
    service.child.wait().unwrap();
}

/// Returns the number of the first `issues` issues whose only comment reports an opened pull request.
pub(crate) fn reported(site: &Site, issues: u64) -> usize {
    let told = |issue: &u64| {
        let comments = site.github.comments(&site.repo, *issue);
        comments.len() == 1 && comments[0].body.contains("Opened #")
    };
    (1..=issues).filter(told).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_finishes_its_runs_after_the_next_start() {
    // spec: Q11e
    let agent = "command:sed -i s/3/2/ sum.txt";
    let concurrency = RUNS.to_string();
    let mut site = Site::start_with(agent, &[("CCC_RUNS__CONCURRENCY", &concurrency)]).await;
    for number in 1..=RUNS {
        site.open_issue(&format!("The sum is wrong ({number})")).await;
    }
    let pulls = |site: &Site| site.github.pull_requests(&site.repo);
    // The runs are then in different stages.
    for opened in [1, 4] {
        site.until("some pull requests are open", |site| pulls(site).len() >= opened).await;
        kill(&mut site.service);
        start_again(&mut site, agent);
    }
    site.until("all runs have ended", |site| reported(site, RUNS) == RUNS as usize).await;
    site.service.signal(Signal::TERM);
    assert!(site.service.child.wait().unwrap().success(), "{}", site.service.log());
    let mut heads: Vec<String> = pulls(&site).into_iter().map(|pull| pull.head).collect();
    for issue in 1..=RUNS {
        let start = format!("claude/issue-{issue}-");
        let of_issue = heads.extract_if(.., |head| head.starts_with(&start)).count();
        assert_eq!(of_issue, 1, "pull requests for the issue {issue}");
        let comments = site.github.comments(&site.repo, issue);
        assert_eq!(comments.len(), 1, "{issue}: {comments:?}");
    }
    assert!(heads.is_empty(), "{heads:?}");
    let live = site.github.tokens().iter().filter(|token| !token.revoked).count();
    assert_eq!(live, 0, "{:#?}", site.github.tokens());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_read_is_kept_and_the_leftovers_of_other_runs_are_removed() {
    // spec: Q3e
    let agent = "command:sleep 1000";
    let mut site = Site::start(agent).await;
    let runs = site.dir.path().join("data/runs");
    let workspaces = |_: &Site| {
        let runs = std::fs::read_dir(&runs).into_iter().flatten();
        runs.filter(|run| run.as_ref().unwrap().path().join("workspace/sum.txt").exists()).count()
    };
    site.open_issue("The sum is wrong").await;
    site.until("the run has a workspace", |site| workspaces(site) == 1).await;
    kill(&mut site.service);
    let database = rusqlite::Connection::open(site.dir.path().join("data/runs.sqlite")).unwrap();
    let unreadable: String =
        database.query_row("SELECT run FROM runs", [], |row| row.get(0)).unwrap();
    database.execute_batch(r#"UPDATE runs SET progress = '{"version": 99}'"#).unwrap();
    drop(database);
    let leftover = runs.join(RunId::new(SystemClock.now()).unwrap().to_string());
    std::fs::create_dir(&leftover).unwrap();

    start_again(&mut site, agent);
    let line = format!("run {unreadable} cannot be continued");
    site.until("the run is named", |site| site.service.log().contains(&line)).await;
    site.until("the leftover is removed", |_| !leftover.exists()).await;
    assert_eq!(workspaces(&site), 1, "{}", site.service.log());
    let request = http::Request::get(site.url("/health"));
    let (status, body) = site.send(request, Vec::new()).await;
    assert_eq!(status, 200, "{body}");
}
