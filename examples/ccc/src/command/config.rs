//! `ccc config`: commands that show and change the stored GitHub Apps, the model's credential and
//! the encryption key.

use std::path::PathBuf;
use std::sync::Arc;

use ccc_core::{Error, ErrorKind, Result};
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
    /// The configuration file. Default: ccc.toml in the current directory, if it exists.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the stored GitHub Apps and the kind of the model's credential. Secrets appear as
    /// fingerprints only.
    Show {
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Store or change a GitHub App, or store a credential for the model's API. Stored values for
    /// which no flag is given stay unchanged.
    Set(set::SetArgs),
    /// Delete a GitHub App or the model's credential from the store. The exit status is 1 if there
    /// was nothing to delete.
    Clear(ClearArgs),
    /// Issue and print a new admin token for the service's route /config. The previous admin token
    /// is revoked.
    AdminToken,
    /// Encrypt all credentials under the first configured key. If they already are, and the keys are
    /// in a key file, first generate a new key and insert it before the first key of the file.
    RotateKey,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ClearArgs {
    /// The ID of the GitHub App to delete from the store.
    #[arg(long, value_name = "N")]
    app_id: Option<u64>,
    /// Delete the model's credential from the store.
    #[arg(long)]
    model: bool,
}

/// Executes the subcommand. Returns `false` only if `ccc config clear` had nothing to delete.
pub(super) async fn run(args: &ConfigArgs) -> Result<bool> {
    let config = Config::load_for_command(args.config.as_deref())?;
    for warning in config.warnings() {
        say(&format!("warning: {warning}"));
    }
    if config.store.kind == "memory" {
        let line = "store.kind is memory, so all stored values are lost when this command ends: set store.kind to \
                    file or durable-object";
        return Err(Error::new(ErrorKind::InvalidInput, line));
    }
    match &args.command {
        ConfigCommand::Show { json } => show(&config, *json).await,
        ConfigCommand::Set(args) => set::run(&config, args).await,
        ConfigCommand::Clear(args) => clear(&config, args).await,
        ConfigCommand::AdminToken => {
            let store = open(&config).await?;
            admin_token::replace(&*store, |token| print(token.expose_str()?)).await?;
            say(set::EFFECTIVE);
            Ok(true)
        }
        ConfigCommand::RotateKey => {
            say(&match ReloadingStore::open(&config).await?.rotate().await? {
                Rotated::New(count) => format!(
                    "encrypted {count} credential(s) under a new key, which is now the first key in the key file. \
                     The older keys in this file are needed only for older copies of the store: when no older copy \
                     exists, remove the older keys"
                ),
                Rotated::First(0) => "all credentials are already encrypted under the first key of store.key: to use \
                                      a new key, generate a key with `ccc keygen`, insert the new key in a line before \
                                      the first key, and repeat this command"
                    .to_owned(),
                Rotated::First(count) => format!(
                    "{count} credential(s) were encrypted under older keys and are now encrypted under the first \
                     of the configured keys; no new key was generated"
                ),
            });
            Ok(true)
        }
    }
}

/// Deletes the GitHub App with the ID `args.app_id` from the store. Without an ID, deletes the
/// model's credential. Returns `false` if there was nothing to delete.
async fn clear(config: &Config, args: &ClearArgs) -> Result<bool> {
    let store = open(config).await?;
    let (cleared, what) = match args.app_id {
        Some(app_id) => (apps(config, store)?.clear(app_id).await?, format!("the App {app_id}")),
        None => (model_credential::clear(&*store).await?, "the model's credential".to_owned()),
    };
    say(&if cleared {
        format!("deleted {what} from the store")
    } else {
        format!("nothing was deleted: {what} is not in the store")
    });
    Ok(cleared)
}

/// Prints all stored Apps and the kind of the model's credential, without secrets.
async fn show(config: &Config, json: bool) -> Result<bool> {
    let (mut all, mut model) = (Vec::new(), None);
    if let Some(store) = open_existing(config).await? {
        let apps = apps(config, Arc::clone(&store))?;
        for app_id in apps.list().await? {
            match apps.view(app_id).await {
                Ok(view) => all.extend(view),
                // One damaged App must not prevent the display of the other Apps.
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    let clear = format!(
                        "`ccc config clear --app-id {app_id}` deletes this App from the store"
                    );
                    say(&format!("App {app_id}: {} ({clear})", error.message()));
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
        print(&format!("{:#}", serde_json::json!({ "apps": all, "model": model })))?;
        return Ok(true);
    }
    if let Some(model) = model {
        print(&format!("A credential of the kind {model} is stored for the model's API"))?;
    }
    if all.is_empty() {
        say(
            "no GitHub App is stored: add an App with `ccc config set --app-id N --private-key-file F --webhook-secret-file F`",
        );
    }
    for app in all {
        print(&format!("App {} of {}", app.app_id, app.host))?;
        print(&format!("  private key      {}", app.private_key))?;
        for (number, secret) in app.webhook_secrets.iter().enumerate() {
            let age = if number == 0 { "" } else { "  (previous, still valid)" };
            print(&format!("  webhook secret   {secret}…{age}"))?;
        }
        for installation in &app.installation_ids {
            print(&format!("  installation     {installation}"))?;
        }
    }
    Ok(true)
}
