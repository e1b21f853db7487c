//! Adapters by the names that people write.

use std::path::Path;
use std::sync::Arc;

use ccc_core::{Agent, ContainerRunner, Error, ErrorKind, Result};
use ccc_runner::{CommandAgent, ScriptedAgent, SubprocessRunner};

/// The runner of that name, with its own directory under `data_dir`.
pub(crate) fn runner(kind: &str, data_dir: &Path) -> Result<Arc<dyn ContainerRunner>> {
    match kind {
        "subprocess" => Ok(Arc::new(SubprocessRunner::new(data_dir.join("subprocess"))?)),
        _ => Err(unknown("runner", kind, "subprocess")),
    }
}

/// The agent of that name.
pub(crate) fn agent(kind: &str) -> Result<Arc<dyn Agent>> {
    if let Some(file) = kind.strip_prefix("scripted:") {
        return Ok(Arc::new(ScriptedAgent::from_file(file)?));
    }
    if let Some(line) = kind.strip_prefix("command:") {
        let argv = shlex::split(line).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, format!("`{line}` has an open quote"))
        })?;
        return Ok(Arc::new(CommandAgent::new(argv)?));
    }
    Err(unknown("agent", kind, "scripted:FILE and command:ARGV…"))
}

fn unknown(what: &str, kind: &str, known: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("there is no {what} `{kind}` in this build: it has {known}"),
    )
}
