//! How Claude Code is started: its arguments and its environment.

use ccc_core::RunId;
use ccc_core::agent::AgentLimits;
use ccc_core::container::{Command, EnvValue};

use super::version::Version;
use super::{ClaudeCode, Permissions};
use crate::model_login::dollars;

/// The tools it has: what work on files takes. Not those that schedule, message, fetch, or manage
/// worktrees of a git that the host never reads.
const TOOLS: &str = "Bash,Edit,Glob,Grep,NotebookEdit,Read,Task,TodoWrite,Write";
/// Named once more as forbidden: a list of what there is may be read more widely by a later version.
const NOT_TOOLS: &str = "WebFetch,WebSearch";

/// Arguments that newer versions know, and since when.
const SINCE: &[(Version, &[&str])] = &[
    // Nobody is there to be asked: what would ask is denied.
    (Version(2, 1, 330), &["--permission-prompts", "none"]),
];

/// Nothing goes out but what the work needs, and nothing changes under it.
const QUIET: &[(&str, &str)] = &[
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("DISABLE_TELEMETRY", "1"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    // A word such as `@/etc/passwd` in an issue would be replaced by that file, before the model or any
    // permission is asked (spec: X12d).
    ("CLAUDE_CODE_DISABLE_ATTACHMENTS", "1"),
    // The plan as one list, which newer versions keep in another way.
    ("CLAUDE_CODE_ENABLE_TASKS", "0"),
];

/// The command for one run. The prompt goes to standard input, the run's secret into the environment,
/// and neither among the arguments, which every process of the machine can read (spec: X12d).
pub(super) fn command(
    agent: &ClaudeCode,
    version: Version,
    run: RunId,
    limits: &AgentLimits,
) -> Command {
    let mut argv: Vec<String> =
        [&agent.program, "-p", "--output-format", "stream-json", "--verbose"]
            .map(str::to_owned)
            .into();
    let mut with = |flag: &str, value: &str| argv.extend([flag.to_owned(), value.to_owned()]);
    // What a repository brings is data: neither its settings and hooks nor its servers and commands
    // (spec: X8).
    with("--setting-sources", "");
    with("--tools", TOOLS);
    with("--disallowedTools", NOT_TOOLS);
    with("--session-id", &run.to_string());
    match &agent.permissions {
        Permissions::All => with("--permission-mode", "bypassPermissions"),
        Permissions::EditsAnd(allowed) => {
            with("--permission-mode", "acceptEdits");
            if !allowed.is_empty() {
                with("--allowedTools", &allowed.join(","));
            }
        }
    }
    if let Some(model) = &agent.model {
        with("--model", model);
    }
    if let Some(turns) = limits.turns {
        with("--max-turns", &turns.to_string());
    }
    if let Some(micro_usd) = limits.micro_usd {
        with("--max-budget-usd", &dollars(micro_usd));
    }
    argv.extend(["--strict-mcp-config", "--disable-slash-commands"].map(str::to_owned));
    for (_, newer) in SINCE.iter().filter(|(since, _)| version >= *since) {
        argv.extend(newer.iter().map(|&argument| argument.to_owned()));
    }
    let mut command = Command::new(argv);
    for (name, value) in QUIET {
        command = command.with_env(*name, EnvValue::Plain((*value).to_owned()));
    }
    if agent.permissions == Permissions::All {
        // It refuses to skip its questions as root otherwise. The walls are the container's.
        command = command.with_env("IS_SANDBOX", EnvValue::Plain("1".to_owned()));
    }
    command
}
