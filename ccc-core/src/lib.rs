#![doc = include_str!("../README.md")]

/// Reaches a fault point for an `Option<RunId>`, if the feature `failpoints` is enabled.
#[cfg(feature = "git")]
macro_rules! fault_point {
    ($run:expr, $($name:tt)*) => {
        #[cfg(feature = "failpoints")]
        crate::fault_points::reach(&format!($($name)*), $run)
    };
}

pub mod agent;
pub mod branch_name;
pub mod clock;
pub mod container;
pub mod credential;
pub mod delivery_log;
pub mod egress;
mod error;
pub mod event;
#[cfg(feature = "failpoints")]
pub mod fault_points;
#[cfg(feature = "git")]
mod file_name;
pub mod id;
pub mod intake;
mod joiner;
mod json;
pub mod observe;
pub mod policy;
#[cfg(unix)]
pub mod private_dir;
pub mod progress;
pub mod reconciler;
mod remedy;
mod repeated_line;
pub mod run;
pub mod run_log;
pub mod run_store;
mod secret;
mod setters;
pub mod stage;
pub mod untrusted_text;
pub mod vcs;

#[cfg(feature = "git")]
pub mod dispatcher;
#[cfg(feature = "git")]
pub mod git;
#[cfg(feature = "git")]
pub mod pipeline;
#[cfg(feature = "git")]
pub mod prompt;
#[cfg(feature = "git")]
pub mod remove_tree;
#[cfg(feature = "git")]
pub mod secret_scan;
#[cfg(feature = "testing")]
pub mod testing;

pub use agent::Agent;
/// The attribute macro with which this crate defines its asynchronous port traits, such as
/// [`Agent`]. Every `impl` of one of these traits also needs this macro.
pub use async_trait::async_trait;
pub use branch_name::{BranchName, BranchPrefix};
pub use clock::Clock;
#[cfg(not(target_arch = "wasm32"))]
pub use clock::SystemClock;
pub use container::{Container, ContainerExt, ContainerRunner};
pub use credential::{CredentialKey, CredentialStore};
pub use delivery_log::DeliveryLog;
pub use error::{Error, ErrorKind, Result};
pub use event::IssueEvent;
pub use id::{DeliveryId, ObjectId, RunId};
pub use intake::Intake;
/// The crate that defines `Timestamp`, a type in the API of `ccc_core`. An adapter that imports
/// `jiff` through `ccc_core` always has the version that `ccc_core` uses.
pub use jiff;
pub use observe::Observer;
#[cfg(feature = "git")]
pub use pipeline::Pipeline;
pub use progress::Progress;
pub use remedy::Remedy;
pub use repeated_line::{MoreLines, RepeatedLine};
pub use run::Outcome;
pub use run_log::RunLog;
pub use run_store::RunStore;
pub use secret::Secret;
pub use stage::Stage;
/// The token with which the caller of a pipeline cancels a run.
#[doc(no_inline)]
pub use tokio_util::sync::CancellationToken;
pub use vcs::VcsHost;
