//! Reading of secrets from environment variables or files.

use std::path::Path;

use ccc_core::{Result, Secret};

use crate::config::invalid::invalid;

/// Returns the secret `value`, or the contents of `file` if `value` is `None`. Error messages name
/// the setting `SECTION.KEY`, whose parts are `section` and `key`.
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
        let line = format!(
            "the secret {section}.{key} is missing: set {section}.{key}_file or the environment \
             variable {variable} to the path of a file with this secret"
        );
        return Err(invalid(line));
    };
    let bytes = std::fs::read(file).map_err(|e| {
        let shown = file.display();
        invalid(format!(
            "cannot read the file {shown}, which the setting {section}.{key}_file names"
        ))
        .with_source(e)
    })?;
    Ok(Secret::new(bytes))
}
