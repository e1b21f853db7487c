//! What the tests that cross crates share.

pub mod architecture;
pub mod modules;
pub mod page;
pub mod source;
pub mod spec;
