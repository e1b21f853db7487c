//! The system call filter: blocks the calls that bypass a missing network (spec: X3a).
//!
//! The engine has a filter of its own, and this stands before it: what that lets through differs
//! from one version to the next. A filter holds for everything that is started under it, and cannot
//! be taken off.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// The families that stay inside a network namespace, and say nothing to anybody outside of it. All
/// others are refused: virtual machines' sockets (`AF_VSOCK`) and others know no namespaces at all.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The same calls once more, for programs that use the other numbers of x86-64.
#[cfg(target_arch = "x86_64")]
const AGAIN: &[i64] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const AGAIN: &[i64] = &[0];

/// Puts the filter before everything that this thread, and threads and programs that it starts,
/// will ask for.
pub(crate) fn install() -> io::Result<()> {
    let families = refuse(socket_rules().map_err(io::Error::other)?, libc::EAFNOSUPPORT)?;
    // Does the same by other means, unseen by filters; programs go on without it where there is
    // none.
    let rings = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
    let rings = refuse(rings.map(|call| (call, Vec::new())).into(), libc::ENOSYS)?;
    let others = refuse(other_process_rules().map_err(io::Error::other)?, libc::EPERM)?;
    for filter in [families, rings, others] {
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

/// Limits and scheduling of another process: of ours, by which programs would make us blind, or so
/// slow that nobody can end the container any more, because a process must run once to be killed.
fn other_process_rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let unless = |argument: u8, value: u64| {
        let dword = SeccompCmpArgLen::Dword;
        let differs = SeccompCondition::new(argument, dword, SeccompCmpOp::Ne, value)?;
        SeccompRule::new(vec![differs])
    };
    // Of the caller alone: process 0.
    let mut rules = BTreeMap::new();
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setaffinity,
    ] {
        rules.insert(call, vec![unless(0, 0)?]);
    }
    // Here a kind comes first, and only one of them is a process: setpriority(2), ioprio_set(2).
    for (call, process) in [(libc::SYS_setpriority, 0), (libc::SYS_ioprio_set, 1)] {
        rules.insert(call, vec![unless(0, process)?, unless(1, 0)?]);
    }
    Ok(rules)
}

/// A filter that answers these calls with an error, and programs of another architecture with their
/// end: their calls have other numbers.
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
