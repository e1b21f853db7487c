use super::*;
use crate::agent::{ModelUsage, Verdict};
use crate::policy::{ProtectedClass, TrustPolicy};
use crate::vcs::Permission;
use std::path::PathBuf;

fn report() -> AgentReport {
    let mut report = AgentReport::new(Verdict::Completed, "The sum is 2 now.");
    report.usage = vec![ModelUsage {
        model: "model".to_owned(),
        input_tokens: 1,
        output_tokens: 2,
        cache_read_tokens: 3,
        cache_write_tokens: 4,
        micro_usd: Some(5),
    }];
    report.micro_usd = Some(1_250_000);
    report.denials = vec!["Bash".to_owned()];
    report.session = Some("session".to_owned());
    report
}

fn policy() -> AppliedPolicy {
    let policy = TrustPolicy::default()
        .with_permission(Permission::Triage)
        .with_protected_classes([ProtectedClass::Agents])
        .with_protected_names(["Makefile".to_owned()]);
    let mut policy = AppliedPolicy::from(&policy);
    policy.weakenings = vec!["a weakened rule".to_owned()];
    policy.exceptions = vec!["an exception".to_owned()];
    policy
}

fn base() -> Base {
    Base { branch: "main".to_owned(), commit: ObjectId::new("a".repeat(40)).unwrap() }
}

/// Returns a progress of every variant, with the name of its golden file.
fn variants() -> [(&'static str, Progress); 5] {
    let denied_hosts = vec!["evil.example:443".to_owned()];
    let branch = BranchName::new("claude/issue-1-0a1b2c3d").unwrap();
    let tree = ObjectId::new("b".repeat(40)).unwrap();
    let collected = CollectedRun {
        base: base(),
        tree: Some(tree.clone()),
        report: report(),
        denied_hosts: denied_hosts.clone(),
        policy: policy(),
    };
    [
        (
            "accepted",
            Progress::Accepted(AcceptedRun {
                finished: Stage::Work,
                report: Some(report()),
                denied_hosts: denied_hosts.clone(),
                policy: Some(policy()),
            }),
        ),
        ("collected", Progress::Collected(collected.clone())),
        ("collected_nothing", Progress::Collected(CollectedRun { tree: None, ..collected })),
        (
            "committed",
            Progress::Committed(CommittedRun {
                base: base(),
                tree,
                commit: ObjectId::new("c".repeat(40)).unwrap(),
                branch: branch.clone(),
                report: report(),
                denied_hosts: denied_hosts.clone(),
                policy: policy(),
            }),
        ),
        (
            "published",
            Progress::Published(PublishedRun {
                pull_request: PullRequest {
                    number: Some(12),
                    url: "https://host.example/octo/hello/pull/12".to_owned(),
                    head: branch,
                },
                report: report(),
                denied_hosts,
                policy: policy(),
            }),
        ),
    ]
}

fn golden(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/progress/golden");
    PathBuf::from(folder).join(format!("{name}.json"))
}

fn as_value(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

// A change to the golden files requires a new `PROGRESS_VERSION`.
#[test]
fn every_variant_has_the_json_of_its_golden_file() {
    // spec: Q3d
    for (name, progress) in variants() {
        let written = as_value(&progress.to_json().unwrap());
        let stored = std::fs::read_to_string(golden(name)).unwrap_or_else(|error| {
            panic!(
                "cannot read the golden file `{name}`: {error}; the present JSON is {written:#}"
            );
        });
        assert_eq!(
            written,
            as_value(&stored),
            "`{name}` must be written as in its golden file, not as {written:#}"
        );
        assert_eq!(Progress::from_json(stored.as_bytes()).unwrap(), progress, "{name}");
    }
}

#[test]
fn every_golden_file_has_a_variant() {
    let names = variants().map(|(name, _)| golden(name));
    let folder = golden("x").parent().unwrap().to_owned();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(names.contains(&path), "no variant has the golden file {}", path.display());
    }
}

/// Checks that the JSON of the golden file `name` is refused after `change`, with a message that
/// contains `expected`.
fn check(name: &str, change: &dyn Fn(&mut serde_json::Value), expected: &str) {
    let mut json = as_value(&std::fs::read_to_string(golden(name)).unwrap());
    change(&mut json);
    let error = Progress::from_json(json.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{json}");
    let line = error.to_string();
    assert!(line.contains(expected) && !line.contains('\n'), "{expected}: {line}");
}

#[test]
fn unreadable_progress_is_corrupt_and_the_message_names_the_problem() {
    // spec: Q3d
    check("published", &|json| json["version"] = 3.into(), "version 3");
    check("published", &|json| json["version"] = 1.into(), "version 1");
    check("accepted", &|json| json["version"] = 0.into(), "version 0");
    check("accepted", &|json| json["version"] = "1".into(), "expected u32");
    check("accepted", &|json| drop(json.as_object_mut().unwrap().remove("version")), "`version`");
    check("accepted", &|json| drop(json.as_object_mut().unwrap().remove("progress")), "`progress`");
    check("accepted", &|json| json["progress"]["accepted"]["finished"] = "nap".into(), "`nap`");
    check(
        "accepted",
        &|json| json["progress"]["accepted"]["finished"] = "publish".into(),
        "publish",
    );
    check("accepted", &|json| json["progress"] = serde_json::json!({ "napping": {} }), "`napping`");
    check("committed", &|json| json["progress"]["committed"]["commit"] = "zz".into(), "object id");
    check("committed", &|json| json["progress"]["committed"]["extra"] = 1.into(), "`extra`");
    check("committed", &|json| json["extra"] = 1.into(), "`extra`");
}

fn is_corrupt(json: &serde_json::Value) -> bool {
    let read = Progress::from_json(json.to_string().as_bytes());
    read.is_err_and(|error| error.kind() == ErrorKind::Corrupt)
}

/// Removes each field of `whole` in turn, and adds an unknown field at every depth. Adds to `found`
/// the path of each such change after which the progress can still be read.
fn missed(
    json: &serde_json::Value,
    path: &str,
    whole: &serde_json::Value,
    found: &mut Vec<String>,
) {
    match json {
        serde_json::Value::Object(fields) => {
            let mut with = whole.clone();
            let parent = with.pointer_mut(path).unwrap().as_object_mut().unwrap();
            // The map of an enum has the variant's name as its only key.
            let is_variant = path == "/progress";
            parent.insert("extra".to_owned(), serde_json::Value::Null);
            if !is_variant && !is_corrupt(&with) {
                found.push(format!("{path}/extra"));
            }
            for (name, value) in fields {
                let place = format!("{path}/{name}");
                let mut without = whole.clone();
                let parent = without.pointer_mut(path).unwrap().as_object_mut().unwrap();
                parent.remove(name).unwrap();
                if !is_corrupt(&without) {
                    found.push(place.clone());
                }
                missed(value, &place, whole, found);
            }
        }
        serde_json::Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                missed(item, &format!("{path}/{at}"), whole, found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_field_may_be_missing_or_unknown() {
    // spec: Q3d
    for (name, progress) in variants() {
        let (json, mut found) = (as_value(&progress.to_json().unwrap()), Vec::new());
        missed(&json, "", &json, &mut found);
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn truncated_json_is_corrupt() {
    // spec: Q3d
    let whole = variants()[3].1.to_json().unwrap();
    for end in 0..whole.len() {
        let error = Progress::from_json(&whole.as_bytes()[..end]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{end}");
    }
}
