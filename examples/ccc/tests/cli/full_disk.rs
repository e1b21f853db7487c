//! The service on a full disk.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ccc_core::testing::has_part;
use ccc_core::{Clock as _, SystemClock};
use ccc_github::http::Http as _;

use super::fixture::{SECRET, Site, sign, text};
use super::restart::reported;

/// A file system in memory, which is unmounted when the value is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=200m,mode=0700", "tmpfs"]).arg(directory.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        has_part("root", mounted, "execute the tests as root").then(|| Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The processes of the service may still use it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Sends the delivery, and returns the status, the header `Retry-After` and the body.
async fn deliver(site: &Site, id: &str, body: &[u8]) -> (u16, Option<String>, String) {
    let request = http::Request::post(site.url("/webhook/github"))
        .header("content-type", "application/json")
        .header("x-github-event", "issues")
        .header("x-github-delivery", id)
        .header("x-hub-signature-256", sign(SECRET, body));
    let answer = site.http.send(request.body(body.to_vec().into()).unwrap()).await.unwrap();
    let wait = answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
    (answer.status().as_u16(), wait, text(answer.body()))
}

async fn health(site: &Site) -> (u16, String) {
    site.send(http::Request::get(site.url("/health")), Vec::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_deliveries_until_there_is_space() {
    // spec: Q8
    let Some(disk) = Disk::mount() else { return };
    let directory = disk.path().to_str().unwrap();
    let agent = "command:sed -i s/3/2/ sum.txt";
    let site = Site::start_with(agent, &[("CCC_DATA_DIR", directory)]).await;
    let body = site.missed_issue("The sum is wrong").await;
    assert_eq!(health(&site).await.0, 200);
    let filler = disk.path().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    let chunk = [1; 4096];
    while std::io::Write::write_all(&mut file, &chunk).is_ok() {}

    // The log of the database can have room that it used before, so that a first write can succeed.
    let (mut number, mut refused) = (0, None);
    while refused.is_none() {
        number += 1;
        let other = String::from_utf8(body.clone()).unwrap();
        let other = other.replace("\"number\":1", &format!("\"number\":{}", 100 + number));
        let (status, wait, answer) = deliver(&site, &format!("d-{number}"), other.as_bytes()).await;
        match status {
            503 => refused = Some((wait, answer)),
            _ => assert_eq!(status, 202, "{answer}"),
        }
        assert!(number < 10_000);
    }
    let (wait, answer) = refused.unwrap();
    assert!(wait.is_some() && answer.contains("cannot be stored"), "{answer}");
    // The results of the checks that write to the disk are used for five seconds.
    let mut tries = 0;
    let report = loop {
        match health(&site).await {
            (503, report) => break report,
            (_, report) => assert!(tries < 1_000, "{report}"),
        }
        tries += 1;
        SystemClock.sleep(Duration::from_millis(20)).await;
    };
    assert!(report.contains("disk"), "{report}");

    std::fs::remove_file(&filler).unwrap();
    drop(file);
    let first = site.github.deliveries()[0].clone();
    let (status, _, answer) = deliver(&site, &first.guid, &body).await;
    assert_eq!(status, 202, "{answer}");
    site.until("the run has ended", |site| reported(site, 1) == 1).await;
    assert_eq!(site.github.pull_requests(&site.repo).len(), 1);
}
