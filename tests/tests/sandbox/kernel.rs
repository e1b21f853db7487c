//! Probes of the kernel and of privileged operations. Files that would change the host machine are
//! opened, but not written.

use bollard::models::HostConfigCgroupnsModeEnum;

use super::probe::{FILTERED, Harm, NO_CAPABILITY, Probe, Protection};
use super::weakened_container::{
    NO_FILTER, NO_FILTERS, SYS_ADMIN, host, mount, root, root_with, without,
};

const ROOTS: Protection = Protection {
    text: "owned by root and read-only",
    // If both protections apply, the kernel reports the missing permission first.
    says: &["Permission denied", "Read-only file system"],
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        name: "mounting a file system",
        script: "mkdir /tmp/m && call 165 40 none /tmp/m tmpfs 0 0",
        harm: Harm::Does("mounts"),
        weak: SYS_ADMIN,
        wall: NO_CAPABILITY,
    },
    Probe {
        name: "a disk of the host machine, through a device node",
        script: "for device in /sys/class/block/*/dev; do
                IFS=: read -r major minor <\"$device\"
                for directory in /dev /dev/shm /tmp /workspace; do
                    node=$directory/$major-$minor
                    mknod \"$node\" b \"$major\" \"$minor\" && : <\"$node\" && exit 0
                done
            done
            exit 1",
        harm: Harm::Does("opens one"),
        weak: without("as root, with MKNOD and every device", |body, _| {
            host(body).device_cgroup_rules = Some(vec!["b *:* rwm".to_owned()]);
            root_with(body, &["MKNOD"]);
        }),
        wall: NO_CAPABILITY,
    },
    Probe {
        name: "the kernel's core dump handler (core_pattern)",
        script: ": >>/proc/sys/kernel/core_pattern",
        harm: Harm::Does("opens it for writing"),
        weak: without("as root, with writable kernel settings", |body, _| {
            host(body).readonly_paths = Some(Vec::new());
            root(body);
        }),
        wall: ROOTS,
    },
    Probe {
        name: "the program that a cgroup runs at its end (release_agent)",
        script: "mkdir /tmp/m
            if call 165 40 cgroup /tmp/m cgroup 0 memory; then : >>/tmp/m/release_agent
            else call 165 40 none /tmp/m cgroup2 0 0 && : >>/tmp/m/cgroup.subtree_control; fi",
        harm: Harm::Does("opens it for writing"),
        weak: without("with --cgroupns=host, as root, with SYS_ADMIN", |body, _| {
            host(body).cgroupns_mode = Some(HostConfigCgroupnsModeEnum::HOST);
            root_with(body, &["SYS_ADMIN"]);
        }),
        wall: NO_CAPABILITY,
    },
    Probe {
        name: "the resource limits of all containers",
        script: "ceiling=/sys/fs/cgroup/memory/memory.limit_in_bytes
            [ -e $ceiling ] || ceiling=/sys/fs/cgroup/cgroup.subtree_control
            : >>$ceiling",
        harm: Harm::Does("opens them for writing"),
        weak: without("as root, with the host machine's cgroups mounted", |body, _| {
            mount(body, "/sys/fs/cgroup", "/sys/fs/cgroup");
            root(body);
        }),
        wall: ROOTS,
    },
    Probe {
        name: "the kernel's log",
        script: "call 103 116 10 0 0",
        harm: Harm::Does("reads it"),
        weak: without("as root, with SYSLOG", |body, _| root_with(body, &["SYSLOG"])),
        wall: NO_CAPABILITY,
    },
    Probe {
        name: "a raw socket",
        script: r#"perl -MSocket -e 'socket my $s, PF_INET, SOCK_RAW, 1 or die "$!\n"'"#,
        harm: Harm::Does("opens it"),
        weak: without("as root, with NET_RAW", |body, _| root_with(body, &["NET_RAW"])),
        wall: NO_CAPABILITY,
    },
    Probe {
        name: "a vsock socket, which no network namespace confines",
        // The port belongs to the host machine, so a program in any other container that tries to
        // bind it notices this one.
        script: r#"perl -MSocket -e 'socket my $s, 40, SOCK_STREAM, 0 or die "$!\n";
            bind $s, pack "SxxLLx4", 40, 7777, 0xffffffff or die "$!\n"'"#,
        harm: Harm::Does("binds a port of the host machine"),
        weak: NO_FILTERS,
        wall: Protection {
            text: "system call is filtered",
            says: &["Address family not supported"],
        },
    },
    Probe {
        name: "sockets opened through io_uring",
        script: "call 425 425 4 hex:00",
        harm: Harm::Does("creates a ring"),
        weak: NO_FILTERS,
        wall: Protection { text: "system call is filtered", says: &["Function not implemented"] },
    },
    Probe {
        name: "a program in the kernel (bpf)",
        // The argument describes an array of one value.
        script: "call 321 280 0 hex:02000000040000000800000001000000 72",
        harm: Harm::Does("creates a map"),
        weak: SYS_ADMIN,
        wall: FILTERED,
    },
    Probe {
        name: "root in a user namespace",
        script: r#"[ "$(unshare --user --map-root-user id -u)" = 0 ]"#,
        harm: Harm::Does("becomes root"),
        weak: NO_FILTER,
        wall: FILTERED,
    },
    Probe {
        name: "the kernel's keyrings",
        script: "call 250 219 0 -3 1",
        harm: Harm::Does("gets a keyring"),
        weak: NO_FILTER,
        wall: FILTERED,
    },
    Probe {
        name: "page fault handling (userfaultfd)",
        script: "call 323 282 1",
        harm: Harm::Does("creates a userfaultfd"),
        weak: NO_FILTER,
        wall: FILTERED,
    },
];
