use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::{FakeCredentialStore, FakeHost, FakeRunner, git};
use crate::pipeline::{Pipeline, PipelineBuilder};

/// Fakes for everything that a pipeline needs except its agent, in a temporary directory.
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
    /// The container runner.
    pub runner: Arc<FakeRunner>,
    /// The credential store, which is empty.
    pub credentials: Arc<FakeCredentialStore>,
    directory: TempDir,
}

impl Fakes {
    /// Creates the fakes. The repository has one commit with `files`, each a path and a text.
    ///
    /// # Panics
    /// If git, or a file operation in the temporary directory, fails.
    #[must_use]
    #[track_caller]
    #[allow(clippy::expect_used, reason = "a test cannot go on without its repository")]
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory must be created");
        let repository = directory.path().join("repository");
        std::fs::create_dir(&repository).expect("the repository's directory must be created");
        for (path, text) in files {
            let path = repository.join(path);
            let parent = path.parent().expect("a file has a directory");
            std::fs::create_dir_all(parent).expect("the file's directory must be created");
            std::fs::write(path, text).expect("the file must be written");
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

    /// Returns the directory of the repository. The pipeline pushes to it.
    #[must_use]
    pub fn repository(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// Returns the builder of a pipeline over these fakes. Set at least the agent, and replace any
    /// other part.
    #[must_use]
    pub fn pipeline(&self) -> PipelineBuilder {
        Pipeline::builder()
            .host(Arc::clone(&self.host))
            .runner(Arc::clone(&self.runner))
            .credentials(Arc::clone(&self.credentials))
            .data_dir(self.directory.path().join("data"))
    }
}
