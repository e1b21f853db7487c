//! Random bytes.

use ccc_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// Returns `N` random bytes from the operating system. The bytes are wiped from memory when the
/// returned value is dropped.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if the operating system returns no random bytes.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|e| {
        Error::new(ErrorKind::Unavailable, "the operating system returned no random bytes")
            .with_source(e)
    })?;
    Ok(bytes)
}
