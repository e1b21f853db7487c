//! The system call filter, which blocks calls that reach outside the container although it has no
//! network (spec: X3a).
//!
//! The filter applies in addition to the engine's own filter, which permits different calls from
//! one version to the next. It applies to every program that is started under it, and cannot be
//! removed.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// The socket address families that are confined to the container's network namespace. All others
/// are refused, because some, such as `AF_VSOCK` of virtual machines, ignore network namespaces.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Offsets of the system call numbers. On x86-64, programs of the x32 ABI use the same numbers plus
/// `0x4000_0000`.
#[cfg(target_arch = "x86_64")]
const SYSCALL_OFFSETS: &[i64] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const SYSCALL_OFFSETS: &[i64] = &[0];

/// Installs the filter for this thread, and for all threads and programs that it starts.
pub(crate) fn install() -> io::Result<()> {
    let families = refuse(socket_rules().map_err(io::Error::other)?, libc::EAFNOSUPPORT)?;
    // io_uring can create sockets without a call that a filter sees. Programs continue without
    // io_uring if it fails with `ENOSYS`.
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

/// Returns rules against changes to the limits and the scheduling of another process. With such
/// changes to the keeper, a program could stop the monitoring, or delay the keeper so much that the
/// container cannot be ended, because a process must run once to be killed.
fn other_process_rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let unless = |argument: u8, value: u64| {
        let dword = SeccompCmpArgLen::Dword;
        let differs = SeccompCondition::new(argument, dword, SeccompCmpOp::Ne, value)?;
        SeccompRule::new(vec![differs])
    };
    // PID 0 is the calling process, which may change its own limits and scheduling.
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
    // The first argument of these calls says whether the second is a process, a process group or a
    // user: setpriority(2), ioprio_set(2).
    for (call, process) in [(libc::SYS_setpriority, 0), (libc::SYS_ioprio_set, 1)] {
        rules.insert(call, vec![unless(0, process)?, unless(1, 0)?]);
    }
    Ok(rules)
}

/// Returns a filter that fails these calls with `errno`. It kills programs of another architecture,
/// because their calls have other numbers.
fn refuse(
    calls: BTreeMap<i64, Vec<SeccompRule>>,
    errno: i32,
) -> io::Result<seccompiler::BpfProgram> {
    let all = SYSCALL_OFFSETS
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
