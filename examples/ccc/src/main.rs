//! The program: parses arguments, and hands on to the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    ccc::Cli::parse().run()
}
