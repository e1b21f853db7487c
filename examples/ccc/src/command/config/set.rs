//! `ccc config set`: a command that stores a GitHub App or the model's credential.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::AppChange;
use ccc_runner::CredentialKind;
use clap::Args;

use crate::app::apps;
use crate::config::Config;
use crate::credentials::open;
use crate::model_credential;
use crate::output::say;

/// The message that says when a change of an App or of the admin token takes effect in a running
/// service.
pub(super) const EFFECTIVE: &str = "the change takes effect in a running service within a minute";

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The ID of the GitHub App.
    #[arg(long)]
    app_id: Option<u64>,
    /// The file with the App's private key in PEM format, or - for standard input.
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// The file with the App's webhook secret, or - for standard input. Deliveries that are signed
    /// with the previous secret are still accepted.
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Option<PathBuf>,
    /// The ID of an installation of the App. This ID is added to the stored installation IDs.
    #[arg(long, value_name = "N")]
    installation_id: Option<u64>,
    /// Revoke all webhook secrets except the newest.
    #[arg(long)]
    forget_old_secrets: bool,
    /// The file with an API key for the model's API, or - for standard input.
    #[arg(long, value_name = "FILE", group = "model")]
    model_api_key_file: Option<PathBuf>,
    /// The file with the OAuth token that `claude setup-token` prints for a Claude subscription.
    #[arg(long, value_name = "FILE", group = "model")]
    model_oauth_token_file: Option<PathBuf>,
    /// The file with the token that a gateway for the model's API expects in the header
    /// `Authorization: Bearer TOKEN`.
    #[arg(long, value_name = "FILE", group = "model")]
    model_bearer_token_file: Option<PathBuf>,
    /// The file that describes the App as a JSON object, in the format of the body of POST /config;
    /// or - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app_id", "private_key_file", "webhook_secret_file", "installation_id", "forget_old_secrets"])]
    json: Option<PathBuf>,
}

/// Stores a GitHub App, a credential of the model, or both, as `args` specify.
pub(super) async fn run(config: &Config, args: &SetArgs) -> Result<bool> {
    let model = [
        (CredentialKind::ApiKey, &args.model_api_key_file),
        (CredentialKind::OAuthToken, &args.model_oauth_token_file),
        (CredentialKind::BearerToken, &args.model_bearer_token_file),
    ];
    let model = model.into_iter().find_map(|(kind, file)| Some((kind, file.as_ref()?)));
    let app = app_change(args, model.is_some())?;
    let store: Arc<dyn CredentialStore> = open(config).await?;
    if let Some((kind, file)) = model {
        let secret = Secret::new(read(file)?.expose().trim_ascii());
        model_credential::store(&*store, kind, &secret).await?;
        say(
            "stored the model's credential; restart a running service, because a service reads this credential \
             only at its start",
        );
    }
    if let Some(app) = app {
        let view = apps(config, store)?.change(&app).await?;
        say(&format!("stored the App {}", view.app_id));
        say(EFFECTIVE);
    }
    Ok(true)
}

/// Returns the change that `args` make to a GitHub App, or `None` if `args` contain only a
/// credential of the model. Returns an error if `args` contain neither an App nor a credential.
/// `has_model_credential` says whether `args` contain a credential.
fn app_change(args: &SetArgs, has_model_credential: bool) -> Result<Option<AppChange>> {
    Ok(Some(match (&args.json, args.app_id) {
        (Some(file), _) => AppChange::from_json(read(file)?.expose())?,
        (None, Some(app_id)) => {
            let mut change = AppChange::new(app_id);
            if let Some(file) = &args.private_key_file {
                change = change.with_private_key(&read(file)?)?;
            }
            if let Some(file) = &args.webhook_secret_file {
                // The file has the format of the configured webhook secrets: one secret per line,
                // the newest first.
                let all = read(file)?;
                let lines =
                    all.expose_str()?.lines().map(str::trim).filter(|line| !line.is_empty());
                let lines: Vec<&str> = lines.collect();
                if lines.is_empty() {
                    change = change.with_webhook_secret(Secret::from(""))?;
                }
                for line in lines.into_iter().rev() {
                    change = change.with_webhook_secret(Secret::from(line))?;
                }
            }
            if let Some(id) = args.installation_id {
                change = change.with_installation_id(id);
            }
            if args.forget_old_secrets {
                change = change.without_old_secrets();
            }
            change
        }
        (None, None) if has_model_credential => return Ok(None),
        (None, None) => {
            let line = "there is nothing to store: pass --app-id N or --json FILE for a GitHub App, or \
                        --model-api-key-file FILE for a credential of the model";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
    }))
}

/// Reads `file`, or standard input if `file` is `-`. Fails if the content is larger than 1 MiB.
fn read(file: &Path) -> Result<Secret> {
    const MOST: u64 = 1 << 20;
    let too_large = || {
        let line = format!(
            "the file {} is larger than 1 MiB: pass a file that contains only the credential",
            file.display()
        );
        Error::new(ErrorKind::LimitExceeded, line)
    };
    let mut bytes = Vec::new();
    let done = match file.to_str() {
        Some("-") => std::io::stdin().take(MOST + 1).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)),
    };
    done.map_err(|e| {
        Error::new(ErrorKind::InvalidInput, format!("cannot read the file {}", file.display()))
            .with_source(e)
    })?;
    let secret = Secret::new(bytes);
    if secret.expose().len() as u64 > MOST { Err(too_large()) } else { Ok(secret) }
}
