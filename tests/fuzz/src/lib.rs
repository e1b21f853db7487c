//! Fuzz targets: functions that pass any bytes to code that reads untrusted input, and check
//! properties of the result. A property that does not hold is a panic.
//!
//! `.ci/fuzz` runs the targets with libFuzzer. The tests of this crate run the targets with the
//! seeds, which are in the directory `seeds`.
#![allow(clippy::unwrap_used, reason = "a panic reports a finding")]

mod branch_name;
mod deliveries;
mod envelope;
mod form;
mod markdown;
mod path;
mod payload;
pub mod seeds;
mod signature;
mod stream_json;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target, and of the file with its seeds.
    pub name: &'static str,
    /// The function that receives the input.
    pub run: fn(&[u8]),
}

/// All fuzz targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "signature", run: signature::run },
    Target { name: "form", run: form::run },
    Target { name: "payload", run: payload::run },
    Target { name: "markdown", run: markdown::run },
    Target { name: "stream-json", run: stream_json::run },
    Target { name: "branch-name", run: branch_name::run },
    Target { name: "path", run: path::run },
    Target { name: "envelope", run: envelope::run },
];

impl Target {
    /// Returns the target that the environment variable `CCC_FUZZ_TARGET` names.
    ///
    /// # Panics
    /// If no target has this name.
    #[must_use]
    pub fn chosen() -> Self {
        let name = std::env::var("CCC_FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.into_iter().find(|target| target.name == name);
        let names = TARGETS.map(|target| target.name).join(", ");
        found.unwrap_or_else(|| panic!("CCC_FUZZ_TARGET is {name:?}, but must be one of: {names}"))
    }
}
