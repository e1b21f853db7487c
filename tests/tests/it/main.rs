//! The tests that cross crates and need nothing but this machine's git, in one program: the
//! specification, the architecture, the prose, the pipeline on fakes, and hostile repositories.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod architecture;
mod circles;
#[path = "../../emulated/mod.rs"]
mod emulated;
mod features;
mod hostile;
mod pipeline;
mod prose;
mod spec;
