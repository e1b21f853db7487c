//! Shared code of the tests that cross crates.

pub mod architecture;
pub mod modules;
pub mod page;
pub mod prose;
pub mod source;
pub mod spec;
