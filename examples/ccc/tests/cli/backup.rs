//! `ccc backup` and `ccc restore`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use rustix::process::Signal;

use super::fixture::{Running, Site, ccc, listening, text};
use super::restart::{reported, serve};

const AGENT: &str = "command:sed -i s/3/2/ sum.txt";

/// Executes a command of the program with the data directory of `site`.
fn command(site: &Site, arguments: &[&str]) -> Output {
    let mut command = ccc();
    command.args(arguments).current_dir(site.dir.path());
    command.env("CCC_DATA_DIR", site.dir.path().join("data")).output().unwrap()
}

/// Executes a command, which must fail with `expected` in its message.
fn refused(site: &Site, arguments: &[&str], expected: &str) {
    let output = command(site, arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(message.contains(expected), "{arguments:?}: {message}");
}

fn done(site: &Site, arguments: &[&str]) -> String {
    let output = command(site, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn stop(service: &mut Running) {
    service.signal(Signal::TERM);
    assert!(service.child.wait().unwrap().success(), "{}", service.log());
}

fn start(site: &mut Site, agent: &str) {
    let mut command = serve(site.dir.path(), agent);
    command.env("CCC_GITHUB__API_URL", site.github.api_url());
    command.env("CCC_LISTEN", site.address.to_string());
    (site.service, _) = listening(command);
}

fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

/// Makes a backup in the given stage of a run, lets the run end, and restores the backup.
async fn check_restored(gate: &str) {
    let gates = tempfile::TempDir::new().unwrap();
    // The agent can have another user id.
    fs::set_permissions(gates.path(), Permissions::from_mode(0o777)).unwrap();
    let wait = |name: &str| {
        let path = gates.path().join(name);
        format!("touch {0}.here; until [ -e {0} ]; do sleep 0.02; done", path.display())
    };
    let agent = format!("command:sh -c '{}; sed -i s/3/2/ sum.txt'", wait("agent"));
    let mut site = Site::start(&agent).await;
    if gate == "publish" {
        fs::write(gates.path().join("agent"), "").unwrap();
        // The push fails, so that the run waits after the checkpoint of Commit.
        site.github.inject(
            github_emulator::Fault::on("POST", "/octo/hello.git/git-receive-pack")
                .delay(std::time::Duration::from_secs(10)),
        );
    }
    site.open_issue("The sum is wrong").await;
    match gate {
        "agent" => {
            let here = gates.path().join("agent.here");
            site.until("the agent works", |_| here.exists()).await;
        }
        _ => {
            let pushes = |site: &Site| {
                let calls = site.github.calls();
                calls.iter().any(|call| call.path.ends_with("git-receive-pack"))
            };
            site.until("the run pushes", pushes).await;
        }
    }
    done(&site, &["backup", "runs.backup"]);
    let mode = fs::metadata(site.dir.path().join("runs.backup")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::write(gates.path().join("agent"), "").unwrap();
    site.until("the run has ended", |site| reported(site, 1) == 1).await;
    let comments = site.comments();

    refused(&site, &["restore", "runs.backup"], "is in use by another process");
    stop(&mut site.service);
    let output = done(&site, &["restore", "runs.backup"]);
    assert!(output.contains("the former run store is"), "{output}");
    // An agent that would do something else if it were started again.
    let other = format!("command:sh -c 'touch {}/again; false'", gates.path().display());
    start(&mut site, &other);
    site.until("the run is executed again", |site| site.service.log().contains("is open already"))
        .await;
    stop(&mut site.service);
    assert_eq!(site.github.pull_requests(&site.repo).len(), 1, "pull requests");
    assert_eq!(site.comments().len(), 1, "{:?}", site.comments());
    assert_eq!(reported(&site, 1), 1, "{comments:?}, then {:?}", site.comments());
    assert!(!gates.path().join("again").exists(), "the agent was started again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ended_after_the_backup_is_not_done_twice() {
    // spec: Q22
    check_restored("agent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_published_after_the_backup_is_not_done_twice() {
    // spec: Q22
    check_restored("publish").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_complete_and_replaces_nothing_without_force() {
    // spec: Q21
    let mut site = Site::start(AGENT).await;
    site.open_issue("The sum is wrong").await;
    site.until("the run has ended", |site| reported(site, 1) == 1).await;
    let output = done(&site, &["backup", "one"]);
    assert!(output.contains("does not contain the key"), "{output}");
    refused(&site, &["backup", "one"], "--force");
    done(&site, &["backup", "one", "--force"]);
    refused(&site, &["backup", "no/such/directory"], "cannot write the backup");
    let left: Vec<_> =
        files(site.dir.path()).into_iter().filter(|it| it.starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
    let backup = fs::read(site.dir.path().join("one")).unwrap();
    let key = fs::read_to_string(site.dir.path().join("data/credentials.key")).unwrap();
    for secret in [super::fixture::SECRET, "PRIVATE KEY", key.trim()] {
        let found = backup.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "the backup contains a secret");
    }
    stop(&mut site.service);

    // In a new data directory with the key, the service has its App and its finished run.
    let data = site.dir.path().join("data");
    fs::rename(&data, site.dir.path().join("lost")).unwrap();
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    done(&site, &["restore", "one"]);
    fs::copy(site.dir.path().join("lost/credentials.key"), data.join("credentials.key")).unwrap();
    start(&mut site, AGENT);
    let first = site.github.deliveries()[0].clone();
    let (status, answer) = site.deliver("issues", &first.guid, &first.body).await;
    assert_eq!(status, 202, "{answer}");
    assert!(answer.contains("\"duplicate\":true"), "{answer}");
    stop(&mut site.service);
    assert_eq!(site.github.pull_requests(&site.repo).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_cannot_be_used_changes_nothing() {
    // spec: Q21
    let mut site = Site::start(AGENT).await;
    site.open_issue("The sum is wrong").await;
    site.until("the run has ended", |site| reported(site, 1) == 1).await;
    done(&site, &["backup", "good"]);
    stop(&mut site.service);
    let (path, data) = (|name: &str| site.dir.path().join(name), site.dir.path().join("data"));
    let good = fs::read(path("good")).unwrap();
    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[4096..middle].fill(0);
    fs::write(path("damaged"), damaged).unwrap();
    fs::write(path("cut"), &good[..middle]).unwrap();
    fs::write(path("text"), "not a database, but longer than the head of one".repeat(10)).unwrap();
    let mut newer = good;
    // The version of the schema is at this place (SQLite documentation, "Database File Format").
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(path("newer"), newer).unwrap();
    let before = fs::read(data.join("runs.sqlite")).unwrap();
    for (name, expected) in [
        ("missing", "cannot be read"),
        ("damaged", "damaged"),
        ("cut", "damaged"),
        ("text", "damaged"),
        ("newer", "a newer version"),
        ("data/runs.sqlite", "is not a backup"),
    ] {
        refused(&site, &["restore", name], expected);
        assert!(fs::read(data.join("runs.sqlite")).unwrap() == before, "{name}");
    }
    let replaced: Vec<_> = files(&data).into_iter().filter(|it| it.contains("replaced")).collect();
    assert!(replaced.is_empty(), "{replaced:?}");
}
