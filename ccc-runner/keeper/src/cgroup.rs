//! Memory and process limits of the container, read from control groups of version 1 or 2.

use std::fs;

/// Returns the number of processes of this container that the kernel has killed because memory ran
/// out. Returns 0 if the kernel does not report the number.
pub(crate) fn oom_kills() -> u64 {
    let count = |path, name| {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    count("/sys/fs/cgroup/memory.events", "oom_kill ")
        .or_else(|| count("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill "))
        .unwrap_or(0)
}

/// Returns whether the kernel limits both the memory and the number of processes of the container.
pub(crate) fn has_limits() -> bool {
    let any = |paths: [&str; 2], is_one: fn(u64) -> bool| {
        let read = paths.iter().find_map(|path| fs::read_to_string(path).ok());
        // Without a limit, the file contains `max`, or a number of bytes larger than any memory.
        read.and_then(|text| text.trim().parse().ok()).is_some_and(is_one)
    };
    any(["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"], |bytes| {
        bytes < 1 << 60
    }) && any(["/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"], |_| true)
}

/// Returns whether the container can create at most one more process or thread before it reaches
/// its limit on processes. Returns `false` if the container has no limit on processes.
pub(crate) fn is_at_process_limit() -> bool {
    let number = |name: &str| {
        let new = fs::read_to_string(format!("/sys/fs/cgroup/{name}"));
        let text =
            new.or_else(|_| fs::read_to_string(format!("/sys/fs/cgroup/pids/{name}"))).ok()?;
        text.trim().parse::<u64>().ok()
    };
    // Without a limit, `pids.max` contains `max`, which does not parse as a number.
    match (number("pids.current"), number("pids.max")) {
        (Some(now), Some(most)) => now + 1 >= most,
        _ => false,
    }
}
