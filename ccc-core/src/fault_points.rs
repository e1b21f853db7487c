//! Fault points: places between a durable write, an external effect and the next step, at which a test
//! program can end the process (spec: Q15).
//!
//! No shipped program enables the feature `failpoints`. Without it, a fault point contains no code.

use std::sync::OnceLock;

use crate::RunId;

/// The name of each fault point, in the order in which a run reaches them.
pub const NAMES: &[&str] = &[
    "accept.begin",
    "accept.stored",
    "claim.begin",
    "claim.stored",
    "authorize.begin",
    "authorize.done",
    "authorize.stored",
    "checkout.begin",
    "checkout.done",
    "checkout.stored",
    "provision.begin",
    "provision.done",
    "provision.stored",
    "work.begin",
    "work.done",
    "work.stored",
    "collect.begin",
    "collect.done",
    "collect.stored",
    "commit.begin",
    "commit.done",
    "commit.stored",
    "publish.begin",
    "publish.pushed",
    "publish.opened",
    "publish.done",
    "publish.stored",
    "report.begin",
    "report.done",
    "finish.begin",
    "finish.stored",
    "cleanup.begin",
    "cleanup.done",
];

/// A function that is called with the name of a fault point, and with the run if it is known.
pub type Hook = Box<dyn Fn(&str, Option<RunId>) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Sets the function that is called each time that a fault point is reached, on the thread of the run.
/// Only the first call has an effect.
pub fn set_hook(hook: Hook) {
    let _ = HOOK.set(hook);
}

/// Reports that a run has reached the fault point `name`.
pub(crate) fn reach(name: &str, run: Option<RunId>) {
    if let Some(hook) = HOOK.get() {
        hook(name, run);
    }
}
