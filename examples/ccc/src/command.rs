//! The command line of the program `ccc`. The subcommand `ccc NAME` and its flags are in
//! `command/NAME.rs`.

use std::process::ExitCode;

use ccc_core::Result;
use clap::{Parser, Subcommand};

use crate::exit_code;
use crate::output::say;

mod backup;
mod config;
#[cfg(feature = "emulator")]
mod demo;
#[cfg(feature = "docker")]
mod doctor;
#[cfg(feature = "emulator")]
mod github_emulator;
mod issue_text;
mod keygen;
mod restore;
mod run;
mod runs;
mod serve;

/// Solve GitHub issues with an AI coding agent. The result is a pull request, or a comment that
/// explains why there is no pull request.
#[derive(Debug, Parser)]
#[command(name = "ccc", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Executes the command, and returns the exit code of the program. The code is 0 for success, and
    /// 2 for an error. It is 1 if the command did not have its intended result, for example because
    /// `ccc doctor` found a problem.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // The programs of an agent can have the same user as this process. They must not read the
        // environment and the memory of this process in /proc, because these contain credentials.
        // Root can still read them. The call also disables core dumps (spec: S6e).
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => {
                say(&format!("error: cannot start the async runtime: {e}"));
                return ExitCode::from(exit_code::ERROR);
            }
        };
        let done = runtime.block_on(self.command.run());
        // The wait is limited, because a thread that hangs in a system call would otherwise keep
        // the program alive.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        exit_code::of(done)
    }
}

/// A subcommand with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a complete run on this machine: emulated GitHub, signed webhook, agent, pull request.
    #[cfg(feature = "emulator")]
    Demo(demo::DemoArgs),
    /// Solve one issue now.
    Run(run::RunArgs),
    /// Start the self-hosted service, which solves the issues that GitHub reports by webhook.
    Serve(serve::ServeArgs),
    /// Show the runs of the service and their logs, and cancel or repeat a run. The service can be
    /// running.
    Runs(runs::RunsArgs),
    /// Check whether this machine can execute runs: check git, the container engine, the container
    /// image and the isolation.
    #[cfg(feature = "docker")]
    Doctor(doctor::DoctorArgs),
    /// Print a new random key. Use the key to encrypt the credential store, or as the value of a
    /// secret of the Cloudflare Worker.
    Keygen,
    /// Show and change the stored GitHub Apps, the stored credential of the model, and the
    /// encryption key.
    Config(config::ConfigArgs),
    /// Write the runs and the encrypted credentials to a file. A service can run at the same time.
    Backup(backup::BackupArgs),
    /// Replace the runs and the encrypted credentials by those of a backup. No service may run.
    Restore(restore::RestoreArgs),
    /// Start an emulated GitHub, to develop and test your own GitHub App.
    #[cfg(feature = "emulator")]
    GithubEmulator(github_emulator::EmulatorArgs),
}

impl Command {
    /// Executes the command. Returns `false` if the command ended without an error, but did not
    /// have its intended result: for example, `ccc doctor` found a problem.
    pub(crate) async fn run(&self) -> Result<bool> {
        match self {
            #[cfg(feature = "emulator")]
            Self::Demo(args) => demo::run(args).await,
            Self::Run(args) => run::run(args).await,
            Self::Serve(args) => serve::run(args).await.map(|()| true),
            Self::Runs(args) => runs::run(args).await,
            #[cfg(feature = "docker")]
            Self::Doctor(args) => doctor::run(args).await,
            Self::Keygen => keygen::run().map(|()| true),
            Self::Config(args) => config::run(args).await,
            Self::Backup(args) => backup::run(args).await.map(|()| true),
            Self::Restore(args) => restore::run(args).await.map(|()| true),
            #[cfg(feature = "emulator")]
            Self::GithubEmulator(args) => github_emulator::run(args).await.map(|()| true),
        }
    }
}
