//! Limits of a container that the engine does not enforce.

use crate::exit;

/// A limit that a container has exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitBreach {
    /// The workspace holds more bytes than allowed.
    Bytes,
    /// The workspace holds more files and directories than allowed, or one that cannot be counted.
    Entries,
    /// The disk of the workspace is nearly full.
    Disk,
    /// The container had as many processes as allowed, for too long.
    Processes,
}

impl LimitBreach {
    const STATUSES: [(Self, u8); 4] =
        [(Self::Bytes, 71), (Self::Entries, 72), (Self::Processes, 73), (Self::Disk, 76)];

    /// Returns the exit status with which the keeper ends a container for this reason.
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
