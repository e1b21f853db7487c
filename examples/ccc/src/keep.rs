//! `ccc keygen` and `ccc config`: what is kept, and under which key.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, Secret};
use ccc_github::AppChange;
use ccc_store::Keys;

use crate::app::apps;
use crate::cli::{ConfigArgs, ConfigCommand, SetArgs, print, say};
use crate::store::{KeptStore, Rotated, open};
use crate::{Config, config};

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
        ConfigCommand::Clear { app_id } => {
            let apps = apps(&config, open(&config).await?)?;
            let cleared = apps.clear(*app_id).await?;
            say(&if cleared {
                format!("the App {app_id} is no longer kept")
            } else {
                format!("no App {app_id} was kept")
            });
            Ok(cleared)
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

async fn show(config: &Config, json: bool) -> Result<bool> {
    let apps = apps(config, open(config).await?)?;
    let mut all = Vec::new();
    for app_id in apps.list().await? {
        all.extend(apps.view(app_id).await?);
    }
    if json {
        let text = serde_json::to_string_pretty(&all).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "cannot write this as JSON").with_source(e)
        })?;
        print(&text);
        return Ok(true);
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
    let store: Arc<dyn CredentialStore> = open(config).await?;
    let apps = apps(config, store)?;
    let change = match (&args.json, args.app_id) {
        (Some(file), _) => AppChange::from_json(read(file)?.expose())?,
        (None, Some(app_id)) => {
            let mut change = AppChange::new(app_id);
            if let Some(file) = &args.private_key_file {
                change = change.private_key(&read(file)?)?;
            }
            if let Some(file) = &args.webhook_secret_file {
                // As the configuration has them: the newest in the first line.
                let all = read(file)?;
                let lines =
                    all.expose_str()?.lines().map(str::trim).filter(|line| !line.is_empty());
                let lines: Vec<&str> = lines.collect();
                if lines.is_empty() {
                    change = change.webhook_secret(Secret::from(""))?;
                }
                for line in lines.into_iter().rev() {
                    change = change.webhook_secret(Secret::from(line))?;
                }
            }
            if let Some(id) = args.installation_id {
                change = change.installation_id(id);
            }
            if args.forget_old_secrets {
                change = change.forget_old_secrets();
            }
            change
        }
        (None, None) => {
            let line = "say which App: --app-id N, or --json FILE";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
    };
    let view = apps.change(&change).await?;
    say(&format!(
        "the App {} is kept; a service that runs takes it at its next start",
        view.app_id
    ));
    Ok(true)
}

/// A file, or standard input for `-`. Not more than any of ours has.
fn read(file: &Path) -> Result<Secret> {
    const MOST: u64 = 1 << 20;
    let mut bytes = Vec::new();
    let done = match file.to_str() {
        Some("-") => std::io::stdin().take(MOST).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|file| file.take(MOST).read_to_end(&mut bytes)),
    };
    done.map_err(|e| {
        Error::new(ErrorKind::InvalidInput, format!("cannot read {}", file.display()))
            .with_source(e)
    })?;
    Ok(Secret::new(bytes))
}
