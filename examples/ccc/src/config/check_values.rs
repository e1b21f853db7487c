//! The check of the values of settings. It names the place and the form of an invalid value.

use std::collections::BTreeMap;

use ccc_core::Result;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::config::invalid::invalid;
use crate::config::settings::setting;
use crate::config::table::insert;

/// The place where each setting is set: an environment variable, or a line of a file.
pub(super) type Places = BTreeMap<String, String>;

/// Checks that each value in `table` has the type of its setting in the configuration `C`.
///
/// # Errors
/// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) names all settings whose values are invalid,
/// with their places in `places`, and an example of a valid value.
pub(super) fn check_values<C: DeserializeOwned>(table: &Table, places: &Places) -> Result<()> {
    let mut problems = Vec::new();
    for (section, value) in table {
        let settings: Vec<(String, &Value)> = match value {
            Value::Table(keys) => {
                keys.iter().map(|(key, value)| (format!("{section}.{key}"), value)).collect()
            }
            value => vec![(section.clone(), value)],
        };
        problems
            .extend(settings.iter().filter_map(|(key, value)| problem::<C>(key, value, places)));
    }
    if problems.is_empty() { Ok(()) } else { Err(invalid(problems.join("; "))) }
}

/// Returns the problem with the value of the setting `key`, or `None` if the value is valid.
fn problem<C: DeserializeOwned>(key: &str, value: &Value, places: &Places) -> Option<String> {
    let mut alone = Table::new();
    insert(&mut alone, key, value.clone());
    let error = C::deserialize(Value::Table(alone)).err()?;
    let place = places.get(key).map_or("the configuration", String::as_str);
    let expected = setting(key).map_or("another value", |setting| setting.expected);
    // These messages name types of Rust, and they repeat the value.
    let message = match error.message() {
        message if message.starts_with("invalid type") || message.starts_with("invalid value") => {
            String::new()
        }
        message => format!(": {message}"),
    };
    Some(format!(
        "{place}: the value of the setting `{key}` is {}{message}: write {expected}",
        form_of(value)
    ))
}

/// Returns the type of `value` in words.
fn form_of(value: &Value) -> String {
    match value {
        // The text may be a secret that was put into the wrong setting.
        Value::String(_) => "a text".to_owned(),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(value) => format!("{value}"),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}
