//! Benchmark of the credential store in a directory. Compares `put` with a bare durable write of
//! the same bytes, `get` with a bare read, and both with the encryption only. The store has 20
//! credentials, each the size of a private key.

mod support;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use ccc_core::credential::Precondition;
use ccc_core::{CredentialKey, CredentialStore as _, Secret};
use ccc_store::{FileCredentialStore, Keys};

use support::{Report, Result, Side, Stopwatch};

/// Maximum ratio of `put` to the bare write. A `put` writes two files, each as the bare write does.
const MOST_PUT: f64 = 3.0;
const BYTES: usize = 1_704;
const NAMES: usize = 20;
const ROUNDS: usize = 15;

/// Writes a file atomically and durably.
fn write(directory: &Path, contents: &[u8]) -> Result<()> {
    let (new, name) = (directory.join("new"), directory.join("record"));
    let mut file = File::create(&new)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(new, name)?;
    Ok(File::open(directory)?.sync_all()?)
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut report = Report::new("store");
    // Uses a disk, because both sides mainly wait for it.
    let place = env!("CARGO_TARGET_TMPDIR");
    let dir = tempfile::Builder::new().prefix("ccc-bench-").tempdir_in(place)?;
    let keys = Keys::parse(&Keys::generate()?)?;
    let store = FileCredentialStore::open(dir.path().join("credentials"), &keys).await?;
    let bare = dir.path().join("bare");
    fs::create_dir(&bare)?;
    let secret = Secret::new(vec![b'k'; BYTES]);
    let names: Vec<CredentialKey> = (0..NAMES)
        .map(|n| CredentialKey::new(format!("github/github.com/{n}")))
        .collect::<ccc_core::Result<_>>()?;
    for name in &names {
        store.put(name, &secret, Precondition::None).await?;
    }
    let size = |end: &str| -> Result<u64> {
        let mut largest = 0;
        for file in fs::read_dir(dir.path().join("credentials"))? {
            let file = file?;
            if file.file_name().to_string_lossy().ends_with(end) {
                largest = largest.max(file.metadata()?.len());
            }
        }
        Ok(largest)
    };
    let (record, index) = (size(".1")?, size("index")?);
    report.say(&format!("a record of {record} bytes, an index of {index} for {NAMES} names"));
    let same = vec![7; usize::try_from(record)?];
    write(&bare, &same)?;

    let cipher = Aes256Gcm::new(&[7; 32].into());
    let nonce = Nonce::from([9; 12]);
    let mut put = Side::new("put");
    let mut get = Side::new("get");
    let mut bare_write = Side::new("write, fsync, rename, fsync of the same bytes");
    let mut bare_read = Side::new("read of the same bytes");
    let mut bare_seal = Side::new("AES-256-GCM of the same bytes");
    for round in 0..=ROUNDS {
        for turn in 0..5 {
            let side = match (round + turn) % 5 {
                0 => &mut put,
                1 => &mut get,
                2 => &mut bare_write,
                3 => &mut bare_read,
                _ => &mut bare_seal,
            };
            let watch = Stopwatch::start();
            for name in &names {
                match (round + turn) % 5 {
                    0 => drop(store.put(name, &secret, Precondition::None).await?),
                    1 => drop(store.get(name).await?.ok_or("the credential is missing")?),
                    2 => write(&bare, &same)?,
                    3 => drop(fs::read(bare.join("record"))?),
                    _ => {
                        let sealed = cipher.encrypt(&nonce, &same[..]);
                        std::hint::black_box(sealed.map_err(|_| "encryption failed")?);
                    }
                }
            }
            // The first round warms up.
            if round > 0 {
                side.add(watch.elapsed());
            }
        }
    }
    report.goal(&put, &bare_write, MOST_PUT);
    report.figure(&get, &bare_read);
    report.figure(&put, &bare_seal);
    report.figure(&get, &bare_seal);
    Ok(report.finish())
}
