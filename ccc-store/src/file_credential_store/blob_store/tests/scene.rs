//! A credential store, and a process that is interrupted while it writes to the store.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore as _, Result, Secret, async_trait};
use futures_util::FutureExt as _;
use rustix::process::{Resource, Rlimit};
use tempfile::TempDir;

use super::super::{index, init_derivation, remove_unlisted, write};
use crate::Keys;
use crate::file_credential_store::directory::Directory;
use crate::keys::tests::keys;
use crate::sealed::{BlobStore, Change, RecordId, Sealed, SealedIndex};

const OLD: &[u8] = b"the value before";
const NEW: &[u8] = b"a value that is longer than that before";

/// A [`BlobStore`] that does all its work on the calling thread.
#[derive(Debug)]
struct Inline(Directory);

#[async_trait]
impl BlobStore for Inline {
    async fn index(&self) -> Result<Option<SealedIndex>> {
        index(&self.0)
    }

    async fn record(&self, id: RecordId) -> Result<Option<Vec<u8>>> {
        self.0.read(&id.to_string())
    }

    async fn write(&self, change: Arc<Change>) -> Result<bool> {
        write(&self.0, &change)
    }

    async fn remove_unlisted(&self, from: SealedIndex, live: Vec<RecordId>) -> Result<()> {
        remove_unlisted(&self.0, &from, &live)
    }

    async fn init_derivation(&self, fresh: String) -> Result<String> {
        init_derivation(&self.0, fresh)
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the future must be ready at once")
}

fn open(directory: &Path, numbers: &[u8]) -> Sealed<Inline> {
    let blobs = Inline(Directory::open(directory).unwrap());
    now(Sealed::open(blobs, "credentials", &keys(numbers))).unwrap()
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

/// The system call in which the writer waits for the start signal. The writer makes this call at no
/// other time: strace also counts the call that is in progress when strace attaches, and would
/// inject the fault too early if the same call came again later.
pub(super) const WAITS: &str = "recvfrom";

/// The operation in which a writer is interrupted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    First,
    Put,
    Delete,
    Rotate,
    /// The first start with a passphrase. It creates one more file than the other operations.
    Passphrase,
}

pub(super) const ACTS: [Act; 4] = [Act::First, Act::Put, Act::Delete, Act::Rotate];

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
            Self::Passphrase => {
                let passphrase = Keys::passphrase(&Secret::from("hunter2 hunter2 hunter2"))?;
                // The key is derived on another thread, so the future is not ready at once.
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(store.adopt(&passphrase.with_retired(keys(self.keys()))))
            }
        }
    }

    fn before(self) -> Option<&'static [u8]> {
        (self != Self::First).then_some(OLD)
    }

    fn after(self) -> Option<&'static [u8]> {
        match self {
            Self::First | Self::Put => Some(NEW),
            Self::Delete => None,
            Self::Rotate | Self::Passphrase => Some(OLD),
        }
    }
}

#[test]
#[ignore = "the other tests start this test in a separate process"]
fn victim() {
    let variable = |name| std::env::var(name).unwrap();
    let mut acts = ACTS.into_iter().chain([Act::Passphrase]);
    let act = acts.find(|act| format!("{act:?}") == variable("CCC_VICTIM")).unwrap();
    let store = open(Path::new(&variable("CCC_VICTIM_DIRECTORY")), &[1]);
    if let Ok(most) = std::env::var("CCC_VICTIM_FILE_BYTES") {
        let most = Some(most.parse().unwrap());
        let limit = Rlimit { current: most, maximum: most };
        rustix::process::setrlimit(Resource::Fsize, limit).unwrap();
    }
    let mut word = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    println!("\nready {}", rustix::thread::gettid().as_raw_nonzero());
    word.read_exact(&mut [0]).unwrap();
    let done = act.of(&store);
    println!("\ndone {}", done.is_ok());
}

/// A copy of a store, and a writer process that waits for the start signal.
pub(super) struct Scene {
    act: Act,
    pub(super) directory: TempDir,
    victim: Child,
    word: UnixStream,
    stdout: BufReader<ChildStdout>,
    thread: String,
}

pub(super) fn fresh() -> TempDir {
    let ours = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(ours).tempdir().unwrap()
}

/// Creates a store with three credentials: `a` and `z`, which no writer changes, and `name`, which
/// the writers change.
pub(super) fn seed() -> TempDir {
    let directory = fresh();
    let store = open(directory.path(), &[1]);
    for (name, value) in [("a", &b"another"[..]), ("name", OLD), ("z", b"one more")] {
        put(&store, name, b"earlier").unwrap();
        put(&store, name, value).unwrap();
    }
    directory
}

impl Scene {
    pub(super) fn new(seed: &Path, act: Act, file_bytes: Option<usize>) -> Self {
        let (directory, (word, stdin)) = (fresh(), UnixStream::pair().unwrap());
        for file in fs::read_dir(seed).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .arg("file_credential_store::blob_store::tests::scene::victim")
            .env("CCC_VICTIM", format!("{act:?}"))
            .env("CCC_VICTIM_DIRECTORY", directory.path())
            .stdin(OwnedFd::from(stdin))
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(bytes) = file_bytes {
            command.env("CCC_VICTIM_FILE_BYTES", bytes.to_string());
        }
        let mut victim = command.spawn().unwrap();
        let stdout = BufReader::new(victim.stdout.take().unwrap());
        let thread = String::new();
        let mut scene = Self { act, directory, victim, word, stdout, thread };
        scene.thread = scene.said("ready ").expect("the writer must report that it is ready");
        scene
    }

    /// Waits for a line of the writer's output that begins with `word`, and returns the rest of the
    /// line. Returns `None` if the writer ends before it prints such a line.
    fn said(&mut self, word: &str) -> Option<String> {
        let lines = self.stdout.by_ref().lines().map_while(std::io::Result::ok);
        lines.filter_map(|line| Some(line.strip_prefix(word)?.to_owned())).next()
    }

    /// Starts the operation of the writer, and waits until the writer ends. Returns whether the
    /// writer reported success, or `None` if the writer ended without a report.
    pub(super) fn go(&mut self) -> Option<bool> {
        self.word.write_all(b"!").unwrap();
        let said = self.said("done ").map(|said| said == "true");
        self.victim.wait().unwrap();
        said
    }

    /// Does the same as [`go`](Self::go), while strace with the arguments `arguments` is attached
    /// to the writer.
    pub(super) fn go_with(&mut self, arguments: &[&str]) -> Option<bool> {
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
            assert!(stderr.read_line(&mut line).unwrap() > 0, "strace did not attach");
        }
        let said = self.go();
        // strace ends when the writer ends.
        std::io::copy(&mut stderr, &mut std::io::sink()).unwrap();
        strace.wait().unwrap();
        said
    }

    /// Checks the store after the operation. The credential must have the old or the new value, and
    /// must have the new value if the writer reported success. Nothing else may have changed, no
    /// file may be left over, and the operation must succeed when it is repeated.
    pub(super) fn judge(&self, said: Option<bool>, at: &str) {
        let (path, act) = (self.directory.path(), self.act);
        if said == Some(false) {
            let names = fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name());
            let mut names = names.filter_map(|name| name.into_string().ok());
            let left = names.find(|name| Directory::is_unfinished(name));
            assert_eq!(
                left, None,
                "{act:?}, {at}: the writer survived, and left an unfinished file"
            );
        }
        let store = open(path, act.keys());
        let found = get(&store, act.name());
        let found = found.as_deref();
        let fine = found == act.after() || (said != Some(true) && found == act.before());
        assert!(fine, "{act:?}, {at}: the writer reported {said:?}, but the value is {found:?}");
        assert_eq!(get(&store, "a").as_deref(), Some(&b"another"[..]), "{act:?}, {at}");
        assert_eq!(get(&store, "z").as_deref(), Some(&b"one more"[..]), "{act:?}, {at}");
        let records = now(store.list()).unwrap().len();
        let files = fs::read_dir(path).unwrap().count();
        assert_eq!(files, records + 2, "{act:?}, {at}: a file is left over");
        act.of(&store).unwrap();
        assert_eq!(get(&store, act.name()).as_deref(), act.after(), "{act:?}, {at}, repeated");
    }
}
