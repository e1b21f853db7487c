//! Settings of the agent, and the limits of the agent.

use ccc_core::agent::AgentLimits;
use ccc_core::{Result, pipeline::Limits};
use serde::Deserialize;

use crate::config::invalid::invalid;

/// Default of the maximum amount of money that a run can spend, in US dollars. This amount is
/// enough for most issues.
const MAX_USD: f64 = 10.0;

/// Settings of the agent, and the limits of the agent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AgentConfig {
    /// The kind of agent: `claude`, `scripted:FILE` or `command:ARGV…`.
    pub kind: Option<String>,
    /// Maximum time that the agent works on one issue, in seconds.
    pub wall_seconds: Option<u64>,
    /// Maximum time without output from the agent, in seconds.
    pub idle_seconds: Option<u64>,
    /// The program of Claude Code: an absolute path, or a name in `PATH`. Default: `claude`.
    pub program: Option<String>,
    /// The name of the model that Claude Code uses. Default: Claude Code selects the model.
    pub model: Option<String>,
    /// Claude Code's permission rules for actions other than changing files, such as `Bash(cargo
    /// test:*)`. The rules apply only with a runner that does not isolate the agent, because an
    /// isolated agent may perform all actions.
    pub allowed_tools: Vec<String>,
    /// Maximum number of turns of the model in one run.
    pub max_turns: Option<u32>,
    /// Maximum amount of money that one run can spend, in US dollars. Default: 10.
    pub max_usd: Option<f64>,
}

impl AgentConfig {
    /// Returns the kind of the agent.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `agent.kind` is not set.
    pub(crate) fn required_kind(&self) -> Result<&str> {
        self.kind.as_deref().ok_or_else(|| {
            invalid(
                "no agent is configured: set agent.kind or CCC_AGENT__KIND to `claude`, `scripted:FILE` or \
                 `command:ARGV…`"
                    .to_owned(),
            )
        })
    }

    /// Copies the configured limits to `limits`. Raises the time limit of the whole run if that
    /// limit is too short for the agent's time limit.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](ccc_core::ErrorKind::InvalidInput) for zero turns, and for an
    /// amount of money below one cent or above a billion dollars.
    pub fn limit(&self, limits: &mut Limits) -> Result<()> {
        let seconds = std::time::Duration::from_secs;
        let agent: &mut AgentLimits = &mut limits.agent;
        agent.wall = self.wall_seconds.map_or(agent.wall, seconds);
        agent.idle = self.idle_seconds.map_or(agent.idle, seconds);
        agent.turns = self.max_turns.or(agent.turns);
        if agent.turns == Some(0) {
            return Err(invalid("agent.max_turns is 0: set it to 1 or more".to_owned()));
        }
        let usd = self.max_usd.unwrap_or(MAX_USD);
        // An agent cannot do any work for less than a cent.
        if !(0.01..=1e9).contains(&usd) {
            let line =
                "agent.max_usd is out of range: set an amount from 0.01 to 1000000000 US dollars";
            return Err(invalid(line.to_owned()));
        }
        agent.micro_usd = Some((usd * 1e6).round() as u64);
        limits.run = limits.run.max(limits.agent.wall + limits.stage * 4);
        Ok(())
    }
}
