//! The check of the values of settings. It names the place and the form of an invalid value.

use std::collections::BTreeMap;

use ccc_core::Result;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::config::invalid::invalid;
use crate::config::settings::setting;
use crate::config::table::insert;

/// The settings with a deserializer of this program. The messages of these deserializers contain no
/// part of a value that is not an address.
const OWN_MESSAGES: &[&str] = &["listen", "server.trusted_proxies"];

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
    // Other messages name types of Rust and repeat the value (spec: S10c).
    let message = match error.message() {
        message if OWN_MESSAGES.contains(&key) && !message.starts_with("invalid ") => {
            format!(": {message}")
        }
        _ => String::new(),
    };
    Some(format!(
        "{place}: the value of the setting `{key}` is {}{message}: write {expected}",
        form_of(value)
    ))
}

/// Returns the type of `value` in words. The value itself may be a secret that was put into the wrong
/// setting (spec: S10c).
fn form_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(number) if *number < 0 => "a negative number",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with a decimal point",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
