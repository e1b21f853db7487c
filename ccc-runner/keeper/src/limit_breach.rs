//! The limits that the keeper enforces in its container, because the engine does not enforce them.
//! For each exceeded limit, the keeper ends with a different exit status.

use crate::exit;

/// A limit that a container has exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitBreach {
    /// The files of the workspace use more bytes of the disk than allowed.
    Bytes,
    /// The workspace contains more files, directories and other entries than allowed, or an entry
    /// that cannot be counted.
    Entries,
    /// The disk that contains the workspace is nearly full.
    Disk,
    /// The container was at its limit on processes and threads for too long.
    Processes,
}

impl LimitBreach {
    const STATUSES: [(Self, u8); 4] =
        [(Self::Bytes, 71), (Self::Entries, 72), (Self::Processes, 73), (Self::Disk, 76)];

    /// Returns the exit status with which the keeper ends the container because of this breach.
    #[must_use]
    pub fn status(self) -> u8 {
        let found = Self::STATUSES.iter().find(|(breach, _)| *breach == self);
        found.map_or(exit::BAD_START, |(_, status)| *status)
    }

    /// Returns the breach for which the keeper exits with `status`. Returns `None` if `status` has
    /// another meaning.
    #[must_use]
    pub fn from_status(status: i64) -> Option<Self> {
        let found = Self::STATUSES.iter().find(|(_, known)| i64::from(*known) == status);
        found.map(|(breach, _)| *breach)
    }
}
