//! Who edits, and how much of it.

use ccc_core::agent::AgentLimits;
use ccc_core::{Result, pipeline::Limits};
use serde::Deserialize;

use crate::config::invalid::invalid;

/// What a run may spend when nobody has said: enough for most issues, and no fortune.
const MAX_USD: f64 = 10.0;

/// Who edits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    /// `claude`, `scripted:FILE` or `command:ARGV…`.
    pub kind: Option<String>,
    /// The longest that it may work.
    pub wall_seconds: Option<u64>,
    /// The longest that it may be silent.
    pub idle_seconds: Option<u64>,
    /// Claude Code, where it is not `claude` in the `PATH`.
    pub program: Option<String>,
    /// The model that Claude Code is to use.
    pub model: Option<String>,
    /// What Claude Code may do beyond changing files, as rules of its own: `Bash(cargo test:*)`.
    pub allowed_tools: Vec<String>,
    /// The most turns of the model.
    pub max_turns: Option<u32>,
    /// The most money that one run may spend, US dollars; 10 unless said otherwise.
    pub max_usd: Option<f64>,
}

impl AgentConfig {
    /// Puts what is set in place of the defaults.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for an amount of money that
    /// is none.
    pub fn limit(&self, limits: &mut Limits) -> Result<()> {
        let seconds = std::time::Duration::from_secs;
        let agent: &mut AgentLimits = &mut limits.agent;
        agent.wall = self.wall_seconds.map_or(agent.wall, seconds);
        agent.idle = self.idle_seconds.map_or(agent.idle, seconds);
        agent.turns = self.max_turns.or(agent.turns);
        if agent.turns == Some(0) {
            return Err(invalid("agent.max_turns is 0: then nothing can be done".to_owned()));
        }
        let usd = self.max_usd.unwrap_or(MAX_USD);
        // Less than a cent buys nothing.
        if !(0.01..=1e9).contains(&usd) {
            return Err(invalid(format!(
                "agent.max_usd is {usd}, which is no amount to work with"
            )));
        }
        agent.micro_usd = Some((usd * 1e6).round() as u64);
        limits.run = limits.run.max(limits.agent.wall + limits.stage * 4);
        Ok(())
    }
}
