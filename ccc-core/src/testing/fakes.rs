use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::{FakeCredentialStore, FakeHost, FakeRunner, git};
use crate::pipeline::{Pipeline, PipelineBuilder};

/// Test doubles of all parts of a pipeline except the agent. The test doubles store their files in
/// a temporary directory, which is deleted when the `Fakes` value is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> ccc_core::Result<()> {
/// use ccc_core::CancellationToken;
/// use ccc_core::testing::{FakeAgent, Fakes};
///
/// let fakes = Fakes::new(&[("README.md", "hello\n")]);
/// let agent = FakeAgent::default().writes("README.md", "Hello.\n");
/// let pipeline = fakes.pipeline().agent(agent).build()?;
/// let event = fakes.host.open_issue("Greet politely", "");
/// let report = pipeline.run(event, &CancellationToken::new()).await?;
/// assert_eq!(report.outcome.name(), "pull_request");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Fakes {
    /// The VCS host, with one repository.
    pub host: Arc<FakeHost>,
    /// The container runner, which starts no process. Its containers execute only the command lines
    /// in [`FakeRunner::COMMAND_LINES`].
    pub runner: Arc<FakeRunner>,
    /// The credential store, which is empty at first.
    pub credentials: Arc<FakeCredentialStore>,
    directory: TempDir,
}

impl Fakes {
    /// Creates the test doubles. The VCS host's repository has one commit with `files`. Each
    /// element of `files` is the path and the text of a file.
    ///
    /// # Panics
    /// If a call of git or a file operation in the temporary directory fails.
    #[must_use]
    #[track_caller]
    #[allow(clippy::expect_used, reason = "a test cannot continue without its repository")]
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("cannot create a temporary directory");
        let repository = directory.path().join("repository");
        std::fs::create_dir(&repository).expect("cannot create the directory of the repository");
        for (path, text) in files {
            let path = repository.join(path);
            let parent = path.parent().expect("the path of a file must have a parent directory");
            std::fs::create_dir_all(parent).expect("cannot create the parent directory of a file");
            std::fs::write(path, text).expect("cannot write a file of the repository");
        }
        git(&repository, &["init", "--quiet"]);
        git(&repository, &["add", "--all"]);
        git(&repository, &["commit", "--quiet", "--allow-empty", "--message", "Initial commit"]);
        Self {
            host: Arc::new(FakeHost::new(repository)),
            runner: Arc::default(),
            credentials: Arc::default(),
            directory,
        }
    }

    /// Returns the path of the VCS host's git repository, to which a pipeline pushes.
    #[must_use]
    pub fn repository(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// Returns a builder of a pipeline that uses these test doubles. The caller must set the agent,
    /// and can replace any other part.
    #[must_use]
    pub fn pipeline(&self) -> PipelineBuilder {
        Pipeline::builder()
            .host(Arc::clone(&self.host))
            .runner(Arc::clone(&self.runner))
            .credentials(Arc::clone(&self.credentials))
            .data_dir(self.directory.path().join("data"))
    }
}
