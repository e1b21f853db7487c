//! Access to settings as TOML values, before these values are converted to the types of the
//! settings.

use ccc_core::Secret;
use toml::{Table, Value};

/// Returns whether the settings in `table` contain a credential of the model, or the path of a file
/// with such a credential.
pub(super) fn names_credential(table: &Table) -> bool {
    let names = ["api_key", "oauth_token", "bearer_token"];
    let model = table.get("model").and_then(Value::as_table);
    model.is_some_and(|model| {
        names
            .iter()
            .any(|name| model.contains_key(*name) || model.contains_key(&format!("{name}_file")))
    })
}

/// Returns the secret `key` of the section `section`, or `None` if `secrets` does not contain it.
pub(super) fn take(secrets: &Table, section: &str, key: &str) -> Option<Secret> {
    secrets.get(section)?.get(key)?.as_str().map(Secret::from)
}

/// Sets the setting `key`, which has the form `SECTION.KEY` or `KEY`, to `value`.
pub(super) fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value);
            }
        }
    }
}
