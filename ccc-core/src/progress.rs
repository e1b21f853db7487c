//! The durable progress of a run, from which a resumed run continues.

use serde::{Deserialize, Serialize};

use crate::agent::AgentReport;
use crate::branch_name::BranchName;
use crate::id::ObjectId;
use crate::policy::applied::AppliedPolicy;
use crate::vcs::PullRequest;
use crate::{Error, ErrorKind, Result, Stage};

/// The version of the JSON that [`Progress::to_json`] writes. Every change to the fields of a
/// variant of [`Progress`] requires a new version.
pub const PROGRESS_VERSION: u32 = 2;

/// The durable progress of a run. Each variant contains all data that the later stages need.
/// Therefore a run that is resumed after Collect does not start the agent a second time, which
/// would cost money.
///
/// The serialized form always contains [`PROGRESS_VERSION`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Versioned", into = "Versioned")]
pub enum Progress {
    /// No change of the agent is stored yet: a resumed run starts again with [`Stage::Authorize`].
    Accepted(AcceptedRun),
    /// The agent's change is stored as a git tree: a resumed run continues with [`Stage::Commit`].
    Collected(CollectedRun),
    /// The agent's change is stored as a git commit: a resumed run continues with
    /// [`Stage::Publish`].
    Committed(CommittedRun),
    /// The pull request is open: a resumed run continues with [`Stage::Report`].
    Published(PublishedRun),
}

/// The progress of a run that has not yet completed the stage Collect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedRun {
    /// The last stage that the run has completed, from [`Stage::Accept`] to [`Stage::Work`]. This
    /// value is only displayed: a resumed run starts again with [`Stage::Authorize`].
    pub finished: Stage,
    /// The report of the agent, for the run's comment; `None` if the agent has not ended yet.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub report: Option<AgentReport>,
    /// The network hosts to which the egress proxy denied access. The run's comment lists these
    /// hosts.
    pub denied_hosts: Vec<String>,
    /// The policy that is applied to the run; `None` until a worker has started the run.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub policy: Option<AppliedPolicy>,
}

/// The progress of a run whose change is stored as a tree in the run's own git directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectedRun {
    /// The branch and the commit that the change is based on.
    pub base: Base,
    /// The git tree that contains the change; `None` if the agent changed nothing.
    #[serde(deserialize_with = "crate::json::nullable")]
    pub tree: Option<ObjectId>,
    /// The report that the agent returned.
    pub report: AgentReport,
    /// The network hosts to which the egress proxy denied access. The run's comment lists these
    /// hosts.
    pub denied_hosts: Vec<String>,
    /// The policy that was applied to the run.
    pub policy: AppliedPolicy,
}

/// The progress of a run whose change is stored as a commit in the run's own git directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedRun {
    /// The branch and the commit that the change is based on.
    pub base: Base,
    /// The git tree of `commit`.
    pub tree: ObjectId,
    /// The commit that contains the change.
    pub commit: ObjectId,
    /// The branch to push the commit to.
    pub branch: BranchName,
    /// The report that the agent returned.
    pub report: AgentReport,
    /// The network hosts to which the egress proxy denied access. The run's comment lists these
    /// hosts.
    pub denied_hosts: Vec<String>,
    /// The policy that was applied to the run.
    pub policy: AppliedPolicy,
}

/// The progress of a run whose pull request is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedRun {
    /// The pull request that contains the change.
    pub pull_request: PullRequest,
    /// The report that the agent returned.
    pub report: AgentReport,
    /// The network hosts to which the egress proxy denied access. The run's comment lists these
    /// hosts.
    pub denied_hosts: Vec<String>,
    /// The policy that was applied to the run.
    pub policy: AppliedPolicy,
}

/// The branch and the commit that a run's change is based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The name of the branch that the pull request is to be merged into.
    pub branch: String,
    /// The newest commit of `branch` at the time of the stage Checkout.
    pub commit: ObjectId,
}

impl Default for Progress {
    /// Returns the progress of a newly accepted run.
    fn default() -> Self {
        Self::accepted(Stage::Accept)
    }
}

impl Progress {
    /// Returns the progress of a run whose agent has not reported yet. `finished` is the last stage
    /// that the run has completed, and must not be later than [`Stage::Work`].
    #[must_use]
    pub fn accepted(finished: Stage) -> Self {
        let run = AcceptedRun { finished, report: None, denied_hosts: Vec::new(), policy: None };
        Self::Accepted(run)
    }

    /// Returns the policy that was applied to the run; `None` until a worker has started the run.
    #[must_use]
    pub fn policy(&self) -> Option<&AppliedPolicy> {
        match self {
            Self::Accepted(run) => run.policy.as_ref(),
            Self::Collected(run) => Some(&run.policy),
            Self::Committed(run) => Some(&run.policy),
            Self::Published(run) => Some(&run.policy),
        }
    }

    /// Returns the report of the agent; `None` if the agent has not ended yet.
    #[must_use]
    pub fn report(&self) -> Option<&AgentReport> {
        match self {
            Self::Accepted(run) => run.report.as_ref(),
            Self::Collected(run) => Some(&run.report),
            Self::Committed(run) => Some(&run.report),
            Self::Published(run) => Some(&run.report),
        }
    }

    /// Returns the last stage that the run has completed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Accepted(run) => run.finished,
            Self::Collected(_) => Stage::Collect,
            Self::Committed(_) => Stage::Commit,
            Self::Published(_) => Stage::Publish,
        }
    }

    /// Returns the JSON that a run store persists: `{"version": 2, "progress": {…}}`.
    ///
    /// # Errors
    /// None in practice, because every field can be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "cannot write the progress of a run as JSON")
                .with_source(e)
        })
    }

    /// Reads the JSON that [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the version is not [`PROGRESS_VERSION`], if a field is missing,
    /// unknown or of the wrong type, or if the run's stage is unknown or does not fit the variant.
    /// The message names the problem. The caller must then neither execute the run nor delete any
    /// of its data.
    ///
    /// # Examples
    ///
    /// ```
    /// use ccc_core::{ErrorKind, Progress, Stage};
    ///
    /// let json = Progress::accepted(Stage::Accept).to_json()?;
    /// assert_eq!(Progress::from_json(json.as_bytes())?.stage(), Stage::Accept);
    ///
    /// // JSON with an unknown version is rejected.
    /// let error = Progress::from_json(br#"{"version":99,"accepted":{}}"#).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Corrupt);
    /// # Ok::<(), ccc_core::Error>(())
    /// ```
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
                let why = format!(
                    "the field `finished` must not be a stage after Work, but is `{finished}`"
                );
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
        "the stored progress has version {version}, but this program reads only version \
         {PROGRESS_VERSION}: continue the run with the program version that wrote the progress"
    )))
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| corrupt(e.to_string()))
}

fn corrupt(why: String) -> Error {
    Error::new(ErrorKind::Corrupt, format!("cannot read the progress of the run: {why}"))
}

#[cfg(test)]
mod tests;
