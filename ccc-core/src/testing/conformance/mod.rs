//! Conformance suites: test cases that every adapter of a port must pass.
//!
//! Each port has a macro that generates one `#[tokio::test]` per case. The macro's argument is a
//! function without parameters, or a closure, that returns a future of a new fixture. Each case
//! calls this function once. The crate that uses a macro needs tokio as a dev-dependency, with the
//! features `macros` and `rt-multi-thread`. If one file uses several of these macros, put each use
//! in its own module, because the names of the tests can be equal.
//!
//! | macro | fixture | adapters |
//! |---|---|---|
//! | [`credential_store_conformance!`](crate::credential_store_conformance) | [`credential_store::Fixture`] | every credential store |
//! | [`container_runner_conformance!`](crate::container_runner_conformance) | [`container_runner::Fixture`] | every container runner, including fakes |
//! | [`processes_conformance!`](crate::processes_conformance) | [`container_runner::Fixture`] | container runners that execute real programs |
//! | [`agent_conformance!`](crate::agent_conformance) | [`agent::Fixture`] | every agent |
//! | [`vcs_host_conformance!`](crate::vcs_host_conformance) | [`vcs_host::Fixture`] | every VCS host |
//! | [`delivery_log_conformance!`](crate::delivery_log_conformance) | [`delivery_log::Fixture`] | every delivery log |
//! | [`run_store_conformance!`](crate::run_store_conformance) | [`run_store::Fixture`] | every run store |
//! | [`run_log_conformance!`](crate::run_log_conformance) | [`run_log::Fixture`] | every run log |
//! | [`clock_conformance!`](crate::clock_conformance) | [`clock::Fixture`] | every clock |
//! | [`observer_conformance!`](crate::observer_conformance) | [`observer::Fixture`] | every observer |
//!
//! With `@run`, a macro generates no tests. Instead, it evaluates to a future that runs all cases:
//! `credential_store_conformance!(@run fresh).await`.
//!
//! A case is a public function and can also be called directly. A case panics if the adapter breaks
//! the contract. The panic message states the broken rule and the adapter's behaviour.
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

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::{Clock, Error, ErrorKind, SystemClock};

pub mod agent;
pub mod clock;
pub mod container_runner;
pub mod credential_store;
pub mod delivery_log;
pub mod observer;
pub mod processes;
pub mod run_log;
pub mod run_store;
pub mod vcs_host;

#[cfg(test)]
mod tests;

/// Values that must live as long as the adapter under test, such as a temporary directory or a
/// server.
#[derive(Default)]
pub(crate) struct KeepAlive(Vec<Box<dyn Any + Send + Sync>>);

impl KeepAlive {
    pub(crate) fn push(&mut self, thing: impl Send + Sync + 'static) {
        self.0.push(Box::new(thing));
    }
}

impl fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values kept alive", self.0.len())
    }
}

/// Generates a test for each listed case. The macros of all ports expand to this macro.
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

/// Evaluates to a future that runs each listed case. The macros of all ports expand to this macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_run {
    ($suite:ident, $make:expr, [$($case:ident),* $(,)?]) => {
        async {
            $(
                let fixture = ($make)().await;
                $crate::testing::conformance::$suite::$case(&fixture).await;
            )*
        }
    };
}

/// Time limit for an operation that has no reason to wait. The limit is long, because slowness of a
/// loaded host machine is not a defect of the adapter.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// Awaits `work`, an operation of the adapter, and returns its result. `what` names the operation
/// in the panic message.
///
/// # Panics
/// If `work` panics or takes longer than [`BOUND`].
#[allow(
    clippy::disallowed_methods,
    reason = "a case that hangs must fail, whatever clock the adapter uses"
)]
pub(crate) async fn bounded<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(BOUND, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => done,
        Ok(Err(panic)) => panic!("{what} must not panic: {}", panic_text(&*panic)),
        Err(_) => panic!("{what} must finish within {} seconds", BOUND.as_secs()),
    }
}

/// Returns the message of a caught panic, or `no message` if the panic value is not a string.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Waits for 10 ms, so that other tasks can continue.
pub(crate) async fn pause() {
    SystemClock.sleep(Duration::from_millis(10)).await;
}

/// Polls `future` at most `polls` times, with a pause of 10 ms after each poll, and then drops
/// `future`, even if it has not completed.
pub(crate) async fn drop_after_polls<F: Future>(polls: usize, future: F) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if futures_util::poll!(future.as_mut()).is_ready() {
            return;
        }
        pause().await;
    }
}

/// Panics if `result` is not an error of `kind`. `what` names the failed call in the panic message.
#[track_caller]
pub(crate) fn assert_fails_with<T>(what: &str, kind: ErrorKind, result: Result<T, Error>) {
    match result {
        Ok(_) => panic!("{what} must fail with the error kind {kind:?}, but succeeded"),
        Err(error) => assert_eq!(
            error.kind(),
            kind,
            "{what} must fail with the error kind {kind:?}, but the error is: {error}"
        ),
    }
}
