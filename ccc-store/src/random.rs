//! Random bytes.

use ccc_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// Returns `N` random bytes of the operating system, which are wiped when they are dropped.
///
/// # Errors
/// [`ErrorKind::Unavailable`] when the operating system has none.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|e| {
        Error::new(ErrorKind::Unavailable, "the system gives no random bytes").with_source(e)
    })?;
    Ok(bytes)
}
