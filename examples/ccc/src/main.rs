//! The `ccc` program: parses the arguments and calls the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    ccc::Cli::parse().run()
}
