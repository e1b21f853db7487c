//! The examples' own tests, and a run of each program as its first lines say.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests, and programs as modules"
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
