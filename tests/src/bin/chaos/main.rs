//! The chaos program: kills a service again and again, and counts what was lost and what was done twice.
//!
//! ```sh
//! cargo run --release -p ccc-tests --bin chaos -- --kills 300 --seed 1
//! ```
//!
//! The program starts itself as `ccc serve` beside an emulated GitHub, opens issues, and ends the service
//! with SIGKILL: at each fault point of [`ccc_core::fault_points`], and at random times. It repeats
//! deliveries, as GitHub does on request. At the end, the service may finish its runs. The program then
//! counts the results on the emulated GitHub, not in the records of the service, and prints a line of JSON.
//! It fails if a count is not zero, or if a fault point was never reached.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its results")]

mod checks;
mod counts;
mod driver;
mod random;
mod service;

use std::process::ExitCode;

use clap::Parser as _;

#[derive(Debug, clap::Parser)]
struct Args {
    /// Number of times that the service is killed
    #[arg(long, default_value_t = 300)]
    kills: u64,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    if service::is_role() {
        return service::run();
    }
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result =
        runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(driver::run(&args)));
    match result {
        Ok(counts) => counts.report(),
        Err(error) => {
            eprintln!("the chaos program failed: {error}");
            ExitCode::FAILURE
        }
    }
}
