//! The durable progress of a run, from which a resumed run continues.

use serde::{Deserialize, Serialize};

use crate::agent::AgentReport;
use crate::branch_name::BranchName;
use crate::id::ObjectId;
use crate::vcs::PullRequest;
use crate::{Error, ErrorKind, Result, Stage};

/// The version of the JSON that [`Progress::to_json`] writes. It changes with every change of a
/// variant's fields.
pub const PROGRESS_VERSION: u32 = 1;

/// The durable progress of a run. Each variant contains all data that the later stages need.
/// Therefore a run that is resumed after Collect does not run the agent, which costs money, again.
///
/// Every form that serde writes or reads carries the version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Versioned", into = "Versioned")]
pub enum Progress {
    /// No work is saved yet: a resumed run starts again with [`Stage::Authorize`].
    Accepted(AcceptedRun),
    /// The agent's change is a tree: a resumed run continues with [`Stage::Commit`].
    Collected(CollectedRun),
    /// The change is a commit: a resumed run continues with [`Stage::Publish`].
    Committed(CommittedRun),
    /// The pull request is open: a resumed run continues with [`Stage::Report`].
    Published(PublishedRun),
}

/// A run whose work is not collected yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedRun {
    /// The last stage that ended, [`Stage::Accept`] to [`Stage::Work`], for display only.
    pub finished: Stage,
    /// The report of an agent whose work was lost, for the run's comment.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub report: Option<AgentReport>,
    /// The hosts that an egress proxy denied to the run's programs; for the run's comment.
    pub denied_hosts: Vec<String>,
}

/// A run whose work is in the run's own git directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectedRun {
    /// The commit that the work starts from.
    pub base: Base,
    /// The tree with the change; `None` when the agent changed nothing.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub tree: Option<ObjectId>,
    /// The agent's report.
    pub report: AgentReport,
    /// The hosts that an egress proxy denied to the run's programs.
    pub denied_hosts: Vec<String>,
}

/// A run whose commit is in the run's own git directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedRun {
    /// The commit that the work starts from.
    pub base: Base,
    /// The tree of the commit.
    pub tree: ObjectId,
    /// The commit.
    pub commit: ObjectId,
    /// The branch to push the commit to.
    pub branch: BranchName,
    /// The agent's report.
    pub report: AgentReport,
    /// The hosts that an egress proxy denied to the run's programs.
    pub denied_hosts: Vec<String>,
}

/// A run whose pull request is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedRun {
    /// The pull request.
    pub pull_request: PullRequest,
    /// The agent's report.
    pub report: AgentReport,
    /// The hosts that an egress proxy denied to the run's programs.
    pub denied_hosts: Vec<String>,
}

/// The starting point of a run's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The branch that the pull request goes into.
    pub branch: String,
    /// The commit of that branch at the time of Checkout.
    pub commit: ObjectId,
}

impl Default for Progress {
    /// Returns the progress of a newly accepted run.
    fn default() -> Self {
        Self::accepted(Stage::Accept)
    }
}

impl Progress {
    /// Returns the progress of a run whose last ended stage is `finished` and that has no report
    /// yet.
    #[must_use]
    pub fn accepted(finished: Stage) -> Self {
        Self::Accepted(AcceptedRun { finished, report: None, denied_hosts: Vec::new() })
    }

    /// Returns the last stage that ended.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Accepted(run) => run.finished,
            Self::Collected(_) => Stage::Collect,
            Self::Committed(_) => Stage::Commit,
            Self::Published(_) => Stage::Publish,
        }
    }

    /// Returns the JSON that a run store persists: `{"version": 1, "progress": {…}}`.
    ///
    /// # Errors
    /// None in practice, because every field can be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "cannot write a run's progress").with_source(e)
        })
    }

    /// Reads the JSON that [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for another version, for a field that is missing, unknown or of
    /// another type, and for a stage that does not exist. The message names the problem. The caller
    /// must neither execute that run nor delete any of its data.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        // The version is checked first, because the fields of another version are unknown.
        let Version { version } = parse(json)?;
        check_version(version)?;
        parse(json)
    }
}

impl From<CollectedRun> for Progress {
    fn from(run: CollectedRun) -> Self {
        Self::Collected(run)
    }
}

impl From<CommittedRun> for Progress {
    fn from(run: CommittedRun) -> Self {
        Self::Committed(run)
    }
}

impl From<PublishedRun> for Progress {
    fn from(run: PublishedRun) -> Self {
        Self::Published(run)
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Versioned {
    version: u32,
    progress: Variant,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Variant {
    Accepted(AcceptedRun),
    Collected(CollectedRun),
    Committed(CommittedRun),
    Published(PublishedRun),
}

impl From<Progress> for Versioned {
    fn from(progress: Progress) -> Self {
        let progress = match progress {
            Progress::Accepted(run) => Variant::Accepted(run),
            Progress::Collected(run) => Variant::Collected(run),
            Progress::Committed(run) => Variant::Committed(run),
            Progress::Published(run) => Variant::Published(run),
        };
        Self { version: PROGRESS_VERSION, progress }
    }
}

impl TryFrom<Versioned> for Progress {
    type Error = Error;

    fn try_from(stored: Versioned) -> Result<Self> {
        check_version(stored.version)?;
        Ok(match stored.progress {
            Variant::Accepted(AcceptedRun { finished, .. }) if finished > Stage::Work => {
                let why = format!("an accepted run cannot have ended the stage {finished}");
                return Err(corrupt(why));
            }
            Variant::Accepted(run) => Self::Accepted(run),
            Variant::Collected(run) => Self::Collected(run),
            Variant::Committed(run) => Self::Committed(run),
            Variant::Published(run) => Self::Published(run),
        })
    }
}

fn check_version(version: u32) -> Result<()> {
    if version == PROGRESS_VERSION {
        return Ok(());
    }
    Err(corrupt(format!(
        "it has version {version}, and this program reads version {PROGRESS_VERSION}: use the program \
         that wrote it"
    )))
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| corrupt(e.to_string()))
}

fn corrupt(why: String) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the progress of the run cannot be read: {why}"))
}

#[cfg(test)]
mod tests;
