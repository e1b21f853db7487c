//! The names of all settings.

use ccc_core::Result;

use crate::config::invalid::invalid;

/// The names of all settings. The settings in [`ENV_ONLY`] are refused in the configuration file.
pub(super) const KEYS: &[&str] = &[
    "listen",
    "data_dir",
    "server.trusted_proxies",
    "github.app_id",
    "github.private_key_file",
    "github.private_key",
    "github.webhook_secret_file",
    "github.webhook_secret",
    "github.api_url",
    "github.ca_file",
    "github.proxy",
    "github.write_spacing_ms",
    "store.kind",
    "store.directory",
    "store.key_file",
    "store.key",
    "store.passphrase_file",
    "store.passphrase",
    "store.url",
    "store.secret_file",
    "store.secret",
    "runner.kind",
    "runner.host",
    "runner.image",
    "runner.runtime",
    "runner.workspaces",
    "runner.memory_mib",
    "runner.cpus",
    "runner.processes",
    "runner.workspace_mib",
    "runner.workspace_files",
    "runner.dangerously_as_root",
    "runner.dangerously_unencrypted",
    "agent.kind",
    "agent.wall_seconds",
    "agent.idle_seconds",
    "agent.program",
    "agent.model",
    "agent.allowed_tools",
    "agent.max_turns",
    "agent.max_usd",
    "model.url",
    "model.ca_file",
    "model.api_key_file",
    "model.api_key",
    "model.oauth_token_file",
    "model.oauth_token",
    "model.bearer_token_file",
    "model.bearer_token",
    "model.allowed",
    "model.price",
    "model.dangerously_without",
    "runs.concurrency",
    "policy.permission",
    "policy.allowed_actors",
    "policy.label",
    "policy.mention",
    "policy.on_opened",
    "policy.on_reopened",
    "policy.protected_classes",
    "policy.protected_names",
    "policy.max_files",
    "policy.max_bytes",
    "policy.images",
    "policy.setup_hosts",
    "policy.agent_hosts",
    "policy.dangerously_unisolated",
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

/// Fails if there is no setting with the name `key`. The error message begins with `place`, which
/// says where `key` was found. The message also suggests the most similar setting.
pub(super) fn check_known(key: &str, place: &str) -> Result<()> {
    if KEYS.contains(&key) {
        return Ok(());
    }
    let nearest = KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(known, key));
    let hint = nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    Err(invalid(format!("{place}: there is no setting `{key}`{hint}")))
}
