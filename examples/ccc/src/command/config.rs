//! `ccc config`: what is stored, and under which key.

use std::path::PathBuf;
use std::sync::Arc;

use ccc_core::{Error, ErrorKind, Result, Secret};
use clap::{Args, Subcommand};

mod set;

use crate::app::apps;
use crate::config::Config;
use crate::credentials::{ReloadingStore, Rotated, open, open_existing};
use crate::output::{print, say};
use crate::{admin_token, model_credential};

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
    /// The configuration file. Default: ccc.toml, when there is one.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the Apps, and which credential of the model there is: fingerprints, and no secret.
    Show {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Keep an App, or change one, or keep a credential of the model. What is not said stays as it
    /// is.
    Set(set::SetArgs),
    /// Forget an App, or the model's credential. Exit status 1 when there was none.
    Clear(ClearArgs),
    /// Make the token that /config of a service takes, and print it: the one before is none any
    /// more.
    AdminToken,
    /// Put everything under a new key, which comes before the old one in the key's file.
    RotateKey,
}

#[derive(Debug, Args)]
#[group(required = true)]
pub(crate) struct ClearArgs {
    /// The App's number.
    #[arg(long, value_name = "N")]
    app_id: Option<u64>,
    /// The model's credential.
    #[arg(long)]
    model: bool,
}

/// Runs the subcommand. Returns whether it had the result that it is for.
pub(super) async fn run(args: &ConfigArgs) -> Result<bool> {
    let config = Config::load_for_command(args.config.as_deref())?;
    if config.store.kind == "memory" {
        let line = "store.kind is memory: nothing of it outlives a process";
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    match &args.command {
        ConfigCommand::Show { json } => show(&config, *json).await,
        ConfigCommand::Set(args) => set::run(&config, args).await,
        ConfigCommand::Clear(args) => clear(&config, args).await,
        ConfigCommand::AdminToken => {
            let token = admin_token::issue(&*open(&config).await?, false).await?;
            print(token.as_ref().map(Secret::expose_str).transpose()?.unwrap_or_default());
            say(set::EFFECTIVE);
            Ok(true)
        }
        ConfigCommand::RotateKey => {
            say(&match ReloadingStore::open(&config).await?.rotate().await? {
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

/// Removes an App or the model's credential. Returns whether there was one.
async fn clear(config: &Config, args: &ClearArgs) -> Result<bool> {
    let store = open(config).await?;
    let (cleared, what) = match args.app_id {
        Some(app_id) => (apps(config, store)?.clear(app_id).await?, format!("the App {app_id}")),
        None => (model_credential::clear(&*store).await?, "the model's credential".to_owned()),
    };
    say(&if cleared {
        format!("{what} is no longer kept")
    } else {
        format!("{what} was not kept")
    });
    Ok(cleared)
}

/// Shows everything that is stored, without secrets.
async fn show(config: &Config, json: bool) -> Result<bool> {
    let (mut all, mut model) = (Vec::new(), None);
    if let Some(store) = open_existing(config).await? {
        let apps = apps(config, Arc::clone(&store))?;
        for app_id in apps.list().await? {
            match apps.view(app_id).await {
                Ok(view) => all.extend(view),
                // A damaged one hides no other.
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    say(&format!("App {app_id}: {} (`ccc config clear`)", error.message()));
                }
                Err(error) => return Err(error),
            }
        }
        model = match model_credential::stored_kind(&*store).await {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                say(error.message());
                None
            }
            kind => kind?,
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
