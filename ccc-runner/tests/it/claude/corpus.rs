//! Recorded output of earlier versions of Claude Code, which must still be read with the same
//! result.
//!
//! `corpus/NAME.jsonl` is the output of the real program, and `corpus/NAME.json` the events and the
//! report that were read from it. To record them again, run
//! `CCC_RECORD=1 cargo test -p ccc-runner --all-features make_recordings`.

use std::path::{Path, PathBuf};

use ccc_core::agent::{AgentEvent, AgentReport, Verdict};
use ccc_runner::{Permissions, Transcript};
use serde_json::{Value, json};

use super::{Fixture, front, program};

const WORKS: &str = r#"
[[turn]]
think = "First the file."
say = "I read it."
use = [{ tool = "Read", input = { file_path = "sum.txt" } }, { tool = "Glob", input = { pattern = "*.txt" } }]
[[turn]]
fail = { status = 429, times = 1 }
use = [{ tool = "TodoWrite", input = { todos = [{ content = "fix", status = "completed", activeForm = "fixing" }] } }]
[[turn]]
use = [{ tool = "Edit", input = { file_path = "sum.txt", old_string = "= 3", new_string = "= 2" } }]
[[turn]]
use = [{ tool = "Bash", input = { command = "rm -rf / # no" } }, { tool = "Bash", input = { command = "true" } }]
[[turn]]
say = "Fixed.\nIt was three."
"#;

/// The recordings: name, scenario, and turn limit.
const RECORDED: &[(&str, &str, Option<u32>)] = &[
    ("works", WORKS, None),
    ("too-many-turns", WORKS, Some(2)),
    ("refused", "[[turn]]\nfail = { status = 400, times = 99 }", None),
    ("cut", "[[turn]]\nsay = 'I was going to say'\nend = 'cut'\n[[turn]]\nsay = 'Done.'", None),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/claude/corpus")
}

/// Reads a recording in pieces of `piece` bytes. Returns its events and its report as JSON.
fn meaning(recording: &[u8], piece: usize) -> Value {
    let (mut transcript, mut events) = (Transcript::new("/workspace"), Vec::new());
    let mut sink = |event: AgentEvent| events.push(event);
    recording.chunks(piece).for_each(|piece| transcript.read(piece, &mut sink));
    transcript.finish(&mut sink);
    json!({ "events": events, "report": transcript.report() })
}

fn recordings() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

pub(super) fn lines() -> Vec<Vec<u8>> {
    let all = recordings();
    let lines = all.iter().flat_map(|(_, recording)| recording.split(|byte| *byte == b'\n'));
    lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

#[test]
fn recordings_are_read_with_the_same_result_as_before() {
    let all = recordings();
    assert!(all.len() >= 8, "{} recordings", all.len());
    for (name, recording) in all {
        let expected = std::fs::read(folder().join(format!("{name}.json"))).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        for piece in [1, 100, usize::MAX] {
            assert_eq!(meaning(&recording, piece), expected, "{name} in pieces of {piece}");
        }
    }
}

#[test]
fn recordings_contain_every_kind_of_event_and_of_verdict() {
    let (mut did, mut ends) = (std::collections::BTreeSet::new(), Vec::new());
    for (_, recording) in recordings() {
        let meaning = meaning(&recording, usize::MAX);
        for event in meaning["events"].as_array().unwrap() {
            did.insert(event["did"].as_str().unwrap().to_owned());
        }
        let report: Option<AgentReport> =
            serde_json::from_value(meaning["report"].clone()).unwrap();
        ends.push(report.expect("a recording without a result").verdict);
    }
    for kind in ["said", "thought", "read", "edited", "ran", "planned", "retrying", "denied"] {
        assert!(did.contains(kind), "no recording has {kind}: {did:?}");
    }
    assert!(ends.contains(&Verdict::Completed));
    assert!(ends.iter().any(|end| matches!(end, Verdict::Limited { .. })));
    assert!(ends.iter().any(|end| matches!(end, Verdict::Failed { .. })));
}

/// Makes the recordings again with the installed program, if `CCC_RECORD` is set.
#[tokio::test(flavor = "multi_thread")]
async fn make_recordings() {
    if std::env::var_os("CCC_RECORD").is_none() {
        return;
    }
    let program = program().expect("recording needs Claude Code");
    let asked = std::process::Command::new(&program).arg("--version").output().unwrap();
    let version = String::from_utf8(asked.stdout).unwrap();
    let number = version.split(' ').next().unwrap();
    for (name, scenario, turns) in RECORDED {
        let (fixture, dir) = (Fixture::new(scenario).await, tempfile::TempDir::new().unwrap());
        fixture.write("sum.txt", "1 + 1 = 3\n");
        let record = dir.path().join("record");
        let line = format!("\"$CLAUDE\" \"$@\" > {0}; cat {0}", record.display());
        let agent = fixture.agent(&front(dir.path(), &line).unwrap());
        let agent = agent.with_permissions(Permissions::EditsAnd(vec!["Bash(true)".to_owned()]));
        let mut task = fixture.task();
        task.limits.turns = *turns;
        fixture.run_task(&agent, &task).await.report();
        let text = std::fs::read_to_string(record).unwrap();
        let text = text.replace(fixture.workspace.path().to_str().unwrap(), "/workspace");
        let text: String = text.lines().map(|line| shorten(line) + "\n").collect();
        std::fs::create_dir_all(folder()).unwrap();
        let file = |extension| folder().join(format!("{name}-{number}.{extension}"));
        std::fs::write(file("jsonl"), &text).unwrap();
        let meaning = serde_json::to_string_pretty(&meaning(text.as_bytes(), usize::MAX)).unwrap();
        std::fs::write(file("json"), meaning + "\n").unwrap();
    }
}

/// Shortens the lists of the `init` line, and removes the paths of the machine from it. Returns
/// other lines unchanged.
fn shorten(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else { return line.to_owned() };
    if fields.get("subtype").is_none_or(|subtype| subtype != "init") {
        return line.to_owned();
    }
    fields.retain(|name, _| !["memory_paths", "messaging_socket_path"].contains(&name.as_str()));
    for list in fields.values_mut().filter_map(Value::as_array_mut) {
        list.truncate(2);
    }
    Value::Object(fields).to_string()
}
