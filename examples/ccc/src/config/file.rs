//! The configuration file.

use std::path::Path;

use ccc_core::Result;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use crate::config::check_values::Places;
use crate::config::invalid::invalid;
use crate::config::settings::{ENV_ONLY, check_known};

/// Reads the configuration file `path`. Adds the place of each setting to `places`. Fails if the file
/// contains an unknown setting or a secret.
pub(super) fn read_file(path: &Path, places: &mut Places) -> Result<Table> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        invalid(format!("cannot read the configuration file {}", path.display())).with_source(e)
    })?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        invalid(format!(
            "cannot parse the configuration file {}, line {line}: {}",
            path.display(),
            e.message()
        ))
    })?;
    add_places(path, &text, places);
    for (name, value) in &table {
        let keys: Vec<String> = match value {
            Value::Table(section) => section.keys().map(|key| format!("{name}.{key}")).collect(),
            _ => vec![name.clone()],
        };
        for key in keys {
            let place = places.get(&key).cloned();
            let place = place.unwrap_or_else(|| path.display().to_string());
            check_known(&key, &place)?;
            if ENV_ONLY.contains(&key.as_str()) {
                let instead = match key.as_str() {
                    "github.proxy" => "set CCC_GITHUB__PROXY".to_owned(),
                    key => format!(
                        "put the secret into a separate file, and set `{key}_file` to the path of that file"
                    ),
                };
                return Err(invalid(format!(
                    "{place}: the setting `{key}` is a secret and must not be in this file: {instead}"
                )));
            }
        }
    }
    Ok(table)
}

/// Adds the file and the line of each setting in `text`, the contents of the file `path`.
fn add_places(path: &Path, text: &str, places: &mut Places) {
    let Ok(table) = DeTable::parse(text) else { return };
    let mut add = |key: String, start: usize| {
        let line = text[..start].matches('\n').count() + 1;
        places.insert(key, format!("{}, line {line}", path.display()));
    };
    for (name, value) in table.get_ref() {
        match value.get_ref() {
            DeValue::Table(section) => {
                for key in section.keys() {
                    add(format!("{}.{}", name.get_ref(), key.get_ref()), key.span().start);
                }
            }
            _ => add(name.get_ref().to_string(), name.span().start),
        }
    }
}

/// Returns `named` if it is not `None`. Otherwise returns `ccc.toml` if the current directory
/// contains this file.
pub(super) fn default_file(named: Option<&Path>) -> Option<&Path> {
    let default = Path::new("ccc.toml");
    named.or_else(|| default.exists().then_some(default))
}
