//! The command that starts Claude Code: its arguments and its environment. The variables for the
//! model are those of [`model_session`](crate::agent::model_session), further ones are the
//! container runner's.

use ccc_core::RunId;
use ccc_core::agent::AgentLimits;
use ccc_core::container::{Command, EnvValue};

use crate::agent::claude_code::version::Version;
use crate::agent::model_session::dollars;
use crate::model::login::CredentialKind;

/// What Claude Code may do without asking. Nobody is there to be asked: the rest is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Everything. For containers that are isolated themselves.
    All,
    /// Change files in the workspace, run programs that only read, and what these rules of Claude
    /// Code allow: `Bash(cargo test:*)`.
    EditsAnd(Vec<String>),
}

/// The settings of the command.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program, as a name in the container's `PATH` or an absolute path in the container.
    pub(crate) program: String,
    pub(crate) permissions: Permissions,
    /// The model; `None` for the program's own choice.
    pub(crate) model: Option<String>,
}

/// The tools it has: what work on files takes. Not those that schedule, message, fetch, or manage
/// worktrees of a git that the host never reads.
const TOOLS: &str = "Bash,Edit,Glob,Grep,NotebookEdit,Read,Task,TodoWrite,Write";
/// Named once more as forbidden: a list of what there is may be read more widely by a later
/// version.
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
    // A word such as `@/etc/passwd` in an issue would be replaced by that file, before the model or
    // any permission is asked (spec: X12d).
    ("CLAUDE_CODE_DISABLE_ATTACHMENTS", "1"),
    // The plan as one list, which newer versions store in another way.
    ("CLAUDE_CODE_ENABLE_TASKS", "0"),
];

/// The command for one run. The prompt goes to standard input, the run's secret into the
/// environment, and neither among the arguments, which every process of the machine can read (spec:
/// X12d).
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
    // What a repository brings is data: neither its settings and hooks nor its servers and commands
    // (spec: X8).
    with("--setting-sources", "");
    with("--tools", TOOLS);
    with("--disallowedTools", NOT_TOOLS);
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
    for (_, newer) in SINCE.iter().filter(|(since, _)| version >= *since) {
        argv.extend(newer.iter().map(|&argument| argument.to_owned()));
    }
    let mut command = Command::new(argv);
    for (name, value) in QUIET {
        command = command.with_env(*name, EnvValue::Plain((*value).to_owned()));
    }
    if launch.permissions == Permissions::All {
        // Without it, the program refuses to skip its questions as root. The container isolates it.
        command = command.with_env("IS_SANDBOX", EnvValue::Plain("1".to_owned()));
    }
    command
}

/// Returns the environment variable in which Claude Code expects a credential of this kind. The
/// variable also decides how the program addresses the API.
pub(crate) fn credential_variable(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::ApiKey => "ANTHROPIC_API_KEY",
        CredentialKind::OAuthToken => "CLAUDE_CODE_OAUTH_TOKEN",
        CredentialKind::BearerToken => "ANTHROPIC_AUTH_TOKEN",
    }
}
