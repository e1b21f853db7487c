//! Settings from the environment.

use ccc_core::Result;
use toml::{Table, Value};

use crate::config::invalid::invalid;
use crate::config::setting_names::AS_ELSEWHERE;

/// Returns the variables of this process's environment that are settings.
///
/// # Errors
/// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if one of these variables is not valid UTF-8.
/// Other variables are not checked.
pub fn environment() -> Result<Vec<(String, String)>> {
    let ours = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        name.starts_with("CCC_") || AS_ELSEWHERE.iter().any(|(known, _)| *known == name)
    };
    std::env::vars_os()
        .filter(|(name, _)| ours(name))
        .map(|(name, value)| {
            let shown = name.to_string_lossy().into_owned();
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => Ok((name, value)),
                _ => Err(invalid(format!("the variable {shown} is not valid UTF-8"))),
            }
        })
        .collect()
}

/// Returns the key that a variable sets, such as `github.app_id` for `CCC_GITHUB__APP_ID`. Returns
/// `None` for a variable that is not a setting.
pub(super) fn key_of_variable(name: &str) -> Option<String> {
    match name {
        "CCC_LISTEN" => Some("listen".to_owned()),
        "CCC_DATA_DIR" => Some("data_dir".to_owned()),
        _ => {
            let (section, key) = name.strip_prefix("CCC_")?.split_once("__")?;
            Some(format!("{}.{}", section.to_lowercase(), key.to_lowercase()))
        }
    }
}

/// Returns the value of a variable in the type of its key.
pub(super) fn value_of(key: &str, text: String) -> Value {
    let typed = matches!(
        key.rsplit('.').next(),
        Some(
            "app_id"
                | "concurrency"
                | "wall_seconds"
                | "idle_seconds"
                | "allowed_actors"
                | "on_opened"
                | "protected_names"
                | "max_files"
                | "max_bytes"
                | "write_spacing_ms"
                | "allowed_tools"
                | "max_turns"
                | "images"
                | "setup_hosts"
                | "agent_hosts"
                | "dangerously_unisolated"
                | "dangerously_as_root"
                | "dangerously_unencrypted"
                | "memory_mib"
                | "cpus"
                | "processes"
                | "workspace_mib"
                | "workspace_files"
                | "max_usd"
                | "allowed"
                | "price"
                | "dangerously_without"
        )
    );
    if typed
        && let Ok(table) = format!("value = {text}").parse::<Table>()
        && let Some(value) = table.get("value")
    {
        return value.clone();
    }
    Value::String(text)
}
