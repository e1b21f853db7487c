//! System calls that lead past a network that is not there (spec: X3a).
//!
//! The engine has a filter of its own, and this stands before it: what that lets through differs from one
//! version to the next. A filter holds for everything that is started under it, and cannot be taken off.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// The families that stay inside a network namespace, and say nothing to anybody outside of it. All others
/// are refused: virtual machines' sockets (`AF_VSOCK`) and others know no namespaces at all.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The same calls once more, for programs that use the other numbers of x86-64.
#[cfg(target_arch = "x86_64")]
const AGAIN: &[i64] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const AGAIN: &[i64] = &[0];

/// Puts the filter before everything that this thread, and threads and programs that it starts, will ask for.
pub(crate) fn install() -> io::Result<()> {
    let families = refuse(socket_rules().map_err(io::Error::other)?, libc::EAFNOSUPPORT)?;
    // Does the same by other means, unseen by filters; programs go on without it where there is none.
    let rings = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
    let rings = refuse(rings.map(|call| (call, Vec::new())).into(), libc::ENOSYS)?;
    // Limits of another process: ours, by which it would make us blind.
    let other = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, 0);
    let other = other.and_then(|other| SeccompRule::new(vec![other])).map_err(io::Error::other)?;
    let limits = refuse([(libc::SYS_prlimit64, vec![other])].into(), libc::EPERM)?;
    for filter in [families, rings, limits] {
        apply_filter(&filter).map_err(io::Error::other)?;
    }
    Ok(())
}

fn socket_rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let others = FAMILIES.iter().map(|family| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    });
    let rule = SeccompRule::new(others.collect::<Result<_, _>>()?)?;
    Ok([libc::SYS_socket, libc::SYS_socketpair].map(|call| (call, vec![rule.clone()])).into())
}

/// A filter that answers these calls with an error, and programs of another architecture with their end:
/// their calls have other numbers.
fn refuse(
    calls: BTreeMap<i64, Vec<SeccompRule>>,
    errno: i32,
) -> io::Result<seccompiler::BpfProgram> {
    let all = AGAIN
        .iter()
        .flat_map(|more| calls.iter().map(move |(call, rules)| (call + more, rules.clone())));
    let filter = SeccompFilter::new(
        all.collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        std::env::consts::ARCH.try_into().map_err(io::Error::other)?,
    );
    filter.and_then(TryInto::try_into).map_err(io::Error::other)
}
