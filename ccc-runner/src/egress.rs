//! Egress proxy: access to permitted hosts for containers without a network.

pub(crate) mod proxy;
mod public_address;
pub(crate) mod rules;
