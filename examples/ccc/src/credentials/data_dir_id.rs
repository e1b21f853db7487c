//! The id of a data directory. A process records its access tokens under this id, so that a later
//! process with the same data directory can revoke the tokens.

use std::fs;
use std::path::Path;

use ccc_core::{Clock as _, Error, ErrorKind, Result, RunId, SystemClock};

use crate::credentials::key_file;

/// Returns the id of the data directory `data_dir`. The first call for a directory generates the
/// id, and stores the id in the directory.
pub(crate) fn data_dir_id(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("holder");
    // An id of which only a part was written counts as missing.
    if let Some(known) =
        fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<RunId>().ok())
    {
        return Ok(known.to_string());
    }
    if path.exists() {
        tracing::warn!(
            "cannot read the id of the data directory from the file {}: a new id is generated, so the access \
             tokens that an earlier process recorded under the old id cannot be revoked",
            path.display()
        );
    }
    let id = RunId::new(SystemClock.now())?.to_string();
    key_file::write(&path, &id).map_err(|e| {
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot write the id of the data directory to the file {}", path.display()),
        )
        .with_source(e)
    })?;
    Ok(id)
}
