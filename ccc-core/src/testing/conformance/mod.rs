//! What every adapter of a port must do, as cases that any crate can run.
//!
//! One macro per port makes a `#[tokio::test]` of every case. Its argument is a function without
//! arguments, or a closure, that gives a future of a fresh fixture; it is called once per case. The
//! crate that uses a macro has tokio, with `macros` and `rt-multi-thread`, among its
//! dev-dependencies. Two uses in one file stand in a module each.
//!
//! | macro | fixture | for |
//! |---|---|---|
//! | [`credential_store_conformance!`](crate::credential_store_conformance) | [`credential_store::Fixture`] | every credential store |
//! | [`container_runner_conformance!`](crate::container_runner_conformance) | [`container_runner::Fixture`] | every container runner, fakes too |
//! | [`processes_conformance!`](crate::processes_conformance) | [`container_runner::Fixture`] | container runners that run real programs |
//! | [`agent_conformance!`](crate::agent_conformance) | [`agent::Fixture`] | every agent |
//! | [`vcs_host_conformance!`](crate::vcs_host_conformance) | [`vcs_host::Fixture`] | every VCS host |
//! | [`run_store_conformance!`](crate::run_store_conformance) | [`run_store::Fixture`] | every run store |
//! | [`clock_conformance!`](crate::clock_conformance) | [`clock::Fixture`] | every clock |
//! | [`observer_conformance!`](crate::observer_conformance) | [`observer::Fixture`] | every observer |
//!
//! A case is a public function, so it can also be called by hand. It panics when the contract is
//! broken, and says how.
//!
//! ```
//! mod fake_runner {
//!     use ccc_core::testing::FakeRunner;
//!     use ccc_core::testing::conformance::container_runner::Fixture;
//!
//!     async fn fresh() -> Fixture {
//!         Fixture::new(FakeRunner::default())
//!     }
//!
//!     ccc_core::container_runner_conformance!(fresh);
//! }
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::{Clock, Error, ErrorKind, SystemClock};

pub mod agent;
pub mod clock;
pub mod container_runner;
pub mod credential_store;
pub mod observer;
pub mod processes;
pub mod run_store;
pub mod vcs_host;

#[cfg(test)]
mod tests;

/// What has to live as long as an adapter under test: a temporary directory, a server.
#[derive(Default)]
pub(crate) struct Kept(Vec<Box<dyn Any + Send + Sync>>);

impl Kept {
    pub(crate) fn push(&mut self, thing: impl Send + Sync + 'static) {
        self.0.push(Box::new(thing));
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} things kept", self.0.len())
    }
}

/// Makes a test of every case that is named; the macros of the ports are made of this one.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($suite:ident, $make:expr, [$($case:ident),* $(,)?]) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fixture = ($make)().await;
                $crate::testing::conformance::$suite::$case(&fixture).await;
            }
        )*
    };
}

/// How long anything may take that has no reason to wait. Long: a loaded machine is no defect.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// The result of `work`; panics when it takes longer than [`BOUND`].
#[allow(clippy::disallowed_methods, reason = "a case that hangs must fail, and by real time")]
pub(crate) async fn bounded<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(BOUND, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not done within {} seconds", BOUND.as_secs()),
    }
}

/// Lets others go on for a moment of real time.
pub(crate) async fn pause() {
    SystemClock.sleep(Duration::from_millis(10)).await;
}

/// Polls the future this often, then drops it wherever it is.
pub(crate) async fn drop_after_polls<F: Future>(polls: usize, future: F) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if futures_util::poll!(future.as_mut()).is_ready() {
            return;
        }
        pause().await;
    }
}

/// Panics unless it failed in this way.
#[track_caller]
pub(crate) fn refused<T>(what: &str, kind: ErrorKind, result: Result<T, Error>) {
    match result {
        Ok(_) => panic!("{what}: went through, and should be refused as {kind}"),
        Err(error) => assert_eq!(error.kind(), kind, "{what}: {error}"),
    }
}
