use std::sync::Mutex;
use std::time::Duration;

use super::lock;
use crate::{Error, ErrorKind, Result};

/// A fault that [`Faults`] injects into a call of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call has no effect and fails with an error of this kind.
    Fail(ErrorKind),
    /// The call has no effect and fails with [`ErrorKind::RateLimited`]. The error asks the caller
    /// to wait for this duration.
    Limit(Duration),
    /// The call has no effect and never returns.
    Hang,
    /// The call has no effect and panics.
    Panic,
    /// The call takes effect and then fails with an error of this kind, as if the response was
    /// lost.
    FailAfter(ErrorKind),
}

/// A plan of at most one injected fault, and a record of the calls of all adapters that share the
/// plan.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
    hanging: tokio::sync::watch::Sender<bool>,
}

/// Reports a call as hanging until the value is dropped.
struct Hanging<'a>(&'a tokio::sync::watch::Sender<bool>);

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<&'static str>,
    plan: Option<(Call, Fault)>,
}

/// The call that a plan makes fail.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// The call with this number.
    Number(usize),
    /// The call with this name after `after` other calls with the name.
    Named { name: &'static str, after: usize },
}

impl Faults {
    /// Returns a plan that injects no fault.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns a plan that injects `fault` into the call with the number `n`. The calls of all
    /// adapters that share the plan are numbered in one sequence, which starts at 0.
    #[must_use]
    pub fn at(n: usize, fault: Fault) -> Self {
        Self::plan(Call::Number(n), fault)
    }

    /// Returns a plan that injects `fault` into the call with the name `name` that follows `after`
    /// other calls with this name. Unlike a number, such a plan does not depend on the order of
    /// calls that a pipeline makes at the same time.
    #[must_use]
    pub fn on(name: &'static str, after: usize, fault: Fault) -> Self {
        Self::plan(Call::Named { name, after }, fault)
    }

    fn plan(call: Call, fault: Fault) -> Self {
        let state = State { calls: Vec::new(), plan: Some((call, fault)) };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// Waits until a call hangs because of [`Fault::Hang`]. Returns at once while a call hangs.
    pub async fn until_a_call_hangs(&self) {
        // The sender is in `self`, so the channel cannot be closed during the wait.
        let _ = self.hanging.subscribe().wait_for(|hanging| *hanging).await;
    }

    /// Returns the names of all recorded calls, such as `vcs_host.permission`, in the order of the
    /// calls. The name of a call about a token contains the token's grant:
    /// `vcs_host.access(read)`.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        lock(&self.state).calls.clone()
    }

    /// Returns how many recorded calls have the name `name`, such as `vcs_host.permission`.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        lock(&self.state).calls.iter().filter(|call| **call == name).count()
    }

    /// Waits until no call hangs because of [`Fault::Hang`]. Returns at once while no call hangs.
    pub async fn until_no_call_hangs(&self) {
        let _ = self.hanging.subscribe().wait_for(|hanging| !*hanging).await;
    }

    /// Records a call with the name `name`. If the plan has a fault for this call's number, injects
    /// the fault. Otherwise, awaits `call` and returns the result of `call`.
    pub(super) async fn around<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let fault = {
            let mut state = lock(&self.state);
            let n = state.calls.len();
            let before = state.calls.iter().filter(|call| **call == name).count();
            state.calls.push(name);
            let is_planned = |call: &Call| match *call {
                Call::Number(number) => number == n,
                Call::Named { name: planned, after } => planned == name && after == before,
            };
            state.plan.filter(|(call, _)| is_planned(call)).map(|(_, fault)| fault)
        };
        let failed = |kind| Error::new(kind, format!("injected fault: the call {name} fails"));
        match fault {
            None => call.await,
            Some(Fault::Fail(kind)) => Err(failed(kind)),
            Some(Fault::Limit(wait)) => Err(failed(ErrorKind::RateLimited).with_retry_after(wait)),
            Some(Fault::Hang) => {
                let _hanging = Hanging(&self.hanging);
                self.hanging.send_replace(true);
                std::future::pending().await
            }
            Some(Fault::Panic) => panic!("injected fault: the call {name} panics"),
            Some(Fault::FailAfter(kind)) => call.await.and(Err(failed(kind))),
        }
    }
}
