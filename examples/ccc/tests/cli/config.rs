//! Tests of `ccc config`: the stored values and their encryption key.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use super::fixture::{SECRET, Site, ccc, listening, text};

const KEY: &str = include_str!("../../../../ccc-github/emulator/test-key.pem");
const CANARY: &str = "hunter2-of-the-hook";

fn run(data: &Path, arguments: &[&str], input: &str, settings: &[(&str, &str)]) -> Output {
    let mut command = ccc();
    command.args(arguments).current_dir(data).env("CCC_DATA_DIR", data.join("data"));
    command.envs(settings.iter().copied());
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    text(&[&output.stdout[..], &output.stderr].concat())
}

fn set(data: &Path, app_id: u64, settings: &[(&str, &str)]) -> Output {
    let json = serde_json::json!({ "appId": app_id, "privateKey": KEY, "webhookSecret": CANARY });
    run(data, &["config", "set", "--json", "-"], &json.to_string(), settings)
}

#[test]
fn an_app_is_stored_shown_changed_and_deleted() {
    // spec: S10a, S10b, S11b
    let dir = tempfile::tempdir().unwrap();
    let go = |arguments: &[&str], input: &str| run(dir.path(), arguments, input, &[]);
    let empty = go(&["config", "show"], "");
    assert!(
        empty.status.success() && said(&empty).contains("no GitHub App is stored"),
        "{}",
        said(&empty)
    );
    let made = set(dir.path(), 7, &[]);
    assert!(made.status.success(), "{}", said(&made));
    let shown = go(&["config", "show"], "");
    let lines = text(&shown.stdout);
    assert!(lines.contains("App 7 of github.com\n  private key      SHA256:0IOfHcvw"), "{lines}");
    assert_eq!(lines.matches("webhook secret").count(), 1, "{lines}");

    // The format is that of the configuration: one secret per line, the newest first.
    let new = ["config", "set", "--app-id", "7", "--webhook-secret-file", "-"];
    assert!(go(&new, "another secret\nhunter2-of-the-hook\n").status.success());
    let shown = go(&["config", "show", "--json"], "");
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(json["apps"][0]["webhookSecrets"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(go(&new, " \n").status.code(), Some(2));
    assert!(go(&["config", "set", "--app-id", "7", "--forget-old-secrets"], "").status.success());
    let json = text(&go(&["config", "show", "--json"], "").stdout);
    assert_eq!(json.matches("…").count() + json.matches("SHA256").count(), 1, "{json}");

    for output in [&made, &shown] {
        assert!(!said(output).contains("hunter2") && !said(output).contains("PRIVATE"));
    }
    // Nothing is deleted without the name of one credential.
    for unclear in [&["config", "clear"][..], &["config", "clear", "--app-id", "7", "--model"]] {
        assert_eq!(go(unclear, "").status.code(), Some(2), "{unclear:?}");
    }
    let clear = ["config", "clear", "--app-id", "7"];
    assert_eq!(go(&clear, "").status.code(), Some(0));
    assert_eq!(go(&clear, "").status.code(), Some(1));
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(dir.path().join("data").join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("credentials"), mode("credentials.key")), (0o700, 0o600));
}

#[test]
fn errors_name_the_wrong_setting_and_show_no_secret() {
    // spec: S10c, S11b
    let dir = tempfile::tempdir().unwrap();
    let short: (&str, &str) = ("CCC_STORE__KEY", "aHVudGVyMg==");
    let zeros = "00".repeat(32);
    let key = "01".repeat(31) + "02";
    let words = ("CCC_STORE__PASSPHRASE", "hunter2");
    type Case<'a> = (&'a [&'a str], &'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 11] = [
        (&["config", "set"], "", &[], "--app-id"),
        (&["config", "set", "--json", "-"], "hunter2", &[], "not a JSON object"),
        (&["config", "set", "--json", "-"], r#"{"appId": 7}"#, &[], "add the field `privateKey`"),
        (
            &["config", "set", "--app-id", "7", "--private-key-file", "-"],
            "hunter2",
            &[],
            "is not PEM",
        ),
        (&["config", "show"], "", &[short], "32 bytes long"),
        (&["config", "show"], "", &[("CCC_STORE__KEY", &zeros)], "same byte"),
        (&["config", "show"], "", &[words], "16 characters"),
        (&["config", "show"], "", &[("CCC_STORE__KEY", &key), words], "remove all but one"),
        (&["config", "show"], "", &[("CCC_STORE__KEY_FILE", "/nothing")], "cannot read the key"),
        (
            &["config", "show"],
            "",
            &[("CCC_STORE__KIND", "cloud")],
            "file, durable-object or memory",
        ),
        (
            &["config", "show"],
            "",
            &[("CCC_STORE__KIND", "memory")],
            "all stored values are lost when this command",
        ),
    ];
    for (arguments, input, settings, expected) in cases {
        let output = run(dir.path(), arguments, input, settings);
        assert_eq!(output.status.code(), Some(2), "{expected}: {}", said(&output));
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
        assert!(!said(&output).contains("hunter2"), "{}", said(&output));
    }
    assert!(set(dir.path(), 7, &[]).status.success());
    let key_file = dir.path().join("data/credentials.key");
    fs::rename(&key_file, dir.path().join("aside")).unwrap();
    let output = run(dir.path(), &["config", "show"], "", &[]);
    assert!(said(&output).contains("restore this file"), "{}", said(&output));
    assert!(!key_file.exists(), "another key was generated");
    let output = run(dir.path(), &["config", "show"], "", &[("CCC_STORE__KEY", &key)]);
    assert!(said(&output).contains("not among the keys"), "{}", said(&output));
    fs::rename(dir.path().join("aside"), &key_file).unwrap();
    assert!(text(&run(dir.path(), &["config", "show"], "", &[]).stdout).contains("App 7"));
}

#[test]
fn a_rotation_adds_a_key_before_the_old_one_which_can_be_removed() {
    // spec: S4, S11c
    let dir = tempfile::tempdir().unwrap();
    assert!(set(dir.path(), 7, &[]).status.success());
    let key_file = dir.path().join("data/credentials.key");
    let before = fs::read_to_string(&key_file).unwrap();
    let rotated = run(dir.path(), &["config", "rotate-key"], "", &[]);
    assert!(said(&rotated).contains("1 credential(s) under a new key"), "{}", said(&rotated));
    let after = fs::read_to_string(&key_file).unwrap();
    let lines: Vec<&str> = after.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!((lines.len(), lines[1]), (2, before.trim()));
    assert_ne!(lines[0], lines[1]);
    fs::write(&key_file, lines[0]).unwrap();
    assert!(text(&run(dir.path(), &["config", "show"], "", &[]).stdout).contains("App 7"));
    fs::write(&key_file, lines[1]).unwrap();
    assert_eq!(run(dir.path(), &["config", "show"], "", &[]).status.code(), Some(2));
    let words = [("CCC_STORE__PASSPHRASE", "correct horse battery staple")];
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = run(elsewhere.path(), &["config", "rotate-key"], "", &words);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    // A path without a directory refers to the current directory.
    let named = [("CCC_STORE__KEY_FILE", "ccc.key")];
    fs::write(elsewhere.path().join("ccc.key"), lines[0]).unwrap();
    let elsewhere_too = tempfile::tempdir_in(elsewhere.path()).unwrap();
    fs::write(elsewhere_too.path().join("ccc.key"), lines[0]).unwrap();
    assert!(set(elsewhere_too.path(), 7, &named).status.success());
    let rotated = run(elsewhere_too.path(), &["config", "rotate-key"], "", &named);
    assert!(said(&rotated).contains("under a new key"), "{}", said(&rotated));
    let made = run(dir.path(), &["keygen"], "", &[]);
    assert_eq!(text(&made.stdout).trim().len(), 44, "{}", said(&made));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_service_uses_the_stored_app() {
    // spec: S11a
    let mut site = Site::start("command:true").await;
    let data = site.dir.path().join("data");
    site.service.signal(rustix::process::Signal::TERM);
    site.service.child.wait().unwrap();
    let start = |settings: &[(&str, &str)]| {
        let mut command = ccc();
        command
            .arg("serve")
            .current_dir(site.dir.path())
            .env("CCC_LISTEN", "127.0.0.1:0")
            .env("CCC_DATA_DIR", &data)
            .env("CCC_GITHUB__API_URL", site.github.api_url())
            .env("CCC_GITHUB__WRITE_SPACING_MS", "0")
            .env("CCC_AGENT__KIND", "command:true")
            .envs(settings.iter().copied());
        listening(command)
    };
    let (service, address) = start(&[]);
    assert_eq!(site.ping(address, SECRET).await, 200, "{}", service.log());
    drop(service);
    // If the configuration differs, the service uses the stored App and logs a warning.
    let other = site.dir.path().join("other");
    fs::write(&other, "another secret").unwrap();
    let (service, address) = start(&[
        ("CCC_GITHUB__APP_ID", "7"),
        // The file of the private key is no longer needed, and can be missing.
        ("CCC_GITHUB__PRIVATE_KEY_FILE", "/nowhere"),
        ("CCC_GITHUB__WEBHOOK_SECRET_FILE", other.to_str().unwrap()),
    ]);
    assert_eq!(site.ping(address, SECRET).await, 200, "{}", service.log());
    assert_eq!(site.ping(address, "another secret").await, 401);
    let log = service.log();
    assert!(log.contains("the webhook secret of the App 7 differs between"), "{log}");
    drop(service);
    for file in fs::read_dir(data.join("credentials")).unwrap() {
        let contents = fs::read(file.unwrap().path()).unwrap();
        assert!(!text(&contents).contains(SECRET) && !text(&contents).contains("PRIVATE"));
    }
}

#[test]
fn the_doctor_shows_the_policy_and_its_weakened_parts() {
    // spec: X17d
    let dir = tempfile::TempDir::new().unwrap();
    let mut command = ccc();
    command.args(["doctor", "--runner", "subprocess"]).env("CCC_DATA_DIR", dir.path());
    command.env("CCC_POLICY__PROTECTED_CLASSES", "['hooks']");
    command.env("CCC_POLICY__PROTECTED_NAMES", "['Makefile']");
    let output = command.output().unwrap();
    let shown = text(&output.stdout);
    let expected = "ok      policy: starting a run requires write permission; the protected \
                    classes of files are ci, hooks; further protected names are Makefile; ";
    assert!(shown.contains(expected), "{shown}");
    for class in ["agents", "editors", "tools", "ownership"] {
        let expected = format!(
            "classes of the policy do not contain {class} (setting policy.protected_classes)"
        );
        assert!(shown.contains(&expected), "{class}: {shown}");
    }
}

#[test]
fn the_doctor_does_not_show_an_unknown_kind_of_runner() {
    // spec: S10c
    let dir = tempfile::TempDir::new().unwrap();
    let mut command = ccc();
    command.arg("doctor").env("CCC_DATA_DIR", dir.path()).env("CCC_RUNNER__KIND", "hunter2");
    let output = command.output().unwrap();
    let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(shown.contains("runner") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_ends_no_token() {
    // spec: S12a
    let dir = tempfile::TempDir::new().unwrap();
    let start = |args: &[&str], is_full: bool| {
        let mut command = ccc();
        command.args(args).env("CCC_DATA_DIR", dir.path().join("data")).current_dir(dir.path());
        if is_full {
            command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        }
        command.output().unwrap()
    };
    let issued = start(&["config", "admin-token"], false);
    assert!(issued.status.success(), "{}", text(&issued.stderr));
    let stored = || {
        let files = fs::read_dir(dir.path().join("data/credentials")).unwrap();
        let paths = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
        paths
            .map(|path| (fs::read(&path).unwrap(), path))
            .collect::<std::collections::BTreeSet<_>>()
    };
    let before = stored();
    for args in [&["config", "admin-token"][..], &["keygen"], &["config", "show", "--json"]] {
        let output = start(args, true);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains("cannot write the result"), "{args:?}");
        assert_eq!(stored(), before, "{args:?}");
    }
    assert!(start(&["config", "admin-token"], false).status.success());
    assert_ne!(stored(), before);
}
