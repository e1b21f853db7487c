//! The command line.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use ccc_core::Result;
use clap::{Args, Parser, Subcommand};

use crate::{demo, doctor, emulate, keep, run, serve};

/// An issue is opened; minutes later there is a pull request, or a comment that says why not.
#[derive(Debug, Parser)]
#[command(name = "ccc", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Do the whole job on this machine: emulated GitHub, signed webhook, agent, pull request.
    Demo(DemoArgs),
    /// Solve one issue now.
    Run(RunArgs),
    /// Run the self-hosted service.
    Serve(ServeArgs),
    /// Look whether this machine can do the work: git, the container engine, its image, its walls.
    Doctor(DoctorArgs),
    /// Print a fresh key: for the credentials, or for a Worker that keeps them.
    Keygen,
    /// Show and change what is kept: GitHub Apps, the model's credential, and the key that they are kept under.
    Config(ConfigArgs),
    /// Run an emulated GitHub, for your own integration.
    GithubEmulator(EmulatorArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
    /// The configuration file. Default: ccc.toml, when there is one.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the Apps, and which credential of the model there is: fingerprints, and no secret.
    Show {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Keep an App, or change one, or keep a credential of the model. What is not said stays as it is.
    Set(SetArgs),
    /// Forget an App, or the model's credential. Exit status 1 when there was none.
    Clear(ClearArgs),
    /// Make the token that /config of a service takes, and print it: the one before is none any more.
    AdminToken,
    /// Put everything under a new key, which comes before the old one in the key's file.
    RotateKey,
}

#[derive(Debug, Args)]
#[group(required = true)]
pub(crate) struct ClearArgs {
    /// The App's number.
    #[arg(long, value_name = "N")]
    pub(crate) app_id: Option<u64>,
    /// The model's credential.
    #[arg(long)]
    pub(crate) model: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The App's number.
    #[arg(long)]
    pub(crate) app_id: Option<u64>,
    /// The file with its private key, PEM; - for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key_file: Option<PathBuf>,
    /// The file with its webhook secret; - for standard input. The one before stays valid.
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_secret_file: Option<PathBuf>,
    /// An installation.
    #[arg(long, value_name = "N")]
    pub(crate) installation_id: Option<u64>,
    /// No webhook secret is valid but the newest.
    #[arg(long)]
    pub(crate) forget_old_secrets: bool,
    /// The file with an API key of the model; - for standard input.
    #[arg(long, value_name = "FILE", group = "model")]
    pub(crate) model_api_key_file: Option<PathBuf>,
    /// The file with a token of a subscription, as `claude setup-token` makes it.
    #[arg(long, value_name = "FILE", group = "model")]
    pub(crate) model_oauth_token_file: Option<PathBuf>,
    /// The file with what a gateway wants as `Authorization: Bearer`.
    #[arg(long, value_name = "FILE", group = "model")]
    pub(crate) model_bearer_token_file: Option<PathBuf>,
    /// What is said of the App as a JSON object, as POST /config takes it: a file, or - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app_id", "private_key_file", "webhook_secret_file", "installation_id", "forget_old_secrets"])]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Who edits: scripted, claude, scripted:FILE or command:ARGV….
    #[arg(long, default_value = "scripted")]
    pub(crate) agent: String,
    /// What the model answers to the agent claude. Without it: an account's model where a credential
    /// is set, a scenario of the demo's own where none is.
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// What runs the agent: subprocess or docker.
    #[arg(long, default_value = "subprocess")]
    pub(crate) runner: String,
    /// Print one JSON object per event on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Leave the emulated GitHub up afterwards, until interrupted.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A git repository on this machine, or OWNER/NAME on GitHub.
    #[arg(long)]
    pub(crate) repo: String,
    /// The issue: text, a file with the text (title in the first line), or #N on GitHub.
    #[arg(long)]
    pub(crate) issue: String,
    /// Who edits: claude, scripted:FILE or command:ARGV…. Default: agent.kind of the configuration.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// What runs the agent: subprocess or docker. Default: runner.kind of the configuration.
    #[arg(long)]
    pub(crate) runner: Option<String>,
    /// Print one JSON object per event on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file. Default: ccc.toml, when there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// What runs the agent: subprocess or docker. Default: runner.kind of the configuration.
    #[arg(long)]
    pub(crate) runner: Option<String>,
    /// The configuration file. Default: ccc.toml, when there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EmulatorArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// How callers reach it when something stands in front of it: links say so.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// The App's number.
    #[arg(long, default_value_t = 1)]
    pub(crate) app_id: u64,
    /// The App's private key, PEM. Without it one is made, and its path printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key: Option<PathBuf>,
    /// A file with the webhook secret. Without it one is made, and its path printed.
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_secret: Option<PathBuf>,
    /// Where deliveries go.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook_url: Option<String>,
    /// Requests in an hour for each installation.
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub(crate) rate_limit: u64,
    /// An account that opens issues and comments, beside the owners of the repositories.
    #[arg(long, value_name = "LOGIN")]
    pub(crate) user: Vec<String>,
    /// A repository to start with: OWNER/NAME=PATH of a git repository or a directory of files.
    #[arg(long, value_name = "OWNER/NAME=PATH")]
    pub(crate) seed_repo: Vec<String>,
}

impl Cli {
    /// Runs the command. The exit status: 0 when it did what it is for, 1 when not, 2 when it could
    /// not begin.
    #[must_use]
    pub fn run(self) -> ExitCode {
        // An agent's programs may run as the same user: they shall not read our environment and memory
        // in /proc, where credentials are. Only root's still can; and no core is dumped (spec: S6e).
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => return fail(&format!("cannot start: {e}")),
        };
        let done: Result<bool> = runtime.block_on(async {
            match self.command {
                Command::Demo(args) => demo::demo(&args).await,
                Command::Run(args) => run::run(&args).await,
                Command::Serve(args) => serve::serve(&args).await.map(|()| true),
                Command::Doctor(args) => doctor::doctor(&args).await,
                Command::Keygen => keep::keygen().map(|()| true),
                Command::Config(args) => keep::config(&args).await,
                Command::GithubEmulator(args) => emulate::emulate(&args).await.map(|()| true),
            }
        });
        // A thread that hangs in a system call must not keep the program.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => fail(&error.to_string()),
        }
    }
}

fn fail(message: &str) -> ExitCode {
    say(&format!("error: {message}"));
    ExitCode::from(2)
}

/// A line for the person at the terminal. When nobody reads standard error any more, nobody does.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A line of result on standard output.
pub(crate) fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Ends when the program is asked to end.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
