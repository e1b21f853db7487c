//! Reading of secrets from environment variables or files.

use std::path::Path;

use ccc_core::{Result, Secret};

use crate::config::invalid::invalid;

/// Returns the secret `value`, or else the contents of `file`. `section` and `key` are the name of
/// the setting, for error messages.
pub(super) fn secret(
    section: &str,
    key: &str,
    value: &Option<Secret>,
    file: Option<&Path>,
) -> Result<Secret> {
    if let Some(value) = value {
        return Ok(value.clone());
    }
    let Some(file) = file else {
        let variable = format!("CCC_{}__{}_FILE", section.to_uppercase(), key.to_uppercase());
        let line = format!("{section}.{key} is missing: set {section}.{key}_file or {variable}");
        return Err(invalid(line));
    };
    let bytes = std::fs::read(file).map_err(|e| {
        let shown = file.display();
        invalid(format!("cannot read {shown}, which {section}.{key}_file names")).with_source(e)
    })?;
    Ok(Secret::new(bytes))
}
