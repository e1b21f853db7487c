//! The limits of an agent's work, and their defaults.

use std::time::Duration;

use crate::setters::setters;

/// The time, turns and money that an agent may use in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentLimits {
    /// Wall clock.
    pub wall: Duration,
    /// Longest silence.
    pub idle: Duration,
    /// Turns of the model; `None` leaves it to the agent.
    pub turns: Option<u32>,
    /// Money, in millionths of a US dollar; `None` leaves it to the agent.
    pub micro_usd: Option<u64>,
}

setters!(AgentLimits {
    /// Sets the longest time that the agent works.
    with_wall: wall: Duration,
    /// Sets the longest time without a sign of life.
    with_idle: idle: Duration,
    /// Sets the most turns of the model.
    with_turns: turns: impl Into<Option<u32>>,
    /// Sets the most money, in millionths of a US dollar.
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
