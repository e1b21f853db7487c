//! Test support: fakes that conform to the ports' contracts, injected faults, and the conformance
//! suites that every adapter must pass. This module is exempt from semantic versioning and must not
//! be part of a shipped program.
//!
//! | to test | use |
//! |---|---|
//! | an agent or an observer in a whole pipeline | [`Fakes`] |
//! | the behaviour if every call succeeds | [`FakeHost`], [`FakeRunner`], [`FakeAgent`], [`FakeCredentialStore`], [`FakeDeliveryLog`] |
//! | the behaviour if call number `n` fails, hangs or panics | a fake wrapped in [`Faulty`] |
//! | the number and the arguments of calls | [`MockVcsHost`] and the other `Mock…` types |
//! | an adapter against the contract of its port | [`conformance`] |
//! | the contents of a repository | [`git`] |
//! | code that needs an optional part of the host machine, such as a container engine | [`has_part`] |

pub mod conformance;
mod fake_agent;
mod fake_credential_store;
mod fake_delivery_log;
mod fake_host;
mod fake_runner;
mod fakes;
mod faults;
mod faulty;
mod git;
mod mocks;
mod parts;
mod time;

pub use fake_agent::FakeAgent;
pub use fake_credential_store::FakeCredentialStore;
pub use fake_delivery_log::FakeDeliveryLog;
pub use fake_host::FakeHost;
pub use fake_runner::FakeRunner;
pub use fakes::Fakes;
pub use faults::{Fault, Faults};
pub use faulty::Faulty;
pub use git::git;
pub use mocks::{
    MockClock, MockContainerRunner, MockCredentialStore, MockDeliveryLog, MockIntake, MockObserver,
    MockRunLog, MockRunStore, MockVcsHost,
};
pub use parts::has_part;
pub use time::{ManualClock, RecordingObserver};

use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
