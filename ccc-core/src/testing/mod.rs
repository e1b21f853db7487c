//! What tests need: fakes that keep the ports' contracts, faults on demand, and the conformance
//! suites that every adapter must pass. Semver-exempt; never part of a shipped program.
//!
//! | to ask | use |
//! |---|---|
//! | "what does it do when all goes well?" | [`FakeHost`], [`FakeRunner`], [`FakeAgent`] |
//! | "and when call number n fails, hangs or panics?" | the same, wrapped in [`Faulty`] |
//! | "how often is it called, and with what?" | the `Mock…` types beside the ports |
//! | "does my adapter keep the contract?" | [`conformance`] |
//! | "what does the repository hold now?" | [`git`] |
//! | "and when this machine lacks a part?" | [`has_part`] |

pub mod conformance;
mod fake_agent;
mod fake_host;
mod fake_runner;
mod faults;
mod faulty;
mod git;
mod parts;
mod time;

pub use fake_agent::FakeAgent;
pub use fake_host::FakeHost;
pub use fake_runner::FakeRunner;
pub use faults::{Fault, Faults};
pub use faulty::Faulty;
pub use git::git;
pub use parts::has_part;
pub use time::{ManualClock, RecordingObserver};

use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
