//! Reading of files from a repository's default branch.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::event::RepoRef;
use ccc_core::vcs::Grant;
use ccc_core::{Error, ErrorKind, Result};
use http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::client::Call;
use crate::errors::invalid_input;
use crate::host::github::GitHub;

/// The maximum size, in bytes, of a file that is read.
const MAX_FILE: u64 = 1024 * 1024;

impl GitHub {
    /// Reads the file at `path` on the default branch of `repo`. Returns `None` if there is no file
    /// at `path`.
    pub(super) async fn read_file(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Answer {
            File(File),
            Directory(
                #[allow(dead_code, reason = "only the fact that the response is a list is used")]
                Vec<IgnoredAny>,
            ),
        }
        #[derive(Deserialize)]
        struct File {
            #[serde(rename = "type")]
            kind: String,
            size: u64,
            encoding: Option<String>,
            content: Option<String>,
        }
        let parts: Vec<_> = ["contents"].into_iter().chain(path.split('/')).collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            let line = "the path of a file in a repository must be relative, and must not contain \
                        empty parts, `.` or `..`";
            return Err(invalid_input(line));
        }
        let call = Call::get(self.url(repo, &parts)?);
        let file = match self.call(repo, Grant::Read, &call).await {
            Ok(Answer::File(file)) if file.kind == "file" => file,
            Ok(Answer::File(_) | Answer::Directory(_)) => return Ok(None),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if file.size > MAX_FILE {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "the file `{path}` of {repo} is too large: it has {} bytes, and the limit is \
                     1 MiB",
                    file.size
                ),
            ));
        }
        let mut text = file.content.unwrap_or_default();
        text.retain(|c| !c.is_ascii_whitespace());
        match (file.encoding.as_deref(), BASE64_STANDARD.decode(text)) {
            (Some("base64"), Ok(bytes)) => Ok(Some(bytes)),
            _ => Err(Error::new(
                ErrorKind::Unexpected,
                format!("GitHub did not return the file `{path}` of {repo} as valid base64"),
            )),
        }
    }
}
