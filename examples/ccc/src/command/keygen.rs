//! `ccc keygen`: a command that generates a random key.

use ccc_core::Result;
use ccc_store::Keys;

use crate::output::print;

/// Prints a new random key of 32 bytes as base64.
pub(super) fn run() -> Result<()> {
    print(Keys::generate()?.expose_str()?)?;
    Ok(())
}
