//! The system call filter. It blocks sockets that could connect to systems outside the container,
//! even if the container has no network. It also blocks changes to the limits and the scheduling of
//! other processes (spec: X3a).
//!
//! This filter applies in addition to the engine's own filter, because the engine's filter permits
//! different calls in different versions of the engine. After installation, this filter applies to
//! every program that the keeper starts, and cannot be removed.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// The socket address families that are confined to the container's network namespace. Sockets of
/// all other families are refused, because some families ignore network namespaces, for example
/// `AF_VSOCK` in virtual machines.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The offsets that are added to each system call number to block all forms of the call. On x86-64,
/// programs of the x32 ABI use the same numbers plus `0x4000_0000`.
#[cfg(target_arch = "x86_64")]
const SYSCALL_OFFSETS: &[i64] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const SYSCALL_OFFSETS: &[i64] = &[0];

/// Installs the filter for this thread, and for all threads and programs that this thread starts.
/// The filter blocks sockets outside [`FAMILIES`], `io_uring`, and changes to the limits and the
/// scheduling of other processes.
pub(crate) fn install() -> io::Result<()> {
    let families = refuse(socket_rules().map_err(io::Error::other)?, libc::EAFNOSUPPORT)?;
    // io_uring can create sockets without a system call that a filter sees. Programs continue
    // without io_uring if its calls fail with `ENOSYS`.
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

/// Returns rules that block changes to the limits and the scheduling of other processes. If a
/// program could change the keeper's limits or scheduling, the program could stop the keeper's
/// limit checks. The program could also prevent the end of the container, because the kernel must
/// schedule a killed process once before the process ends.
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

/// Returns a filter that makes the system calls `calls` fail with `errno`. The filter kills
/// programs of other CPU architectures, because system calls have other numbers on those
/// architectures.
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
