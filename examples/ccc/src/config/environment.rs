//! Settings from the environment.

use ccc_core::Result;
use toml::{Table, Value};

use crate::config::invalid::invalid;
use crate::config::setting_names::{CLAUDE_CODE_VARIABLES, KEYS};

/// Returns the variables of this process's environment that are settings.
///
/// # Errors
/// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if one of these variables is not valid UTF-8.
/// Other variables are not checked.
pub fn environment() -> Result<Vec<(String, String)>> {
    let ours = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        name.starts_with("CCC_") || CLAUDE_CODE_VARIABLES.iter().any(|(known, _)| *known == name)
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

/// Returns a warning for a variable of this program's prefix that is no setting. Such a variable is
/// not an error, because Kubernetes sets variables named after the services of a namespace, such as
/// `CCC_SERVICE_HOST`.
pub(super) fn unknown_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("CCC_")?;
    if key_of_variable(name).is_some() || NOT_SETTINGS.contains(&name) || rest.is_empty() {
        return None;
    }
    let distance = |variable: &String| strsim::damerau_levenshtein(variable, name);
    let nearest = KEYS.iter().map(|key| variable_of_key(key)).min_by_key(distance)?;
    let hint = match distance(&nearest) {
        0..=3 => format!("; did you mean {nearest}?"),
        _ => String::new(),
    };
    Some(format!("the variable {name} is not a setting and is ignored{hint}"))
}

/// Returns the variable that sets a key.
fn variable_of_key(key: &str) -> String {
    format!("CCC_{}", key.replace('.', "__").to_uppercase())
}

/// Variables of this program that are not settings: the filter of the log.
const NOT_SETTINGS: &[&str] = &["CCC_LOG"];

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
