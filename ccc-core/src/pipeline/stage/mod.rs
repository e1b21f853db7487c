//! The stages of a run, one file each. [`flow`](super::flow) has their order.
//!
//! Accept, the first stage, is [`Dispatcher::admit`](crate::dispatcher::Dispatcher).

pub(super) mod authorize;
pub(super) mod checkout;
pub(super) mod cleanup;
pub(super) mod collect;
pub(super) mod commit;
pub(super) mod provision;
pub(super) mod publish;
pub(super) mod report;
mod setup;
pub(super) mod work;
