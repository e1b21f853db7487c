//! Tests of the secret scan of host git with a corpus from a seed: ordinary changes, which must be
//! collected, and changes with secrets, which must be refused.
//!
//! ```sh
//! cargo test -p ccc-tests --test it secrets -- --nocapture
//! ```
//!
//! This prints how many ordinary changes were refused and how many secrets were stopped. The
//! environment variable `CCC_SECRETS_SEED` sets another seed.

mod archives;
mod change;
mod ordinary;
mod random;
mod vendors;
mod ways;

use std::sync::Arc;

use ccc_core::git::Collected;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use change::{Act, Bench};
use ordinary::{kinds, old_key};
use random::Random;
use vendors::{Source, VENDORS};
use ways::WAYS;

const ORDINARY: usize = 200;
const SECRETS: usize = 60;
/// Number of ordinary changes in one workspace. Each has its own directory.
const TOGETHER: usize = 10;
/// Number of workspaces at a time.
const AT_ONCE: usize = 4;

fn seed() -> u64 {
    std::env::var("CCC_SECRETS_SEED").map_or(20_261_130, |seed| seed.parse().unwrap())
}

/// Collects each group of changes in its own workspace, and returns the results in order.
async fn collect(bench: Bench, groups: Vec<Vec<(String, Vec<Act>)>>) -> Vec<Collected> {
    let (bench, turns) = (Arc::new(bench), Arc::new(Semaphore::new(AT_ONCE)));
    let mut tries = JoinSet::new();
    for (number, changes) in groups.into_iter().enumerate() {
        let (bench, turns) = (Arc::clone(&bench), Arc::clone(&turns));
        tries.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            (number, bench.collect(number, &changes).await)
        });
    }
    let mut results = tries.join_all().await;
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, collected)| collected).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordinary_changes_are_collected() {
    // spec: X10b
    let seed = seed();
    let mut random = Random::new(seed);
    let base: Vec<_> = (0..ORDINARY)
        .map(|n| (old_key(n), random.pem("RSA PRIVATE KEY", 1_200).into_bytes()))
        .collect();
    let kinds = kinds();
    let named: Vec<(&str, (String, Vec<Act>))> = (0..ORDINARY)
        .map(|number| {
            let (name, make) = kinds[number % kinds.len()];
            (name, (format!("d{number:03}"), make(number, &mut random)))
        })
        .collect();
    let groups: Vec<Vec<_>> = named
        .chunks(TOGETHER)
        .map(|group| group.iter().map(|(_, change)| change.clone()).collect())
        .collect();
    let results = collect(Bench::new(&base), groups).await;
    let mut blocked = Vec::new();
    for (group, result) in named.chunks(TOGETHER).zip(results) {
        let Collected::Refused(refusal) = result else { continue };
        for path in &refusal.paths {
            let change = group.iter().find(|(_, (directory, _))| path.starts_with(&**directory));
            let name = change.map_or("unknown change", |(name, _)| name);
            blocked.push(format!("{name}: {path}: {}", refusal.reason));
        }
    }
    println!("seed: {seed}\nordinary diffs blocked: {} of {ORDINARY}", blocked.len());
    assert!(blocked.is_empty(), "{}", blocked.join("\n"));
}

/// Returns the changes with secrets, or with placeholders in their place.
fn changes(placeholder: bool) -> Vec<(String, Act)> {
    (0..SECRETS)
        .map(|number| {
            // The same random numbers for the secret and for its placeholder.
            let mut random = Random::new(seed().wrapping_add(1_000 + number as u64));
            let (vendor, make) = VENDORS[number % VENDORS.len()];
            let secret = make(&mut Source { random: &mut random, placeholder });
            let at = (number + number / VENDORS.len() * 3) % WAYS.len();
            let (way, write) =
                WAYS[if WAYS[at].0 == "name" && secret.contains(['/', '\n']) { 0 } else { at }];
            (format!("{vendor}, {way}"), write(&secret, &mut random))
        })
        .collect()
}

/// Collects each change and returns the names of those that were refused because of a secret.
async fn stopped(changes: Vec<(String, Act)>) -> Vec<String> {
    let base = [("README.md".to_owned(), b"hello\n".to_vec())];
    let groups = changes.iter().map(|(_, act)| vec![("d".to_owned(), vec![act.clone()])]).collect();
    let results = collect(Bench::new(&base), groups).await;
    let refused = changes.into_iter().zip(results).filter(|(_, result)| match result {
        Collected::Refused(refusal) => refusal.reason.contains("looks like a secret"),
        _ => false,
    });
    refused.map(|((name, _), _)| name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_stopped() {
    // spec: X10b
    let stopped = stopped(changes(false)).await;
    println!("seed: {}\nsecrets stopped: {} of {SECRETS}", seed(), stopped.len());
    let passed =
        changes(false).into_iter().map(|(name, _)| name).filter(|name| !stopped.contains(name));
    assert_eq!(passed.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_changes_with_placeholders_are_collected() {
    // spec: X10b
    let stopped = stopped(changes(true)).await;
    println!("placeholders stopped: {} of {SECRETS}", stopped.len());
    assert_eq!(stopped, [""; 0]);
}
