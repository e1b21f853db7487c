//! The name of a data directory, under which the tokens of its processes are recorded.

use std::fs;
use std::path::Path;

use ccc_core::{Clock as _, Error, ErrorKind, Result, RunId, SystemClock};

use crate::credentials::key_file;

/// Returns the name of a data directory. The first call for a directory generates it.
pub(crate) fn holder(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("holder");
    // A name that was written only in part counts as missing.
    if let Some(known) =
        fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<RunId>().ok())
    {
        return Ok(known.to_string());
    }
    if path.exists() {
        tracing::warn!(
            "cannot read the name of the data directory in {}: a new one is generated, and the tokens of an earlier \
             process cannot be revoked",
            path.display()
        );
    }
    let name = RunId::new(SystemClock.now())?.to_string();
    key_file::write(&path, &name).map_err(|e| {
        Error::new(ErrorKind::Unavailable, format!("cannot write {}", path.display()))
            .with_source(e)
    })?;
    Ok(name)
}
