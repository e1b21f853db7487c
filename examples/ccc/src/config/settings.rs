//! All settings, and the forms of their values.

use ccc_core::Result;

use crate::config::invalid::invalid;

/// A setting of the program.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// The form of the value of the environment variable.
    pub(super) form: Form,
    /// The values of the setting, in words, with an example.
    pub(super) expected: &'static str,
}

/// The form of the value of a setting's environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The value itself.
    Text,
    /// A TOML value, such as a number or a list.
    Toml,
}

const fn text(name: &'static str, expected: &'static str) -> Setting {
    Setting { name, form: Form::Text, expected }
}

const fn toml(name: &'static str, expected: &'static str) -> Setting {
    Setting { name, form: Form::Toml, expected }
}

/// All settings. The settings in [`ENV_ONLY`] are refused in the configuration file.
#[rustfmt::skip]
pub(super) const SETTINGS: &[Setting] = &[
    text("listen", "an IP address or localhost, and a port, such as 127.0.0.1:8080"),
    text("data_dir", "a path, such as /var/lib/ccc"),
    toml("server.trusted_proxies", "a list of networks, such as [\"10.0.0.0/8\"]"),
    toml("github.app_id", "a number, such as 12345"),
    text("github.private_key_file", "a path, such as /etc/ccc/app.pem"),
    text("github.private_key", "a private key in PEM form"),
    text("github.webhook_secret_file", "a path, such as /etc/ccc/webhook"),
    text("github.webhook_secret", "a text"),
    text("github.api_url", "a URL, such as https://github.example.com/api/v3"),
    text("github.ca_file", "a path, such as /etc/ccc/ca.pem"),
    text("github.proxy", "a URL, such as http://proxy.example.com:3128"),
    toml("github.write_spacing_ms", "a number of milliseconds, such as 1000"),
    text("github.missed_deliveries", "redeliver or log"),
    text("store.kind", "file, durable-object or memory"),
    text("store.directory", "a path, such as /var/lib/ccc/credentials"),
    text("store.key_file", "a path, such as /etc/ccc/key"),
    text("store.key", "a text"),
    text("store.passphrase_file", "a path, such as /etc/ccc/passphrase"),
    text("store.passphrase", "a text"),
    text("store.url", "a URL, such as https://store.example.com"),
    text("store.secret_file", "a path, such as /etc/ccc/store-secret"),
    text("store.secret", "a text"),
    text("runner.kind", "the name of a runner: docker or subprocess"),
    text("runner.host", "the address of an engine, such as unix:///var/run/docker.sock"),
    text("runner.image", "the name of an image, such as ccc-agent"),
    text("runner.runtime", "the name of a container runtime, such as runsc"),
    text("runner.workspaces", "auto, mounted or copied"),
    toml("runner.memory_mib", "a number of MiB, such as 4096"),
    toml("runner.cpus", "a number of processors, such as 2.0"),
    toml("runner.processes", "a number of processes, such as 1024"),
    toml("runner.workspace_mib", "a number of MiB, such as 8192"),
    toml("runner.workspace_files", "a number of files, such as 500000"),
    toml("runner.dangerously_as_root", "true or false"),
    toml("runner.dangerously_unencrypted", "true or false"),
    text("agent.kind", "the kind of an agent, such as claude"),
    toml("agent.wall_seconds", "a number of seconds, such as 1800"),
    toml("agent.idle_seconds", "a number of seconds, such as 300"),
    text("agent.program", "the name or the path of a program, such as claude"),
    text("agent.model", "the name of a model, such as opus"),
    toml("agent.allowed_tools", "a list of permission rules, such as [\"Bash(cargo test:*)\"]"),
    toml("agent.max_turns", "a number of turns, such as 50"),
    toml("agent.max_usd", "an amount in US dollars, such as 10.0"),
    text("model.url", "a URL, such as https://api.anthropic.com"),
    text("model.ca_file", "a path, such as /etc/ccc/ca.pem"),
    text("model.api_key_file", "a path, such as /etc/ccc/model-key"),
    text("model.api_key", "a text"),
    text("model.oauth_token_file", "a path, such as /etc/ccc/model-token"),
    text("model.oauth_token", "a text"),
    text("model.bearer_token_file", "a path, such as /etc/ccc/model-token"),
    text("model.bearer_token", "a text"),
    toml("model.allowed", "a list of names of models, such as [\"claude-opus-*\"]"),
    toml("model.price", "a list of prices, such as [{ model = \"m\", input = 3.0, output = 15.0 }]"),
    toml("model.dangerously_without", "a list of paths, models, server_tools, mcp_servers, remote_sources and unknown_fields, such as [\"server_tools\"]"),
    text("runs.store", "sqlite or memory"),
    toml("runs.concurrency", "a number of runs, such as 4"),
    toml("runs.attempts", "a number of attempts, such as 5"),
    toml("runs.retention_days", "a number of days of at least 7, such as 90"),
    toml("runs.retention_mib", "a number of MiB of at least 1, such as 1024"),
    text("policy.permission", "none, read, triage, write, maintain or admin"),
    toml("policy.allowed_actors", "a list of the ids of users, such as [583231]"),
    text("policy.label", "the name of a label, such as claude"),
    text("policy.mention", "a mention with its @, such as @claude"),
    toml("policy.on_opened", "true or false"),
    toml("policy.on_reopened", "true or false"),
    text("policy.branch_prefix", "the start of the name of a branch, such as claude/"),
    toml("policy.allow_raw_lfs", "true or false"),
    toml("policy.protected_classes", "a list of ci, agents, editors, hooks, tools and ownership, such as [\"agents\", \"hooks\"]"),
    toml("policy.protected_names", "a list of names, such as [\"deploy/*.sh\"]"),
    toml("policy.max_files", "a number of files, such as 1000"),
    toml("policy.max_bytes", "a number of bytes, such as 10000000"),
    toml("policy.images", "a list of images, such as [\"ccc-agent\"]"),
    toml("policy.setup_hosts", "a list of network hosts, such as [\"crates.io\"]"),
    toml("policy.agent_hosts", "a list of network hosts, such as [\"crates.io\"]"),
    toml("policy.dangerously_unisolated", "true or false"),
];

/// The names of all settings that are secrets. The values of these settings come from environment
/// variables or from separate files, because `ccc.toml` must not contain secrets.
pub(super) const ENV_ONLY: &[&str] = &[
    "github.private_key",
    "github.webhook_secret",
    "github.proxy",
    "store.key",
    "store.passphrase",
    "store.secret",
    "model.api_key",
    "model.oauth_token",
    "model.bearer_token",
];

/// Claude Code's environment variables, and the settings that these variables set. Claude Code's
/// variables apply only if no other setting configures a credential of the model.
pub(super) const CLAUDE_CODE_VARIABLES: &[(&str, &str)] = &[
    ("ANTHROPIC_BASE_URL", "model.url"),
    ("ANTHROPIC_API_KEY", "model.api_key"),
    ("CLAUDE_CODE_OAUTH_TOKEN", "model.oauth_token"),
    ("ANTHROPIC_AUTH_TOKEN", "model.bearer_token"),
];

/// Returns the setting with the name `key`, or `None` if there is no such setting.
pub(super) fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == key)
}

/// Fails if there is no setting with the name `key`. The error message begins with `place`, the file
/// or variable that contains `key`. The message also suggests the most similar setting. A name that
/// resembles no setting is not shown, because it may be a secret.
pub(super) fn check_known(key: &str, place: &str) -> Result<()> {
    if setting(key).is_some() {
        return Ok(());
    }
    let distance = |known: &&Setting| strsim::damerau_levenshtein(known.name, key);
    let nearest = SETTINGS.iter().min_by_key(distance);
    let hint = nearest.map(|known| format!("; did you mean `{}`?", known.name)).unwrap_or_default();
    let shown =
        if resembles_setting(key) { format!("setting `{key}`") } else { UNNAMED.to_owned() };
    Err(invalid(format!("{place}: there is no {shown}{hint}")))
}

/// The words for a setting whose name is not shown.
const UNNAMED: &str = "setting with this name";

/// Returns whether the section and the name in `key` are each similar to those of a setting.
fn resembles_setting(key: &str) -> bool {
    let similar = |part: &str, known: &str| {
        part == known || strsim::normalized_damerau_levenshtein(part, known) > 0.6
    };
    let parts = |key: &str| match key.rsplit_once('.') {
        Some((section, name)) => (section.to_owned(), name.to_owned()),
        None => (String::new(), key.to_owned()),
    };
    let (section, name) = parts(key);
    let known: Vec<_> = SETTINGS.iter().map(|setting| parts(setting.name)).collect();
    known.iter().any(|known| similar(&section, &known.0))
        && known.iter().any(|known| similar(&name, &known.1) || name == known.0)
}
