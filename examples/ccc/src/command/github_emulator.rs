//! `ccc github-emulator`: an emulated GitHub for developing and testing a GitHub App.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ccc_core::{Clock, Error, ErrorKind, Result, Secret, SystemClock};
use clap::Args;
use github_emulator::{ActorKind, Emulator, EmulatorConfig};

use crate::emulated;
use crate::output::say;
use crate::signals::interrupted;

#[derive(Debug, Args)]
pub(crate) struct EmulatorArgs {
    /// The address on which the emulator listens.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// The base URL that the emulator uses in links to itself. Set this URL if clients connect to
    /// the emulator through a reverse proxy.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The ID of the GitHub App.
    #[arg(long, default_value_t = 1)]
    app_id: u64,
    /// The file with the App's private key in PEM format. Default: a new key in a temporary file,
    /// whose path is printed.
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The file with the webhook secret. Default: a new secret in a temporary file, whose path is
    /// printed.
    #[arg(long, value_name = "FILE")]
    webhook_secret: Option<PathBuf>,
    /// The URL to which webhook deliveries are sent.
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// Maximum number of requests per hour for each installation of the App.
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    rate_limit: u64,
    /// The login of a user that the emulator creates. This user can open issues and write comments.
    /// The owners of the repositories are created without this flag.
    #[arg(long, value_name = "LOGIN")]
    user: Vec<String>,
    /// A repository to create: OWNER/NAME=PATH. PATH is a git repository or a directory of files.
    #[arg(long, value_name = "OWNER/NAME=PATH")]
    seed_repo: Vec<String>,
}

/// Starts the emulator, and stops it when the program is interrupted.
pub(super) async fn run(args: &EmulatorArgs) -> Result<()> {
    let dir = tempfile::Builder::new().prefix("ccc-github-").tempdir().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "cannot create a temporary directory").with_source(e)
    })?;
    let secret = match &args.webhook_secret {
        Some(file) => read_line(file)?,
        None => Secret::from(ccc_core::RunId::new(SystemClock.now())?.to_string()),
    };
    let mut config =
        EmulatorConfig::new(dir.path().join("repositories"), emulated::secret_string(&secret)?);
    config.app_id = args.app_id;
    config.listen = args.listen;
    config.public_url.clone_from(&args.public_url);
    config.rate_limit = args.rate_limit;
    if let Some(path) = &args.private_key {
        config.private_key = Some(emulated::secret_string(&read(path)?)?);
    }
    config.webhook_url.clone_from(&args.webhook_url);
    let seeds = args.seed_repo.iter().map(|seed| parse_seed(seed)).collect::<Result<Vec<_>>>()?;

    let emulator = Emulator::start(config).await.map_err(emulated::error)?;
    for (owner, name, path) in seeds {
        let repo = emulator.add_repository(owner, name, Path::new(path)).await;
        let repo = repo.map_err(emulated::error)?;
        say(&format!("git clone {}", emulator.git_url(&repo)));
    }
    for login in &args.user {
        emulator.add_user(login, ActorKind::User);
    }
    say(&format!("GitHub's API is emulated at {}", emulator.api_url()));
    say(&format!("Open {} in a browser to see the emulated repositories", emulator.api_url()));
    say(&format!("App {} is installed on every repository", args.app_id));
    if args.private_key.is_none() {
        let path = dir.path().join("app.private-key.pem");
        write(&path, &emulated::secret(&emulator.private_key_pem()))?;
        say(&format!("the App's private key is in {}", path.display()));
    }
    if args.webhook_secret.is_none() {
        let path = dir.path().join("webhook-secret");
        write(&path, &emulated::secret(&emulator.webhook_secret()))?;
        say(&format!("the App's webhook secret is in {}", path.display()));
    }
    interrupted().await;
    emulator.stop().await;
    Ok(())
}

/// Parses `seed`, which has the form OWNER/NAME=PATH, into owner, name and path.
fn parse_seed(seed: &str) -> Result<(&str, &str, &str)> {
    let parsed = seed.split_once('=').and_then(|(repo, path)| {
        let (owner, name) = repo.split_once('/')?;
        Some((owner, name, path))
    });
    parsed.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("--seed-repo {seed} does not have the form OWNER/NAME=PATH"),
        )
    })
}

fn read(path: &Path) -> Result<Secret> {
    std::fs::read(path).map(Secret::new).map_err(|e| {
        Error::new(ErrorKind::InvalidInput, format!("cannot read the file {}", path.display()))
            .with_source(e)
    })
}

fn read_line(path: &Path) -> Result<Secret> {
    Ok(Secret::from(read(path)?.expose_str()?.trim()))
}

/// Writes `secret` to a new file with mode 0600, which only the user of this process can read.
fn write(path: &Path, secret: &Secret) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(secret.expose()))
        .map_err(|e| {
            Error::new(ErrorKind::Unavailable, format!("cannot write the file {}", path.display()))
                .with_source(e)
        })
}
