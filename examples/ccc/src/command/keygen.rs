//! `ccc keygen`: generation of a random key.

use ccc_core::Result;
use ccc_store::Keys;

use crate::output::print;

/// Prints a new random key.
pub(super) fn run() -> Result<()> {
    print(Keys::generate()?.expose_str()?);
    Ok(())
}
