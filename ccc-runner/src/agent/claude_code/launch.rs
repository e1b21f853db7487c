//! The command that starts Claude Code: arguments and environment variables.
//! [`model_session`](crate::agent::model_session) adds the variables for access to the model, and
//! the container runner adds variables such as `HOME`.

use ccc_core::RunId;
use ccc_core::agent::AgentLimits;
use ccc_core::container::{Command, EnvValue};

use crate::agent::claude_code::version::Version;
use crate::model::login::CredentialKind;
use crate::model::price::{Price, dollars};

/// The tool uses that Claude Code may perform. Every other tool use is denied, because no user is
/// present to answer a request for permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Every tool use is permitted. Choose this only for an isolated container.
    All,
    /// Claude Code may change files in the workspace and execute commands that only read. The
    /// listed permission rules, such as `Bash(cargo test:*)`, permit further tool uses.
    EditsAnd(Vec<String>),
}

/// The settings from which the command of Claude Code is built.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program, as a name in the container's `PATH` or an absolute path in the container.
    pub(crate) program: String,
    pub(crate) permissions: Permissions,
    /// The name or alias of the model. `None` lets Claude Code choose the model.
    pub(crate) model: Option<String>,
}

/// The tools that are available to Claude Code: tools that work on files and execute commands.
/// Tools that schedule tasks, send messages, fetch from the network or manage git worktrees are
/// excluded. (Worktrees have no use, because the host machine never reads the container's git
/// directory.)
const TOOLS: &str = "Bash,Edit,Glob,Grep,NotebookEdit,Read,Task,TodoWrite,Write";
/// Tools that are denied explicitly. [`TOOLS`] already excludes them, but a later version of Claude
/// Code could make tools available that `TOOLS` does not name.
const DENIED_TOOLS: &str = "WebFetch,WebSearch";

/// Arguments that only some of the supported versions of Claude Code accept. Each row contains a
/// list of arguments, and the first version that accepts them.
const VERSIONED_ARGUMENTS: &[(Version, &[&str])] = &[
    // The run is not interactive: deny every request for permission.
    (Version(2, 1, 330), &["--permission-prompts", "none"]),
];

/// Environment variables for Claude Code. They disable updates, nonessential network traffic and
/// attachments (files that Claude Code would insert into the prompt). `CLAUDE_CODE_ENABLE_TASKS`
/// selects the format in which Claude Code reports its plan.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("DISABLE_TELEMETRY", "1"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    // Without this, Claude Code replaces a word such as `@/etc/passwd` in an issue by that file's
    // content. It does so before it asks the model or checks any permission (spec: X12d).
    ("CLAUDE_CODE_DISABLE_ATTACHMENTS", "1"),
    // Report the agent's plan as one list. By default, newer versions of Claude Code use another
    // format.
    ("CLAUDE_CODE_ENABLE_TASKS", "0"),
];

/// Builds the command that starts Claude Code for `run`. The caller adds the prompt as standard
/// input, and the run's secret as an environment variable. The prompt and the secret must not be
/// arguments, because every process on the host machine can read arguments (spec: X12d).
pub(crate) fn command(
    launch: &Launch,
    version: Version,
    run: RunId,
    limits: &AgentLimits,
) -> Command {
    let mut argv: Vec<String> =
        [&launch.program, "-p", "--output-format", "stream-json", "--verbose"]
            .map(str::to_owned)
            .into();
    let mut with = |flag: &str, value: &str| argv.extend([flag.to_owned(), value.to_owned()]);
    // The repository's settings, hooks, MCP servers and commands are untrusted data and are not
    // loaded (spec: X8).
    with("--setting-sources", "");
    with("--tools", TOOLS);
    with("--disallowedTools", DENIED_TOOLS);
    with("--session-id", &run.to_string());
    match &launch.permissions {
        Permissions::All => with("--permission-mode", "bypassPermissions"),
        Permissions::EditsAnd(allowed) => {
            with("--permission-mode", "acceptEdits");
            if !allowed.is_empty() {
                with("--allowedTools", &allowed.join(","));
            }
        }
    }
    if let Some(model) = &launch.model {
        with("--model", model);
    }
    if let Some(turns) = limits.turns {
        with("--max-turns", &turns.to_string());
    }
    if let Some(micro_usd) = limits.micro_usd {
        with("--max-budget-usd", &dollars(micro_usd));
    }
    argv.extend(["--strict-mcp-config", "--disable-slash-commands"].map(str::to_owned));
    for (_, newer) in VERSIONED_ARGUMENTS.iter().filter(|(since, _)| version >= *since) {
        argv.extend(newer.iter().map(|&argument| argument.to_owned()));
    }
    let mut command = Command::new(argv);
    for (name, value) in ENVIRONMENT {
        command = command.with_env(*name, EnvValue::Plain((*value).to_owned()));
    }
    if launch.permissions == Permissions::All {
        // Without this variable, Claude Code refuses to skip permission prompts if its user is
        // root. The container isolates Claude Code.
        command = command.with_env("IS_SANDBOX", EnvValue::Plain("1".to_owned()));
    }
    command
}

/// The number of output tokens that Claude Code requests by default.
const DEFAULT_OUTPUT: u64 = 32_000;
/// The smallest number of output tokens with which Claude Code can edit files.
const LEAST_OUTPUT: u64 = 4_096;
/// The fraction of the spending limit that the output of one request may cost.
const OUTPUT_SHARE: u64 = 4;

impl Launch {
    /// Returns the name by which the price of the model is found. The result is empty if Claude
    /// Code chooses the model. The price table has no row for an empty name or an alias such as
    /// `opus`, and then uses its highest prices. The model that Claude Code chooses is not known
    /// here. With a price that is too low, its first request would not fit within the spending
    /// limit.
    pub(crate) fn priced_model(&self) -> &str {
        self.model.as_deref().unwrap_or_default()
    }
}

/// Returns the number of output tokens that Claude Code may request at once, or `None` if that is
/// its default. The model proxy reserves the cost of all requested output before it forwards a
/// request. With a low spending limit and the default number, the first request would not fit.
/// `micro_usd` is the spending limit, in millionths of a US dollar.
pub(crate) fn max_output_tokens(micro_usd: u64, price: Price) -> Option<u64> {
    let share = u128::from(micro_usd / OUTPUT_SHARE) * 1_000_000;
    let tokens = share.checked_div(u128::from(price.output))?;
    let tokens = u64::try_from(tokens).unwrap_or(u64::MAX).max(LEAST_OUTPUT);
    (tokens < DEFAULT_OUTPUT).then_some(tokens)
}

/// Returns the environment variable from which Claude Code reads a credential of `kind`. The
/// variable also determines how Claude Code authenticates its requests to the API.
pub(crate) fn credential_variable(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::ApiKey => "ANTHROPIC_API_KEY",
        CredentialKind::OAuthToken => "CLAUDE_CODE_OAUTH_TOKEN",
        CredentialKind::BearerToken => "ANTHROPIC_AUTH_TOKEN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::pattern::ModelPattern;
    use crate::model::price::PriceTable;

    #[test]
    fn a_model_that_is_not_known_has_the_highest_price() {
        // spec: X3d
        let row = (ModelPattern::new("fable"), Price::from_dollars(9.0, 45.0));
        let prices = PriceTable::default().with([row]);
        for (model, output) in [
            (None, 75_000_000),
            (Some("opus"), 75_000_000),
            (Some("sonnet"), 75_000_000),
            (Some("default"), 75_000_000),
            (Some("opus[1m]"), 75_000_000),
            (Some("anthropic/claude-opus-5"), 75_000_000),
            (Some(""), 75_000_000),
            // The operator has configured a price for this alias.
            (Some("fable"), 45_000_000),
            (Some("claude-opus-5"), 20_000_000),
            (Some("claude-haiku-5-5"), 500_000),
        ] {
            let launch = Launch {
                program: "claude".into(),
                permissions: Permissions::All,
                model: model.map(str::to_owned),
            };
            assert_eq!(prices.price(launch.priced_model()).output, output, "{model:?}");
        }
    }

    #[test]
    fn a_low_spending_limit_lowers_the_output_that_is_requested() {
        let price = Price::from_dollars(5.0, 25.0);
        for (micro_usd, expected) in [
            (10_000_000, None),
            (3_200_000, None),
            (3_000_000, Some(30_000)),
            (1_000_000, Some(10_000)),
            (10_000, Some(4_096)),
            (0, Some(4_096)),
            (u64::MAX, None),
        ] {
            assert_eq!(max_output_tokens(micro_usd, price), expected, "{micro_usd}");
        }
        assert_eq!(max_output_tokens(10_000, Price::new(0, 0)), None);
    }
}
