//! Tests that the agent has no access to the key: the agent itself searches for it.

use ccc_core::agent::Verdict;
use sha2::Digest as _;

use super::{Fixture, front};

/// A program that searches for the key everywhere that a program of the agent can access: in the
/// environment, arguments, open files and memory of each process of its tree, and in every file of
/// the run. It knows only the digest of the key, so that it does not find its own copy.
const LOOK: &str = r##"
import glob, hashlib, json, os, re
digest, length = open("arguments").read().split()
length = int(length)
found, looked = [], {"processes": 0, "files": 0, "memory": 0}

def holds(data):
    # Checks all text that has the form and the length of the key.
    for match in re.finditer(rb"(?=(scripted-[0-9a-f]{%d}))" % (length - 9), data):
        if hashlib.sha256(match.group(1)).hexdigest() == digest:
            return True
    return False

def look(where, data):
    if holds(data):
        found.append(where)

def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""

tree, pid = [], os.getpid()
while pid > 1 and b"CCC_RUN=" in read(f"/proc/{pid}/environ"):
    tree.append(pid)
    pid = int(read(f"/proc/{pid}/stat").rsplit(b")", 1)[1].split()[1])
for pid in tree:
    looked["processes"] += 1
    for name in ("environ", "cmdline", "comm", "maps", "status"):
        look(f"{pid}/{name}", read(f"/proc/{pid}/{name}"))
    for path in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            look(f"{pid}/fd", os.readlink(path).encode())
        except OSError:
            pass
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in read(f"/proc/{pid}/maps").decode().splitlines():
            first, rights = line.split()[:2]
            start, end = (int(part, 16) for part in first.split("-"))
            if not rights.startswith("rw") or pid == os.getpid() or end - start > 1 << 30:
                continue
            try:
                memory.seek(start)
                data = memory.read(end - start)
                looked["memory"] += len(data)
                look(f"{pid}/mem", data)
            except (OSError, ValueError, OverflowError):
                pass
for root in (os.environ["HOME"], os.environ["TMPDIR"], os.getcwd()):
    for folder, _, names in os.walk(root):
        for name in names:
            looked["files"] += 1
            look(name, name.encode())
            look("file", read(os.path.join(folder, name)))
json.dump({"found": sorted(set(found)), "looked": looked}, open("found.json", "w"))
"##;

const SCENARIO: &str = r#"
[[turn]]
use = [{ tool = "Bash", input = { command = "python3 look.py" } }]
"#;

/// Runs the agent with the search. Returns what it found. If `leak` is set, the environment of the
/// program contains the key.
async fn look(leak: bool) -> Option<serde_json::Value> {
    let fixture = Fixture::new(SCENARIO).await;
    let mut agent = fixture.real(&["Bash(python3 look.py:*)"])?;
    let (key, dir) = (fixture.model.key(), tempfile::TempDir::new().unwrap());
    let shown = key.expose_str().unwrap();
    if leak {
        let line = format!("export LEAK={shown}; exec \"$CLAUDE\" \"$@\"");
        agent = agent.with_program(front(dir.path(), &line)?);
    }
    fixture.write("look.py", LOOK);
    let digest = hex::encode(sha2::Sha256::digest(key.expose()));
    fixture.write("arguments", &format!("{digest} {}", key.expose().len()));
    let ran = fixture.run(&agent).await;
    assert_eq!(ran.report().verdict, Verdict::Completed, "{:?}", ran.events);
    let told = format!("{:?} {:?} {agent:?} {:?}", ran.events, ran.result, fixture.proxy);
    assert!(!told.contains(shown), "an event, the report or a `Debug` output shows the key");
    Some(
        serde_json::from_str(&fixture.read("found.json").expect("the search did not run")).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_in_no_process_and_no_file_of_the_agent() {
    // spec: X3b
    let Some(found) = look(false).await else { return };
    assert_eq!(found["found"], serde_json::json!([]), "{found}");
    assert!(found["looked"]["processes"].as_u64().unwrap() >= 2, "{found}");
    assert!(found["looked"]["memory"].as_u64().unwrap() > 10 << 20, "{found}");
    assert!(found["looked"]["files"].as_u64().unwrap() >= 3, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_finds_a_key_that_leaked() {
    let Some(found) = look(true).await else { return };
    let found: Vec<&str> =
        found["found"].as_array().unwrap().iter().filter_map(|each| each.as_str()).collect();
    for place in ["/environ", "/mem"] {
        assert!(found.iter().any(|each| each.ends_with(place)), "{place}: {found:?}");
    }
}
