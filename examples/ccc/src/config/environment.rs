//! Settings from environment variables.

use ccc_core::Result;
use toml::{Table, Value};

use crate::config::invalid::invalid;
use crate::config::settings::{CLAUDE_CODE_VARIABLES, Form, SETTINGS, setting};

/// Returns the environment variables of this process that can be settings: all variables with the
/// prefix `CCC_`, and the variables of Claude Code that this program uses.
///
/// # Errors
/// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if one of these variables is not valid UTF-8.
/// All other variables are ignored.
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
                _ => Err(invalid(format!(
                    "the environment variable {shown} is not valid UTF-8: set it again, or remove it"
                ))),
            }
        })
        .collect()
}

/// Returns the setting that the environment variable `name` sets, such as `github.app_id` for
/// `CCC_GITHUB__APP_ID`. Returns `None` for a variable whose name does not have the form of a
/// setting.
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

/// Returns a warning if the environment variable `name` begins with `CCC_` but is not a setting.
/// Such a variable is not an error, because Kubernetes also sets variables with this prefix: for
/// example, it sets `CCC_SERVICE_HOST` if the namespace contains a service with the name `ccc`.
pub(super) fn unknown_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("CCC_")?;
    if key_of_variable(name).is_some() || NOT_SETTINGS.contains(&name) || rest.is_empty() {
        return None;
    }
    let distance = |variable: &String| strsim::damerau_levenshtein(variable, name);
    let nearest =
        SETTINGS.iter().map(|setting| variable_of_key(setting.name)).min_by_key(distance)?;
    let hint = match distance(&nearest) {
        0..=3 => format!("; did you mean {nearest}?"),
        _ => String::new(),
    };
    Some(format!("the environment variable {name} is not a setting and is ignored{hint}"))
}

/// Returns the name of the environment variable that sets the setting `key`.
fn variable_of_key(key: &str) -> String {
    format!("CCC_{}", key.replace('.', "__").to_uppercase())
}

/// The variables with the prefix `CCC_` that this program uses, but that are not settings.
/// `CCC_LOG` contains the filter of the log.
const NOT_SETTINGS: &[&str] = &["CCC_LOG"];

/// Returns `text`, the value of an environment variable, as the value of the setting `key`. A
/// value that is not valid TOML is returned as text.
pub(super) fn value_of(key: &str, text: String) -> Value {
    let toml = setting(key).is_some_and(|setting| setting.form == Form::Toml);
    if toml
        && let Ok(table) = format!("value = {text}").parse::<Table>()
        && let Some(value) = table.get("value")
    {
        return value.clone();
    }
    Value::String(text)
}
