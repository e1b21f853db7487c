//! Deliveries that did not reach the service, because it was not running or cannot be reached.

use std::collections::BTreeSet;

use rustix::process::Signal;

use super::fixture::{Site, listening};
use super::restart::{kill, reported, serve};

const AGENT: &str = "command:sed -i s/3/2/ sum.txt";

/// Starts the service again at its earlier address.
fn start_at_same_address(site: &mut Site, settings: &[(&str, &str)]) {
    let mut command = serve(site.dir.path(), AGENT);
    command
        .env("CCC_GITHUB__API_URL", site.github.api_url())
        .env("CCC_LISTEN", site.address.to_string())
        .envs(settings.iter().copied());
    (site.service, _) = listening(command);
}

/// Returns the numbers of pull requests and of comments on the first `issues` issues.
fn results(site: &Site, issues: u64) -> (usize, usize) {
    let comments = (1..=issues).map(|issue| site.github.comments(&site.repo, issue).len()).sum();
    (site.github.pull_requests(&site.repo).len(), comments)
}

/// Returns the ids of the deliveries that the host has sent again, sorted, with the statuses of the
/// responses.
fn redelivered(site: &Site) -> Vec<(String, u16)> {
    let all = site.github.deliveries();
    let again = all.into_iter().filter(|delivery| delivery.redelivery);
    let mut again: Vec<_> = again.map(|one| (one.guid, one.status_code)).collect();
    again.sort_unstable();
    again
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_that_were_sent_while_the_service_was_down_start_their_runs() {
    // spec: W8a
    let mut site = Site::start(AGENT).await;
    kill(&mut site.service);
    for number in 1..=3 {
        site.open_issue(&format!("The sum is wrong ({number})")).await;
    }
    let lost = site.github.deliveries();
    assert!(lost.iter().all(|delivery| delivery.status_code == 0), "{lost:#?}");
    start_at_same_address(&mut site, &[]);
    site.until("three runs have ended", |site| reported(site, 3) == 3).await;
    assert_eq!(results(&site, 3), (3, 3));
    let expected: BTreeSet<_> = lost.iter().map(|one| (one.guid.clone(), 202)).collect();
    assert_eq!(redelivered(&site), expected.iter().cloned().collect::<Vec<_>>());
    // After a further start, nothing is missing, and nothing starts twice.
    let reads = |site: &Site| {
        let calls = site.github.calls();
        calls.iter().filter(|call| call.path.ends_with("/app/hook/deliveries")).count()
    };
    let before = reads(&site);
    site.service.signal(Signal::TERM);
    assert!(site.service.child.wait().unwrap().success(), "{}", site.service.log());
    start_at_same_address(&mut site, &[]);
    site.until("the log was read again", |site| reads(site) > before).await;
    let body = lost[0].body.clone();
    let (status, answer) = site.deliver("issues", &lost[0].guid, &body).await;
    assert_eq!(status, 202, "{answer}");
    assert!(answer.contains("\"duplicate\":true"), "{answer}");
    site.service.signal(Signal::TERM);
    assert!(site.service.child.wait().unwrap().success(), "{}", site.service.log());
    assert_eq!(results(&site, 3), (3, 3));
    assert_eq!(redelivered(&site).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_github_cannot_reach_reads_deliveries_from_the_log() {
    // spec: W8c
    let mut site = Site::start(AGENT).await;
    kill(&mut site.service);
    site.github.set_webhook_url("http://127.0.0.1:1/");
    for number in 1..=2 {
        site.open_issue(&format!("The sum is wrong ({number})")).await;
    }
    start_at_same_address(&mut site, &[("CCC_GITHUB__MISSED_DELIVERIES", "log")]);
    site.until("two runs have ended", |site| reported(site, 2) == 2).await;
    site.service.signal(Signal::TERM);
    assert!(site.service.child.wait().unwrap().success(), "{}", site.service.log());
    assert_eq!(results(&site, 2), (2, 2));
    // The host was not asked to send a delivery again.
    assert_eq!(redelivered(&site), []);
    let log = site.service.log();
    assert!(!log.contains("do not reach"), "{log}");
}
