//! Writers that die. Each is a process of its own: this test binary again, which runs the one test that is ignored
//! otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ccc_core::credential::Precondition;
use ccc_core::testing::has_part;
use ccc_core::{CredentialKey, CredentialStore as _, Secret};
use futures_util::FutureExt as _;
use rustix::process::{Resource, Rlimit};
use tempfile::{NamedTempFile, TempDir};

use super::*;
use crate::Keys;
use crate::sealed::Sealed;

const OLD: &[u8] = b"the value before";
const NEW: &[u8] = b"a value that is longer than that before";

/// Does all of it on the thread that asks.
#[derive(Debug)]
struct Inline(Directory);

#[async_trait]
impl Shelf for Inline {
    async fn index(&self) -> Result<Option<Rests>> {
        index(&self.0)
    }

    async fn record(&self, place: Place) -> Result<Option<Vec<u8>>> {
        self.0.read(&place.to_string())
    }

    async fn write(&self, change: Arc<Change>) -> Result<bool> {
        write(&self.0, &change)
    }

    async fn sweep(&self, from: Rests, keep: Vec<Place>) -> Result<()> {
        sweep(&self.0, &from, &keep)
    }

    async fn keep_derivation(&self, fresh: String) -> Result<String> {
        keep_derivation(&self.0, fresh)
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing is waited for")
}

fn keys(numbers: &[u8]) -> Keys {
    let key = |number: &u8| hex::encode([&[*number; 31][..], &[0]].concat());
    let lines: Vec<String> = numbers.iter().map(key).collect();
    Keys::parse(&Secret::from(lines.join("\n"))).unwrap()
}

fn open(directory: &Path, numbers: &[u8]) -> Sealed<Inline> {
    let shelf = Inline(Directory::open(directory).unwrap());
    now(Sealed::open(shelf, "credentials", &keys(numbers))).unwrap()
}

fn key(name: &str) -> CredentialKey {
    CredentialKey::new(name).unwrap()
}

fn get(store: &Sealed<Inline>, name: &str) -> Option<Vec<u8>> {
    now(store.get(&key(name))).unwrap().map(|stored| stored.secret.expose().to_vec())
}

fn put(store: &Sealed<Inline>, name: &str, value: &[u8]) -> Result<()> {
    now(store.put(&key(name), &Secret::new(value), Precondition::None)).map(drop)
}

/// What a writer is at when it dies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    First,
    Put,
    Delete,
    Rotate,
}

const ACTS: [Act; 4] = [Act::First, Act::Put, Act::Delete, Act::Rotate];

impl Act {
    fn keys(self) -> &'static [u8] {
        if self == Self::Rotate { &[2, 1] } else { &[1] }
    }

    fn name(self) -> &'static str {
        if self == Self::First { "first" } else { "name" }
    }

    fn of(self, store: &Sealed<Inline>) -> Result<()> {
        match self {
            Self::First | Self::Put => put(store, self.name(), NEW),
            Self::Delete => now(store.delete(&key(self.name()))),
            Self::Rotate => now(store.rotate(&keys(self.keys()))).map(drop),
        }
    }

    fn before(self) -> Option<&'static [u8]> {
        (self != Self::First).then_some(OLD)
    }

    fn after(self) -> Option<&'static [u8]> {
        match self {
            Self::First | Self::Put => Some(NEW),
            Self::Delete => None,
            Self::Rotate => Some(OLD),
        }
    }
}

#[test]
#[ignore = "the others start it, in a process of its own"]
fn victim() {
    let variable = |name| std::env::var(name).unwrap();
    let act = ACTS.into_iter().find(|act| format!("{act:?}") == variable("CCC_VICTIM")).unwrap();
    let store = open(Path::new(&variable("CCC_VICTIM_DIRECTORY")), &[1]);
    if let Ok(most) = std::env::var("CCC_VICTIM_FILE_BYTES") {
        let most = Some(most.parse().unwrap());
        let limit = Rlimit { current: most, maximum: most };
        rustix::process::setrlimit(Resource::Fsize, limit).unwrap();
    }
    println!("\nready {}", rustix::thread::gettid().as_raw_nonzero());
    std::io::stdin().read_exact(&mut [0]).unwrap();
    let done = act.of(&store);
    println!("\ndone {}", done.is_ok());
}

/// A store as it was before, and the writer that waits for a word.
struct Scene {
    act: Act,
    directory: TempDir,
    victim: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    thread: String,
}

fn fresh() -> TempDir {
    let ours = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(ours).tempdir().unwrap()
}

/// Two credentials that nobody touches and one that is written.
fn seed() -> TempDir {
    let directory = fresh();
    let store = open(directory.path(), &[1]);
    for (name, value) in [("a", &b"another"[..]), ("name", OLD), ("z", b"one more")] {
        put(&store, name, b"earlier").unwrap();
        put(&store, name, value).unwrap();
    }
    directory
}

impl Scene {
    fn new(seed: &Path, act: Act, file_bytes: Option<usize>) -> Self {
        let directory = fresh();
        for file in fs::read_dir(seed).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .arg("file_credential_store::shelf::tests::victim")
            .env("CCC_VICTIM", format!("{act:?}"))
            .env("CCC_VICTIM_DIRECTORY", directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(bytes) = file_bytes {
            command.env("CCC_VICTIM_FILE_BYTES", bytes.to_string());
        }
        let mut victim = command.spawn().unwrap();
        let (stdin, stdout) = (victim.stdin.take().unwrap(), victim.stdout.take().unwrap());
        let mut scene = Self {
            act,
            directory,
            victim,
            stdin,
            stdout: BufReader::new(stdout),
            thread: String::new(),
        };
        scene.thread = scene.said("ready ").expect("a writer that is ready");
        scene
    }

    /// What it says after that word; none when it ends without.
    fn said(&mut self, word: &str) -> Option<String> {
        let lines = self.stdout.by_ref().lines().map_while(std::io::Result::ok);
        lines.filter_map(|line| Some(line.strip_prefix(word)?.to_owned())).next()
    }

    /// Lets it write, and waits for its end. Whether it said that it wrote; none when it died before.
    fn go(&mut self) -> Option<bool> {
        self.stdin.write_all(b"!").unwrap();
        let said = self.said("done ").map(|said| said == "true");
        self.victim.wait().unwrap();
        said
    }

    /// Lets it write with strace at it. As above.
    fn go_with(&mut self, arguments: &[&str]) -> Option<bool> {
        let mut strace = Command::new("strace")
            .args(["-p", &self.thread])
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("attached") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "strace does not attach");
        }
        let said = self.go();
        // It ends with the one it looks at.
        std::io::copy(&mut stderr, &mut std::io::sink()).unwrap();
        strace.wait().unwrap();
        said
    }

    /// Old or new, and new where it said so; nothing else is touched, nothing is left, and it can go on.
    fn judge(&self, said: Option<bool>, at: &str) {
        let (path, act) = (self.directory.path(), self.act);
        let store = open(path, act.keys());
        let found = get(&store, act.name());
        let found = found.as_deref();
        let fine = found == act.after() || (said != Some(true) && found == act.before());
        assert!(fine, "{act:?}, {at}, said {said:?}: {found:?}");
        assert_eq!(get(&store, "a").as_deref(), Some(&b"another"[..]), "{act:?}, {at}");
        assert_eq!(get(&store, "z").as_deref(), Some(&b"one more"[..]), "{act:?}, {at}");
        let records = now(store.list()).unwrap().len();
        let files = fs::read_dir(path).unwrap().count();
        assert_eq!(files, records + 2, "{act:?}, {at}: something is left");
        act.of(&store).unwrap();
        assert_eq!(get(&store, act.name()).as_deref(), act.after(), "{act:?}, {at}, again");
    }
}

fn strace_is_there() -> bool {
    let asked = Command::new("strace").arg("-V").output();
    has_part("strace", asked.is_ok(), "install strace")
}

/// The system calls that a writer makes, in their order, until it says that it is done.
fn calls(seed: &Path, act: Act) -> Vec<String> {
    let mut scene = Scene::new(seed, act, None);
    let log = NamedTempFile::new().unwrap();
    assert_eq!(scene.go_with(&["-o", log.path().to_str().unwrap()]), Some(true));
    let text = fs::read_to_string(log.path()).unwrap();
    let lines = text.lines().skip(1).take_while(|line| !line.starts_with("write(1,"));
    lines.map(|line| line.split('(').next().unwrap().to_owned()).collect()
}

/// Harms the writer at each of its system calls, or of those with these names: once at the first, once at the
/// second, and so on. At how many, and what it said.
fn at_every_call(act: Act, names: &[&str], harm: &str) -> (usize, BTreeSet<Option<bool>>) {
    let (seed, mut said, mut made) = (seed(), BTreeSet::new(), BTreeMap::<_, usize>::new());
    for name in calls(seed.path(), act) {
        if names.is_empty() || names.contains(&&*name) {
            // strace counts the calls of each name.
            let number = made.entry(name.clone()).or_default();
            *number += 1;
            let inject = format!("inject={name}:{harm}:when={number}");
            let mut scene = Scene::new(seed.path(), act, None);
            let now = scene.go_with(&["-e", &inject, "-o", "/dev/null"]);
            scene.judge(now, &inject);
            said.insert(now);
        }
    }
    (made.values().sum(), said)
}

#[test]
fn a_writer_that_is_killed_at_any_system_call_leaves_the_old_or_the_new() {
    // spec: S5b
    if !strace_is_there() {
        return;
    }
    for act in ACTS {
        let (calls, said) = at_every_call(act, &[], "signal=SIGKILL");
        println!("{act:?}: killed at each of {calls} system calls");
        assert!(calls >= 20, "{act:?} makes more calls than {calls}");
        assert_eq!(said, BTreeSet::from([None]), "{act:?}: not every call was its last");
    }
}

#[test]
fn a_disk_that_is_full_or_broken_at_any_call_leaves_the_old_or_the_new() {
    // spec: S5b, S5c
    const TO_DISK: [&str; 7] =
        ["openat", "write", "fsync", "renameat", "renameat2", "unlinkat", "flock"];
    if !strace_is_there() {
        return;
    }
    for (act, error) in [
        (Act::First, "ENOSPC"),
        (Act::Put, "ENOSPC"),
        (Act::Put, "EIO"),
        (Act::Delete, "EDQUOT"),
        (Act::Rotate, "EIO"),
    ] {
        let (calls, said) = at_every_call(act, &TO_DISK, &format!("error={error}"));
        println!("{act:?}: {error} at each of {calls} system calls");
        assert!(said.contains(&Some(false)), "{act:?}: {error} goes unnoticed");
        assert!(!said.contains(&None), "{act:?}: {error} ends the process");
    }
}

#[test]
fn a_write_that_is_torn_at_any_byte_leaves_the_old_or_the_new() {
    // spec: S5b
    for act in ACTS {
        let (seed, mut torn) = (seed(), 0);
        // The kernel ends who writes past the limit, with as many bytes written as it allows.
        for bytes in 0.. {
            let mut scene = Scene::new(seed.path(), act, Some(bytes));
            let said = scene.go();
            scene.judge(said, &format!("torn at byte {bytes}"));
            if said.is_some() {
                assert_eq!(said, Some(true));
                break;
            }
            torn += 1;
        }
        println!("{act:?}: torn at each of {torn} bytes");
        assert!(torn > 300, "{act:?}: the index has more bytes than {torn}");
    }
}

#[test]
fn bytes_are_on_the_disk_before_their_name_and_the_record_before_the_index() {
    // spec: S5b
    if !strace_is_there() {
        return;
    }
    let seed = seed();
    let mut scene = Scene::new(seed.path(), Act::Put, None);
    let log = NamedTempFile::new().unwrap();
    let arguments = ["-y", "-e", "trace=write,fsync,renameat,renameat2,unlinkat", "-o"];
    let said = scene.go_with(&[&arguments[..], &[log.path().to_str().unwrap()]].concat());
    assert_eq!(said, Some(true));
    let text = fs::read_to_string(log.path()).unwrap();
    let directory = scene.directory.path().to_str().unwrap();
    let calls: Vec<String> = text.lines().filter_map(|line| call(line, directory)).collect();
    let expected = [
        "write unfinished-record",
        "fsync unfinished-record",
        "rename unfinished-record record",
        "fsync directory",
        "write unfinished-index",
        "fsync unfinished-index",
        "rename unfinished-index index",
        "fsync directory",
        "unlink record",
    ];
    assert_eq!(calls, expected);
}

/// A line of strace in words: the call and the files that it is about; none for what is not about the directory.
fn call(line: &str, directory: &str) -> Option<String> {
    let (name, rest) = line.split_once('(')?;
    let name = match name {
        "renameat" | "renameat2" => "rename",
        "unlinkat" => "unlink",
        name => name,
    };
    let at = rest.find(directory)?;
    let mut files = Vec::new();
    for part in rest[at..].split([',', '(', ' ', ')', '<', '>', '"']) {
        let part = part.strip_prefix(directory).unwrap_or(part);
        let part = part.trim_start_matches('/');
        let file = part.strip_prefix("unfinished-").unwrap_or(part);
        let word = if file == "index" {
            "index"
        } else if is_record(file) {
            "record"
        } else {
            continue;
        };
        files.push(part.replace(file, word));
    }
    if files.is_empty() {
        files.push("directory".to_owned());
    }
    Some(format!("{name} {}", files.join(" ")))
}
