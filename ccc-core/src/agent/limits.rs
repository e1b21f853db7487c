//! The limits of an agent's work, and their defaults.

use std::time::Duration;

use crate::setters::setters;

/// The time, turns and money that an agent may use in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentLimits {
    /// Maximum duration of the agent's work, by the wall clock.
    pub wall: Duration,
    /// Maximum time without an event from the agent.
    pub idle: Duration,
    /// Maximum number of model turns; with `None`, only the agent's own limit applies.
    pub turns: Option<u32>,
    /// Maximum cost, in millionths of a US dollar; with `None`, only the agent's own limit applies.
    pub micro_usd: Option<u64>,
}

setters!(AgentLimits {
    /// Sets the maximum duration of the agent's work.
    with_wall: wall: Duration,
    /// Sets the maximum time without an event from the agent.
    with_idle: idle: Duration,
    /// Sets the maximum number of model turns.
    with_turns: turns: impl Into<Option<u32>>,
    /// Sets the maximum cost, in millionths of a US dollar.
    with_micro_usd: micro_usd: impl Into<Option<u64>>,
});

impl Default for AgentLimits {
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(30 * 60),
            idle: Duration::from_secs(15 * 60),
            turns: None,
            micro_usd: None,
        }
    }
}
