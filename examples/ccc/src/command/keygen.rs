//! `ccc keygen`: a fresh key.

use ccc_core::Result;
use ccc_store::Keys;

use crate::output::print;

/// Prints a fresh key.
pub(super) fn run() -> Result<()> {
    print(Keys::generate()?.expose_str()?);
    Ok(())
}
