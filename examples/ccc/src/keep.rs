//! `ccc keygen` and `ccc config`: what is kept, and under which key.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::AppChange;
use ccc_runner::CredentialKind;
use ccc_store::Keys;

use crate::app::apps;
use crate::cli::{ClearArgs, ConfigArgs, ConfigCommand, SetArgs, print, say};
use crate::store::{KeptStore, Rotated, open, open_existing};
use crate::{Config, admin, config, model};

/// What one who changed something may wait for.
const TAKEN: &str = "a service that runs takes it within a minute";

/// Prints a fresh key.
pub(crate) fn keygen() -> Result<()> {
    print(Keys::generate()?.expose_str()?);
    Ok(())
}

pub(crate) async fn config(args: &ConfigArgs) -> Result<bool> {
    let file = crate::serve::config_file(args.config.as_deref());
    let config = Config::load(file, config::environment()?)?;
    if config.store.kind == "memory" {
        let line = "store.kind is memory: nothing of it outlives a process";
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    match &args.command {
        ConfigCommand::Show { json } => show(&config, *json).await,
        ConfigCommand::Set(set) => change(&config, set).await,
        ConfigCommand::Clear(args) => clear(&config, args).await,
        ConfigCommand::AdminToken => {
            let made = admin::make(&*open(&config).await?, false).await?;
            print(made.as_ref().map(Secret::expose_str).transpose()?.unwrap_or_default());
            say(TAKEN);
            Ok(true)
        }
        ConfigCommand::RotateKey => {
            say(&match KeptStore::open(&config).await?.rotate().await? {
                Rotated::New(count) => format!(
                    "{count} credentials are under a new key, the first in its file; the ones after it are for copies \
                     of the store that are older: take them out when there are none"
                ),
                Rotated::First(0) => "all credentials are under the first key: put a new one before it (`ccc keygen`), \
                                      and come again"
                    .to_owned(),
                Rotated::First(count) => format!(
                    "{count} credentials were not yet under the first key, and are now; no new one was made"
                ),
            });
            Ok(true)
        }
    }
}

async fn clear(config: &Config, args: &ClearArgs) -> Result<bool> {
    let store = open(config).await?;
    let (cleared, what) = match args.app_id {
        Some(app_id) => (apps(config, store)?.clear(app_id).await?, format!("the App {app_id}")),
        None => (model::clear(&*store).await?, "the model's credential".to_owned()),
    };
    say(&if cleared {
        format!("{what} is no longer kept")
    } else {
        format!("{what} was not kept")
    });
    Ok(cleared)
}

async fn show(config: &Config, json: bool) -> Result<bool> {
    let (mut all, mut model) = (Vec::new(), None);
    if let Some(store) = open_existing(config).await? {
        let apps = apps(config, Arc::clone(&store))?;
        for app_id in apps.list().await? {
            match apps.view(app_id).await {
                Ok(view) => all.extend(view),
                // It hides no other.
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    say(&format!("App {app_id}: {} (`ccc config clear`)", error.message()));
                }
                Err(error) => return Err(error),
            }
        }
        model = match model::kept_kind(&*store).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                say(error.message());
                None
            }
            kept => kept?,
        };
    }
    if json {
        print(&format!("{:#}", serde_json::json!({ "apps": all, "model": model })));
        return Ok(true);
    }
    if let Some(model) = model {
        print(&format!("The credential of the model is kept: {model}"));
    }
    if all.is_empty() {
        say(
            "no App is kept: `ccc config set --app-id N --private-key-file F --webhook-secret-file F`",
        );
    }
    for app in all {
        print(&format!("App {} of {}", app.app_id, app.host));
        print(&format!("  private key      {}", app.private_key));
        for (number, secret) in app.webhook_secrets.iter().enumerate() {
            let age = if number == 0 { "" } else { "  (from before, still valid)" };
            print(&format!("  webhook secret   {secret}…{age}"));
        }
        for installation in &app.installation_ids {
            print(&format!("  installation     {installation}"));
        }
    }
    Ok(true)
}

async fn change(config: &Config, args: &SetArgs) -> Result<bool> {
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
        model::keep(&*store, kind, &secret).await?;
        say("the model's credential is kept; a service that runs takes it at its next start");
    }
    if let Some(app) = app {
        let view = apps(config, store)?.change(&app).await?;
        say(&format!("the App {} is kept", view.app_id));
        say(TAKEN);
    }
    Ok(true)
}

/// What is said of an App; nothing, where something else is said.
fn app_change(args: &SetArgs, something_else: bool) -> Result<Option<AppChange>> {
    Ok(Some(match (&args.json, args.app_id) {
        (Some(file), _) => AppChange::from_json(read(file)?.expose())?,
        (None, Some(app_id)) => {
            let mut change = AppChange::new(app_id);
            if let Some(file) = &args.private_key_file {
                change = change.with_private_key(&read(file)?)?;
            }
            if let Some(file) = &args.webhook_secret_file {
                // As the configuration has them: the newest in the first line.
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
        (None, None) if something_else => return Ok(None),
        (None, None) => {
            let line = "say which App: --app-id N, or --json FILE";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
    }))
}

/// A file, or standard input for `-`. Not more than any of ours has.
fn read(file: &Path) -> Result<Secret> {
    const MOST: u64 = 1 << 20;
    let too_large = || {
        let line = format!("{} has more than 1 MiB, and is none of these", file.display());
        Error::new(ErrorKind::LimitExceeded, line)
    };
    let mut bytes = Vec::new();
    let done = match file.to_str() {
        Some("-") => std::io::stdin().take(MOST + 1).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)),
    };
    done.map_err(|e| {
        Error::new(ErrorKind::InvalidInput, format!("cannot read {}", file.display()))
            .with_source(e)
    })?;
    let secret = Secret::new(bytes);
    if secret.expose().len() as u64 > MOST { Err(too_large()) } else { Ok(secret) }
}
