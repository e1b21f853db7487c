//! The check of the directories above the data directory (spec: X18a, X18e, X18f).
//!
//! A user that can rename an entry of one of these directories can replace the data directory. Each
//! of these directories must therefore satisfy two rules:
//!
//! - Its owner is the user of this process, root, or a user outside the user namespace of this
//!   process. The kernel shows all users outside with one UID, the overflow UID (usually 65534). This
//!   UID is accepted only if no user inside the namespace has it.
//! - Only its owner, root and the user of this process may write it. A private group of this user
//!   may write it too: a group without other members. An access control list counts as the kernel
//!   applies it. In a directory with the sticky bit, such as `/tmp`, all users may write, because
//!   only the owner of an entry can rename it.
//!
//! The data directory itself and the directories below it have stricter rules: they belong to the
//! user of this process and have mode 0700.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::accounts::Accounts;
use super::acl::{Acl, Subject};
use super::blocking::refused;
use super::blocking::unusable;
use super::shell_word::shell_word;
use crate::{Error, Result};

const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITE: u32 = 0o020;
const STICKY: u32 = 0o1000;

/// Checks that no other user can replace a directory in the absolute path `directory`, which must
/// not contain symlinks.
///
/// # Errors
/// [`Refused`](crate::ErrorKind::Refused) if another user can replace a directory.
pub(super) fn check_ancestors(directory: &Path, accounts: &Accounts) -> Result<()> {
    for ancestor in directory.ancestors() {
        let found = fs::symlink_metadata(ancestor).map_err(|e| unusable(ancestor, &e))?;
        let (mode, owner) = (found.mode() & 0o7777, found.uid());
        if !accounts.is_trusted(owner) {
            let why = format!(
                "belongs to another user (UID {owner}), who can replace the data directory in it: choose a data directory \
                 elsewhere, or change the owner with `chown`{}",
                accounts.ambiguity(owner)
            );
            return Err(refused(ancestor, &why));
        }
        if mode & (OTHERS_WRITE | GROUP_WRITE) == 0 || mode & STICKY != 0 {
            continue;
        }
        if mode & OTHERS_WRITE != 0 {
            return Err(may_write(ancestor, mode, Subject::Others));
        }
        let private = |gid| accounts.is_private(gid);
        match Acl::access(ancestor).map_err(|e| unusable(ancestor, &e.into()))? {
            None if private(found.gid()) => {}
            None => return Err(may_write(ancestor, mode, Subject::Group(found.gid()))),
            Some(acl) => {
                let other = acl.writers().find(|writer| match writer {
                    Subject::User(uid) => *uid != 0 && !accounts.is_me(*uid),
                    Subject::OwningGroup => !private(found.gid()),
                    Subject::Group(gid) => !private(*gid),
                    Subject::Others => true,
                });
                if let Some(writer) = other {
                    return Err(may_write_by_acl(ancestor, writer));
                }
            }
        }
    }
    Ok(())
}

/// Returns the error of the directory `path`, whose mode permits `writer` to change it.
fn may_write(path: &Path, mode: u32, writer: Subject) -> Error {
    let why = format!(
        "may be written by {writer} (mode {mode:o}), and therefore by other users, who can replace the data directory in it: \
         restrict it with `chmod go-w {}`, or choose a data directory elsewhere{}",
        shell_word(path),
        volume_step(path)
    );
    refused(path, &why)
}

/// Returns the error of the directory `path`, whose ACL permits `writer` to change it.
fn may_write_by_acl(path: &Path, writer: Subject) -> Error {
    let word = shell_word(path);
    let command = match writer {
        Subject::User(uid) => format!("setfacl -x u:{uid} {word}"),
        Subject::Group(gid) => format!("setfacl -x g:{gid} {word}"),
        // With a list, these commands restrict the mask or the entry for others, and permit nothing.
        Subject::OwningGroup => format!("chmod g-w {word}"),
        Subject::Others => format!("chmod o-w {word}"),
    };
    let why = format!(
        "has an access control list by which {writer} may write it and replace the data directory in it: remove this \
         permission with `{command}`, or choose a data directory elsewhere"
    );
    refused(path, &why)
}

/// Returns the continuation of a message that refuses the directory `path`: the steps that make a
/// volume of a container usable. The text is empty if `path` is not a mount point.
pub(super) fn volume_step(path: &Path) -> &'static str {
    let device = |path: &Path| fs::symlink_metadata(path).map(|found| found.dev());
    let mounted = path.parent().is_some_and(
        |above| matches!((device(path), device(above)), (Ok(ours), Ok(above)) if ours != above),
    );
    if !mounted {
        return "";
    }
    ". If it is a volume of a container, create a directory in it with `mkdir -m 700`, as the user of the service and before \
     the service starts (in Kubernetes: in an init container). Mount only this directory (in Kubernetes: with `subPath`)"
}
