//! The subcommands: `ccc NAME` is in `command/NAME.rs`.

use ccc_core::Result;
use clap::Subcommand;

mod config;
mod demo;
mod doctor;
mod github_emulator;
mod keygen;
mod run;
mod serve;

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
