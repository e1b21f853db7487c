//! POSIX access control lists of directories (spec: X18e).
//!
//! An access control list (ACL) can permit further users and groups to write a directory. The group
//! bits of the mode then show the union of these permissions, not those of the directory's group.

use std::fmt;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{fgetxattr, fremovexattr, lgetxattr};
use rustix::io::Errno;

/// The extended attribute with the ACL that the kernel checks.
const ACCESS: &str = "system.posix_acl_access";
/// The extended attribute of a directory with the ACL that its new entries get.
const DEFAULT: &str = "system.posix_acl_default";
/// Maximum size of an extended attribute on Linux, in bytes.
const MAX_SIZE: usize = 65_536;
/// The version of the format, the first four bytes.
const VERSION: u32 = 2;

const WRITE: u16 = 2;
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;

/// A class of users in an ACL, other than the owner of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    User(u32),
    OwningGroup,
    Group(u32),
    Others,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(uid) => write!(f, "the user with UID {uid}"),
            Self::OwningGroup => f.write_str("its group"),
            Self::Group(gid) => write!(f, "the group with GID {gid}"),
            Self::Others => f.write_str("all users"),
        }
    }
}

/// The permissions in an ACL, after its mask has been applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Acl(Vec<(Subject, u16)>);

impl Acl {
    /// Returns the ACL of the file `path`, or `None` if the mode of the file is complete. Does not
    /// follow a symlink in the last component.
    pub(super) fn access(path: &Path) -> Result<Option<Self>, Errno> {
        let mut buffer = vec![0; MAX_SIZE];
        let size = lgetxattr(path, ACCESS, &mut buffer[..]);
        Self::from_xattr(size, &buffer)
    }

    /// Returns the ACL that new entries of the open directory get, or `None` if they get none.
    pub(super) fn default_of(directory: impl AsFd) -> Result<Option<Self>, Errno> {
        let mut buffer = vec![0; MAX_SIZE];
        let size = fgetxattr(directory, DEFAULT, &mut buffer[..]);
        Self::from_xattr(size, &buffer)
    }

    /// Removes the ACL that new entries of the open directory get.
    pub(super) fn remove_default(directory: impl AsFd) -> Result<(), Errno> {
        fremovexattr(directory, DEFAULT)
    }

    fn from_xattr(size: Result<usize, Errno>, buffer: &[u8]) -> Result<Option<Self>, Errno> {
        match size {
            // The file has no ACL, or the file system stores none.
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
            Err(e) => Err(e),
            Ok(size) => {
                let bytes = buffer.get(..size).unwrap_or_default();
                Self::parse(bytes).map(Some).ok_or(Errno::INVAL)
            }
        }
    }

    /// Parses the contents of the extended attribute. Returns `None` if the format is unknown.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (version, entries) = bytes.split_first_chunk::<4>()?;
        let (entries, []) = entries.as_chunks::<8>() else {
            return None;
        };
        if u32::from_le_bytes(*version) != VERSION {
            return None;
        }
        let (mut permissions, mut mask) = (Vec::new(), u16::MAX);
        for &[t0, t1, p0, p1, i0, i1, i2, i3] in entries {
            let permitted = u16::from_le_bytes([p0, p1]);
            let id = u32::from_le_bytes([i0, i1, i2, i3]);
            let subject = match u16::from_le_bytes([t0, t1]) {
                OWNER => continue,
                MASK => {
                    mask = permitted;
                    continue;
                }
                USER => Subject::User(id),
                OWNING_GROUP => Subject::OwningGroup,
                GROUP => Subject::Group(id),
                OTHERS => Subject::Others,
                _ => return None,
            };
            permissions.push((subject, permitted));
        }
        for (subject, permitted) in &mut permissions {
            if *subject != Subject::Others {
                *permitted &= mask;
            }
        }
        Some(Self(permissions))
    }

    /// Returns the users and groups that may write, other than the owner.
    pub(super) fn writers(&self) -> impl Iterator<Item = Subject> {
        self.0.iter().filter(|(_, permitted)| permitted & WRITE != 0).map(|(subject, _)| *subject)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    fn bytes(version: u32, entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = version.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_mask_applies_to_all_entries_but_those_of_the_owner_and_of_others() {
        // spec: X18e
        let all = |mask| {
            let entries = [
                (OWNER, 7, u32::MAX),
                (USER, 7, 1001),
                (USER, 5, 1002),
                (OWNING_GROUP, 6, u32::MAX),
                (GROUP, 2, 50),
                (MASK, mask, u32::MAX),
                (OTHERS, 7, u32::MAX),
            ];
            Acl::parse(&bytes(2, &entries)).unwrap()
        };
        let writers: Vec<_> = all(7).writers().collect();
        let expected =
            [Subject::User(1001), Subject::OwningGroup, Subject::Group(50), Subject::Others];
        assert_eq!(writers, expected);
        assert_eq!(all(5).writers().collect::<Vec<_>>(), [Subject::Others]);
        let shown: Vec<_> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(shown[..2], ["the user with UID 1001", "its group"]);
    }

    #[test]
    fn an_unknown_format_is_no_acl() {
        let mut cut = bytes(2, &[(USER, 7, 1)]);
        cut.pop();
        for bytes in [vec![], vec![2, 0], bytes(1, &[]), bytes(2, &[(0x40, 7, 1)]), cut] {
            assert_eq!(Acl::parse(&bytes), None, "{bytes:?}");
        }
        let large = Acl::from_xattr(Ok(MAX_SIZE + 1), &[0; 8]);
        assert_eq!(large, Err(Errno::INVAL));
        for errno in [Errno::NODATA, Errno::OPNOTSUPP] {
            assert_eq!(Acl::from_xattr(Err(errno), &[]), Ok(None));
        }
    }
}
