//! The command line. `ccc NAME` and its flags are in `command/NAME.rs`.

use std::process::ExitCode;

use ccc_core::Result;
use clap::{Parser, Subcommand};

use crate::exit_code;
use crate::output::say;

mod config;
mod demo;
mod doctor;
mod github_emulator;
mod keygen;
mod run;
mod serve;

/// An issue is opened; minutes later there is a pull request, or a comment that says why not.
#[derive(Debug, Parser)]
#[command(name = "ccc", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Runs the command and returns the program's exit code.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // An agent's programs may run as the same user. They must not read the environment and the
        // memory of this process in /proc, where credentials are. Only root still can; and no core
        // is dumped (spec: S6e).
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => {
                say(&format!("error: cannot start: {e}"));
                return ExitCode::from(exit_code::ERROR);
            }
        };
        let done = runtime.block_on(self.command.run());
        // A thread that hangs in a system call must not keep the program alive.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        exit_code::of(done)
    }
}

/// A subcommand with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Do the whole job on this machine: emulated GitHub, signed webhook, agent, pull request.
    Demo(demo::DemoArgs),
    /// Solve one issue now.
    Run(run::RunArgs),
    /// Run the self-hosted service.
    Serve(serve::ServeArgs),
    /// Look whether this machine can do the work: git, the container engine, its image, its walls.
    Doctor(doctor::DoctorArgs),
    /// Print a fresh key: for the credentials, or for a Worker that keeps them.
    Keygen,
    /// Show and change what is kept: GitHub Apps, the model's credential, and the key that they are
    /// kept under.
    Config(config::ConfigArgs),
    /// Run an emulated GitHub, for your own integration.
    GithubEmulator(github_emulator::EmulatorArgs),
}

impl Command {
    /// Runs the command. Returns whether it had the result that it is for.
    pub(crate) async fn run(&self) -> Result<bool> {
        match self {
            Self::Demo(args) => demo::run(args).await,
            Self::Run(args) => run::run(args).await,
            Self::Serve(args) => serve::run(args).await.map(|()| true),
            Self::Doctor(args) => doctor::run(args).await,
            Self::Keygen => keygen::run().map(|()| true),
            Self::Config(args) => config::run(args).await,
            Self::GithubEmulator(args) => github_emulator::run(args).await.map(|()| true),
        }
    }
}
