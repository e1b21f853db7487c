//! Probes, and the table that shows them.

use bollard::models::ContainerCreateBody;
use ccc_runner::{EgressRule, Rule};
use ccc_tests::page::Row;

use super::lures::Lures;

/// One attempt to escape from a container, or to move data out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    /// The agent's program, as a shell script after [`super::script::PRELUDE`], the same in both
    /// containers. The locations of the targets are in its environment: see [`Lures::env`].
    pub(crate) script: &'static str,
    pub(crate) harm: Harm,
    pub(crate) weak: Weak,
    pub(crate) wall: Protection,
}

/// The evidence that a probe succeeded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Harm {
    /// The secret is in its output, and was not in its input.
    Reads,
    /// A listener of the test received data from it.
    Reaches,
    /// The model API received a request from it.
    Asks,
    /// The script ended with status 0. The text describes its action.
    Does(&'static str),
}

/// The protection that the weakened container lacks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weak {
    pub(crate) text: &'static str,
    pub(crate) change: Change,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// The container is created from another request body.
    Container(fn(&mut ContainerCreateBody, &Lures)),
    /// The container's model proxy lacks a rule.
    ModelProxy(Rule),
    /// The container's egress proxy lacks a rule.
    Egress(EgressRule),
}

/// The protection that stops a probe in the container of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protection {
    pub(crate) text: &'static str,
    /// Texts in the script's output, of which at least one must occur. It proves that the probe
    /// failed for this reason.
    pub(crate) says: &'static [&'static str],
}

pub(crate) const NO_NETWORK: Protection =
    Protection { text: "no network", says: &["Network is unreachable"] };
pub(crate) const OWN_NETWORK: Protection =
    Protection { text: "only its own network namespace", says: &["Connection refused"] };
pub(crate) const OWN_PROCESSES: Protection =
    Protection { text: "sees only its own processes", says: &["process 1 is ccc-keeper"] };
pub(crate) const NOT_THERE: Protection =
    Protection { text: "no such file in the container", says: &["No such file or directory"] };
pub(crate) const READ_ONLY: Protection =
    Protection { text: "read-only file system", says: &["Read-only file system"] };
pub(crate) const NO_CAPABILITY: Protection =
    Protection { text: "capability is missing", says: &["Operation not permitted"] };
pub(crate) const FILTERED: Protection =
    Protection { text: "system call is filtered", says: &["Operation not permitted"] };

impl Probe {
    /// Returns the expected row of the table.
    pub(crate) fn row(&self) -> Row {
        let weak = format!("{}: {}", self.weak.text, self.harm.text());
        [self.name.to_owned(), weak, self.wall.text.to_owned()]
    }
}

impl Harm {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Reads => "reads the secret",
            Self::Reaches => "reaches the listener",
            Self::Asks => "reaches the API",
            Self::Does(what) => what,
        }
    }
}

/// Formats the rows as `SECURITY.md` shows them.
pub(crate) fn table(rows: &[Row]) -> String {
    ccc_tests::page::table(
        ["attempt", "in a weakened container", "in the container of a run"],
        rows,
    )
}
