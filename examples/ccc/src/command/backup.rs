//! `ccc backup`: a copy of the run store and of the encrypted credentials, in one file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use ccc_core::{Error, ErrorKind, Result};
use ccc_store::{FileCredentialStore, SqliteRunStore};
use clap::Args;
use tempfile::NamedTempFile;

use crate::config::Config;
use crate::credentials::directory;
use crate::output::print;

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write. It contains the runs, and the credentials in encrypted form.
    file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
    /// The configuration file. Default: ccc.toml in the current directory, if it exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Writes the backup. A service can use the data directory at the same time.
pub(super) async fn run(args: &BackupArgs) -> Result<()> {
    let config = Config::load_for_command(args.config.as_deref())?;
    let data_dir = config.data_dir()?;
    if args.file.symlink_metadata().is_ok() && !args.force {
        return Err(exists(&args.file));
    }
    let credentials = directory(&config, &data_dir);
    let stored = config.store.kind == "file" && credentials.is_dir();
    let files = match stored {
        true => FileCredentialStore::encrypted_files(credentials).await?,
        false => Vec::new(),
    };
    let failed = |error: io::Error| {
        let line = format!("cannot write the backup {}", args.file.display());
        Error::new(ErrorKind::from_io(&error), line).with_source(error)
    };
    let parent = args.file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    // The mode of a new temporary file is 0600.
    let new = NamedTempFile::new_in(parent).map_err(failed)?;
    SqliteRunStore::back_up(&data_dir.join("runs.sqlite"), new.path(), files).await?;
    let placed = match args.force {
        true => new.persist(&args.file),
        false => new.persist_noclobber(&args.file),
    };
    placed.map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => exists(&args.file),
        _ => failed(e.error),
    })?;
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
    print(&format!("wrote the backup {}", args.file.display()))?;
    if stored {
        print(
            "the credentials in it are encrypted: keep a copy of the encryption key in another place, because \
             the backup does not contain the key",
        )?;
    }
    Ok(())
}

fn exists(file: &Path) -> Error {
    let line = format!(
        "the file {} exists: choose another file, or replace it with --force",
        file.display()
    );
    Error::new(ErrorKind::AlreadyExists, line)
}
