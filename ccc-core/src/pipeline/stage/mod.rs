//! The stages of a run, except the first stage, Accept. [`flow`](super::flow) defines the order of
//! the stages.
//!
//! The method `admit` of the [`Dispatcher`](crate::dispatcher::Dispatcher) executes Accept.

mod authorize;
mod checkout;
mod cleanup;
mod collect;
mod commit;
mod provision;
mod publish;
mod published_before;
mod report;
mod setup;
mod work;

pub(super) use authorize::authorize;
pub(super) use checkout::checkout;
pub(super) use cleanup::{Retain, cleanup};
pub(super) use collect::{answer, collect};
pub(super) use commit::commit;
pub(super) use provision::provision;
pub(super) use publish::{opened, publish};
pub(super) use published_before::or_published_before;
pub(super) use report::{announce, report};
pub(super) use work::work;
