//! `ccc runs`, beside a running service and without one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::fixture::{Site, ccc, text};

/// An agent that prints control sequences, and then changes a file.
const HOSTILE: &str = r#"command:sh -c 'printf "\033]0;title\007hostile \033[31mred\033[0m \001\n\n"; sed -i s/3/2/ sum.txt'"#;

/// Executes `ccc runs` with these arguments in the data directory of a site.
fn runs(directory: &Path, arguments: &[&str]) -> Output {
    runs_with(directory, arguments, &[])
}

fn runs_with(directory: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = ccc();
    command.arg("runs").args(arguments).current_dir(directory);
    command.env("CCC_DATA_DIR", directory.join("data")).envs(settings.iter().copied());
    command.output().unwrap()
}

/// Returns the standard output of a command that must succeed. No character in the output of `ccc runs`
/// may control a terminal.
fn succeeds(output: &Output) -> String {
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{error}");
    let is_control =
        |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!out.contains(is_control) && !error.contains(is_control), "{out:?} {error:?}");
    out
}

/// Returns the error of a command that must end with this exit status.
fn fails(output: &Output, code: i32) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{}{error}", text(&output.stdout));
    error
}

/// Returns the runs in the output of `ccc runs list --json`.
fn list(directory: &Path) -> Vec<Value> {
    let listed: Value =
        serde_json::from_str(&succeeds(&runs(directory, &["list", "--json"]))).unwrap();
    listed["runs"].as_array().unwrap().clone()
}

fn id(run: &Value) -> String {
    run["run"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runs_of_a_running_service_are_shown_with_their_logs() {
    // spec: Q13a, Q14a, Q14d
    let site = Site::start(HOSTILE).await;
    let directory = site.dir.path();
    assert_eq!(list(directory), Vec::<Value>::new());
    site.open_issue("The sum\u{1b}]0;title\u{7} is\u{202e} wrong").await;
    let ended = |site: &Site| list(site.dir.path())[0]["state"] == "ended";
    site.until("the run has ended", ended).await;
    site.open_issue("Another one").await;
    site.until("both runs have ended", |site| {
        let all = list(site.dir.path());
        all.len() == 2 && all.iter().all(|run| run["state"] == "ended")
    })
    .await;
    let all = list(directory);
    let (newest, oldest) = (id(&all[0]), id(&all[1]));
    assert!(newest > oldest && all[1]["outcome"]["outcome"] == "pull_request", "{all:?}");
    assert_eq!(all[1]["outcome"]["pull_request"]["number"], 2, "{all:?}");

    let table = succeeds(&runs(directory, &["list"]));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[1].starts_with(&newest) && lines[2].starts_with(&oldest), "{table}");
    assert!(
        lines[2].contains("octo/hello#1") && lines[2].contains("ended: pull_request"),
        "{table}"
    );
    let page = runs(directory, &["list", "--limit", "1"]);
    let more = format!("ccc runs list --before {newest}");
    assert!(succeeds(&page).contains(&newest) && text(&page.stderr).contains(&more), "{page:?}");
    let page = succeeds(&runs(directory, &["list", "--before", &newest, "--limit", "1"]));
    assert!(page.contains(&oldest) && !page.contains(&newest), "{page}");

    // The beginning of an id is sufficient, and so is an id in capitals.
    for start in [oldest.clone(), oldest[..oldest.len() - 6].to_owned(), oldest.to_uppercase()] {
        let shown = succeeds(&runs(directory, &["show", &start]));
        for part in
            [&*oldest, "writer", "octo/hello#1", "pull request http", "the issue was opened"]
        {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
    let shown = succeeds(&runs(directory, &["show", &oldest, "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), all[1]);

    for follow in [None, Some("-f")] {
        let arguments: Vec<&str> = ["logs", &*oldest].into_iter().chain(follow).collect();
        let log = succeeds(&runs(directory, &arguments));
        for part in
            ["stage authorize: begins", "output: hostile red \u{fffd}\n", "stage work: ends"]
        {
            assert!(log.contains(part), "{part}: {log}");
        }
        assert!(log.lines().next_back().unwrap().contains(" outcome pull_request: "), "{log}");
    }
    let log = succeeds(&runs(directory, &["logs", &oldest, "--json"]));
    for (number, line) in log.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["line"], number, "{log}");
    }
    let several = fails(&runs(directory, &["show", &oldest[..4]]), 2);
    assert!(several.contains(&oldest) && several.contains(&newest), "{several}");
    for unknown in ["ffffffff", "", "x\u{1b}[2J", "%"] {
        let error = fails(&runs(directory, &["show", unknown]), 2);
        assert!(error.contains("no run has an id that begins with"), "{error}");
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_and_repeated_beside_its_service() {
    // spec: Q14b, Q14c
    let mut site = Site::start("command:sh -c 'echo started; exec sleep 600'").await;
    let directory = site.dir.path().to_owned();
    site.open_issue("The sum is wrong").await;
    site.until("the run is stored", |site| list(site.dir.path()).len() == 1).await;
    let first = id(&list(&directory)[0]);
    let refused = fails(&runs(&directory, &["retry", &first]), 2);
    assert!(refused.contains("has not ended"), "{refused}");

    // The log is followed while the agent works, until the run ends.
    let mut follow = ccc();
    follow.args(["runs", "logs", "-f", &first]).current_dir(&directory);
    follow.env("CCC_DATA_DIR", directory.join("data")).stdout(Stdio::piped());
    let mut follow = follow.spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("output: started")));
    let cancelled = runs(&directory, &["cancel", &first]);
    succeeds(&cancelled);
    assert!(text(&cancelled.stderr).contains("running service"), "{cancelled:?}");
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(last.contains(" outcome cancelled: in the stage work"), "{last}");
    assert!(follow.wait().unwrap().success());
    let ended = |site: &Site| list(site.dir.path())[0]["state"] == "ended";
    site.until("the run has ended", ended).await;
    assert_eq!(list(&directory)[0]["outcome"]["outcome"], "cancelled");
    let again = fails(&runs(&directory, &["cancel", &first]), 1);
    assert!(again.contains("has ended"), "{again}");

    // The service starts the repeated run by itself.
    let retried = runs(&directory, &["retry", &first, "--json"]);
    let retried: Value = serde_json::from_str(&succeeds(&retried)).unwrap();
    let second = id(&retried);
    assert_eq!(retried["duplicate"], false, "{retried}");
    site.until("the repeated run works", |site| {
        let log = runs(site.dir.path(), &["logs", &second]);
        text(&log.stdout).contains("output: started\n")
    })
    .await;
    let all = list(&directory);
    assert_eq!((id(&all[0]), id(&all[1])), (second.clone(), first.clone()));
    assert_eq!((&all[0]["state"], &all[0]["issue"]), (&"running".into(), &1.into()), "{all:?}");
    succeeds(&runs(&directory, &["cancel", &second]));
    site.until("the repeated run has ended", ended).await;
    assert_eq!(site.comments().len(), 2, "each run has its comment: {:?}", site.comments());

    // Without a service.
    site.service.signal(Signal::TERM);
    assert!(site.service.child.wait().unwrap().success(), "{}", site.service.log());
    assert_eq!(list(&directory).len(), 2);
    let retried = runs(&directory, &["retry", &first]);
    let third = id(&list(&directory)[0]);
    assert!(succeeds(&retried).contains(&third) && third != second, "{retried:?}");
    assert!(text(&retried.stderr).contains("no service is running"), "{retried:?}");
    let duplicate = succeeds(&runs(&directory, &["retry", &first]));
    assert!(duplicate.contains(&third) && duplicate.contains("no run is added"), "{duplicate}");
    let cancelled = runs(&directory, &["cancel", &third]);
    succeeds(&cancelled);
    assert!(text(&cancelled.stderr).contains("no service is running"), "{cancelled:?}");
    let table = succeeds(&runs(&directory, &["list", "--limit", "1"]));
    assert!(table.contains("waiting, to be cancelled"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_store_that_cannot_be_used_is_reported_and_stays_as_it_is() {
    // spec: Q14a
    let mut site = Site::start("command:true").await;
    site.service.signal(Signal::TERM);
    assert!(site.service.child.wait().unwrap().success(), "{}", site.service.log());
    let directory = site.dir.path();
    let memory = runs_with(directory, &["list"], &[("CCC_RUNS__STORE", "memory")]);
    let error = fails(&memory, 2);
    assert!(error.contains("runs.store is memory") && error.contains("sqlite"), "{error}");
    let path = directory.join("data/runs.sqlite");
    // The version of a database is at byte 60 of its file.
    for (version, expected) in [(0_u8, "older version"), (99, "newer version")] {
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[63] = version;
        std::fs::write(&path, &bytes).unwrap();
        let error = fails(&runs(directory, &["list"]), 2);
        assert!(error.contains(expected) && error.contains("runs.sqlite"), "{error}");
        assert!(std::fs::read(&path).unwrap() == bytes, "the database was changed");
    }
    std::fs::File::create(&path).unwrap().write_all(b"not a database").unwrap();
    assert!(fails(&runs(directory, &["list"]), 2).contains("damaged"));
    std::fs::remove_file(&path).unwrap();
    let error = fails(&runs(directory, &["show", "0"]), 2);
    assert!(error.contains("there are no runs") && error.contains("runs.sqlite"), "{error}");
    assert!(!path.exists(), "the command created a database");
}
