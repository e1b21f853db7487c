//! The tests of the example programs, and tests that execute each program.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic fails the test, and the programs are included as modules"
)]

#[path = "../custom_agent.rs"]
mod custom_agent;
#[path = "../custom_host.rs"]
mod custom_host;
#[path = "../custom_runner.rs"]
mod custom_runner;
#[path = "../custom_store.rs"]
mod custom_store;
#[path = "../observe.rs"]
mod observe;

#[path = "examples/programs.rs"]
mod programs;
#[path = "examples/sizes.rs"]
mod sizes;
