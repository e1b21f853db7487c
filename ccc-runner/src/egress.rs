//! Egress: the hosts that containers without a network may reach.

pub(crate) mod proxy;
mod public_address;
pub(crate) mod rules;
