use std::sync::Mutex;
use std::time::Duration;

use super::lock;
use crate::{Error, ErrorKind, Result};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails.
    Fail(ErrorKind),
    /// The call is refused: there is nothing left for us for this long.
    Limit(Duration),
    /// The call never ends.
    Hang,
    /// The call panics.
    Panic,
    /// The call takes effect, and fails all the same: the answer was lost.
    FailAfter(ErrorKind),
}

/// Which call goes wrong, counted over everything that shares this; and what was called.
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<&'static str>,
    plan: Option<(usize, Fault)>,
}

impl Faults {
    /// Nothing goes wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Call number `n`, counted from 0, goes wrong.
    #[must_use]
    pub fn at(n: usize, fault: Fault) -> Self {
        Self { state: Mutex::new(State { calls: Vec::new(), plan: Some((n, fault)) }) }
    }

    /// What was called so far, such as `vcs_host.permission`.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        lock(&self.state).calls.clone()
    }

    /// How often `name` was called.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        lock(&self.state).calls.iter().filter(|call| **call == name).count()
    }

    /// Counts the call, and does what was planned for it.
    pub(super) async fn around<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let fault = {
            let mut state = lock(&self.state);
            let n = state.calls.len();
            state.calls.push(name);
            state.plan.filter(|(at, _)| *at == n).map(|(_, fault)| fault)
        };
        let failed = |kind| Error::new(kind, format!("planned: {name} fails"));
        match fault {
            None => call.await,
            Some(Fault::Fail(kind)) => Err(failed(kind)),
            Some(Fault::Limit(wait)) => Err(failed(ErrorKind::RateLimited).with_retry_after(wait)),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Panic) => panic!("planned: {name} panics"),
            Some(Fault::FailAfter(kind)) => call.await.and(Err(failed(kind))),
        }
    }
}
