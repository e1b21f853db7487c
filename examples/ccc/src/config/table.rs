//! Access to settings as TOML values, before they have their types.

use ccc_core::Secret;
use toml::{Table, Value};

/// Returns whether these settings contain a credential of the model, or the file of one.
pub(super) fn names_credential(table: &Table) -> bool {
    let names = ["api_key", "oauth_token", "bearer_token"];
    let model = table.get("model").and_then(Value::as_table);
    model.is_some_and(|model| {
        names
            .iter()
            .any(|name| model.contains_key(*name) || model.contains_key(&format!("{name}_file")))
    })
}

/// Returns a secret by its section and key.
pub(super) fn take(secrets: &Table, section: &str, key: &str) -> Option<Secret> {
    secrets.get(section)?.get(key)?.as_str().map(Secret::from)
}

/// Sets `SECTION.KEY`, or `KEY`, to a value.
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
