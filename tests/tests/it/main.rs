//! The tests that cross crates and need only git, as one program: the specification, the
//! architecture, the prose, the pipeline with fakes, hostile repositories,
//! unusual repositories, and secrets in changes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod architecture;
mod circles;
mod documentation_examples;
#[path = "../../emulated/mod.rs"]
mod emulated;
mod features;
mod hostile;
mod pipeline;
mod prose;
mod secrets;
mod shapes;
mod spec;
