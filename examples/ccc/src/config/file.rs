//! The configuration file.

use std::path::Path;

use ccc_core::Result;
use toml::{Table, Value};

use crate::config::invalid::invalid;
use crate::config::setting_names::{ENV_ONLY, check_known};

/// Reads the configuration file `path`. Fails if the file contains an unknown setting or a secret.
pub(super) fn read_file(path: &Path) -> Result<Table> {
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
    for (name, value) in &table {
        let keys: Vec<String> = match value {
            Value::Table(section) => section.keys().map(|key| format!("{name}.{key}")).collect(),
            _ => vec![name.clone()],
        };
        for key in keys {
            check_known(&key, &path.display().to_string())?;
            if ENV_ONLY.contains(&key.as_str()) {
                let instead = match key.as_str() {
                    "github.proxy" => "set CCC_GITHUB__PROXY".to_owned(),
                    key => format!(
                        "put the secret into a separate file, and set `{key}_file` to the path of that file"
                    ),
                };
                return Err(invalid(format!(
                    "{}: the setting `{key}` is a secret and must not be in this file: {instead}",
                    path.display()
                )));
            }
        }
    }
    Ok(table)
}

/// Returns `named` if it is not `None`. Otherwise returns `ccc.toml` if the current directory
/// contains this file.
pub(super) fn default_file(named: Option<&Path>) -> Option<&Path> {
    let default = Path::new("ccc.toml");
    named.or_else(|| default.exists().then_some(default))
}
