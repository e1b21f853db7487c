//! What a probe is, and the table that it is a row of.

use bollard::models::ContainerCreateBody;
use ccc_runner::{EgressRule, Rule};
use ccc_tests::page::Row;

use super::lures::Lures;

/// One way to get out of a container, or to get something out of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    /// What the agent runs, as a shell script after [`super::script::PRELUDE`], in either container alike.
    /// The lures are in its environment: see [`Lures::env`].
    pub(crate) script: &'static str,
    pub(crate) harm: Harm,
    pub(crate) weak: Weak,
    pub(crate) wall: Wall,
}

/// How the test knows that it worked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Harm {
    /// The secret is in its output, and was in nothing that it got.
    Reads,
    /// A listener of the test heard from it.
    Reaches,
    /// The model's API heard from it.
    Asks,
    /// The script ended with 0, which is to say that it does this.
    Does(&'static str),
}

/// What the weakened container lacks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weak {
    pub(crate) text: &'static str,
    pub(crate) change: Change,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// The container is another one.
    Container(fn(&mut ContainerCreateBody, &Lures)),
    /// The container is ours, and its model proxy lacks a rule.
    ModelProxy(Rule),
    /// The container is ours, and its way to listed hosts lacks a rule.
    Egress(EgressRule),
}

/// What stands in the way in our container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wall {
    pub(crate) text: &'static str,
    /// One of these is in the script's output: it failed for this reason and no other.
    pub(crate) says: &'static [&'static str],
}

pub(crate) const NO_NETWORK: Wall =
    Wall { text: "no network to reach it by", says: &["Network is unreachable"] };
pub(crate) const OWN_NETWORK: Wall =
    Wall { text: "sockets of its own network alone", says: &["Connection refused"] };
pub(crate) const OWN_PROCESSES: Wall =
    Wall { text: "sees its own processes alone", says: &["process 1 is ccc-keeper"] };
pub(crate) const NOT_THERE: Wall =
    Wall { text: "no such file in it", says: &["No such file or directory"] };
pub(crate) const READ_ONLY: Wall =
    Wall { text: "the file system is read-only", says: &["Read-only file system"] };
pub(crate) const NO_POWER: Wall =
    Wall { text: "no capability for it", says: &["Operation not permitted"] };
pub(crate) const FILTERED: Wall =
    Wall { text: "the system call is filtered", says: &["Operation not permitted"] };

impl Probe {
    /// Its row when all is well.
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

/// The rows as `SECURITY.md` shows them.
pub(crate) fn table(rows: &[Row]) -> String {
    ccc_tests::page::table(["what is tried", "in a weakened container", "in ours"], rows)
}
