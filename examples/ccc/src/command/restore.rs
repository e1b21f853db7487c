//! `ccc restore`: replaces the run store and the encrypted credentials by those of a backup.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ccc_core::{Clock as _, Error, ErrorKind, Result, SystemClock};
use ccc_store::{FileCredentialStore, SqliteRunStore};
use clap::Args;

use crate::config::Config;
use crate::credentials::directory;
use crate::output::print;
use crate::pipeline::open_data_dir;

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The file that `ccc backup` has written.
    file: PathBuf,
    /// The configuration file. Default: ccc.toml in the current directory, if it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Restores the backup. Fails while a service uses the data directory.
pub(super) async fn run(args: &RestoreArgs) -> Result<()> {
    let config = Config::load_for_command(args.config.as_deref())?;
    // The value holds the lock of the data directory.
    let git = open_data_dir(&config).await?;
    let data_dir = git.root().to_owned();
    let database = data_dir.join("runs.sqlite");
    let time = SystemClock.now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
    let replaced = with_suffix(&database, &time);
    let had_runs = database.exists();
    let files = SqliteRunStore::restore(&args.file, &database, &replaced).await?;
    print(&format!("restored the runs of {}", args.file.display()))?;
    if had_runs {
        print(&format!("the former run store is {}", replaced.display()))?;
    }
    if files.is_empty() {
        return Ok(());
    }
    if config.store.kind != "file" {
        let line =
            "the backup also has credentials, which are not restored: store.kind is not `file`";
        return print(line);
    }
    let credentials = directory(&config, &data_dir);
    if credentials.is_dir() {
        let replaced = with_suffix(&credentials, &time);
        std::fs::rename(&credentials, &replaced).map_err(|error| {
            let line = format!("cannot rename the directory {}", credentials.display());
            Error::new(ErrorKind::from_io(&error), line).with_source(error)
        })?;
        print(&format!("the former credentials are in {}", replaced.display()))?;
    }
    FileCredentialStore::write_encrypted_files(credentials, files).await?;
    print("restored the credentials: they need the encryption key with which they were written")
}

fn with_suffix(path: &Path, time: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(format!(".replaced-{time}"));
    name.into()
}
