//! Limits of a container that the engine does not enforce.

use crate::exit;

/// A limit that a container has exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitBreach {
    /// The workspace uses more bytes than allowed.
    Bytes,
    /// The workspace contains more entries than allowed, or an entry that cannot be counted.
    Entries,
    /// The disk of the workspace is nearly full.
    Disk,
    /// The container was at its process limit for too long.
    Processes,
}

impl LimitBreach {
    const STATUSES: [(Self, u8); 4] =
        [(Self::Bytes, 71), (Self::Entries, 72), (Self::Processes, 73), (Self::Disk, 76)];

    /// Returns the status with which the keeper exits, and ends the container, for this reason.
    #[must_use]
    pub fn status(self) -> u8 {
        let found = Self::STATUSES.iter().find(|(breach, _)| *breach == self);
        found.map_or(exit::BAD_START, |(_, status)| *status)
    }

    /// Returns the limit whose exit status this is.
    #[must_use]
    pub fn from_status(status: i64) -> Option<Self> {
        let found = Self::STATUSES.iter().find(|(_, known)| i64::from(*known) == status);
        found.map(|(breach, _)| *breach)
    }
}
