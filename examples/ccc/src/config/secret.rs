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
        let shown = shown_path(file);
        invalid(format!("cannot read {shown}, which the setting {section}.{key}_file names"))
            .with_source(e)
    })?;
    Ok(Secret::new(bytes))
}

/// Returns `path` for an error message. A value that does not begin like a path may be a secret that
/// was put into the setting for a file, so it is not shown (spec: S10c).
pub(crate) fn shown_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_path = ["/", "./", "../"].iter().any(|start| text.starts_with(start));
    if is_path && !text.contains(char::is_control) {
        return format!("the file {text}");
    }
    "the file (its name is not shown, because it does not begin with / or ./)".to_owned()
}
