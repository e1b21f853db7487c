//! Ways into the kernel, and what it does for the powerful. What changes something for the machine is opened
//! and not written to.

use bollard::models::HostConfigCgroupnsModeEnum;

use super::probe::{FILTERED, Harm, NO_POWER, Probe, Wall};
use super::weak::{NO_FILTER, NO_FILTERS, SYS_ADMIN, host, mount, root, root_with, without};

const ROOTS: Wall = Wall {
    text: "root's alone, and read-only",
    // Whose it is comes first where both stand in the way.
    says: &["Permission denied", "Read-only file system"],
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        name: "mount",
        script: "mkdir /tmp/m && call 165 40 none /tmp/m tmpfs 0 0",
        harm: Harm::Does("mounts"),
        weak: SYS_ADMIN,
        wall: NO_POWER,
    },
    Probe {
        name: "the host's disks, by a device node",
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
        wall: NO_POWER,
    },
    Probe {
        name: "the kernel's program for core dumps",
        script: ": >>/proc/sys/kernel/core_pattern",
        harm: Harm::Does("opens it for writing"),
        weak: without("as root, with the kernel's settings writable", |body, _| {
            host(body).readonly_paths = Some(Vec::new());
            root(body);
        }),
        wall: ROOTS,
    },
    Probe {
        name: "the program of a cgroup's end (release_agent)",
        script: "mkdir /tmp/m
            if call 165 40 cgroup /tmp/m cgroup 0 memory; then : >>/tmp/m/release_agent
            else call 165 40 none /tmp/m cgroup2 0 0 && : >>/tmp/m/cgroup.subtree_control; fi",
        harm: Harm::Does("opens it for writing"),
        weak: without("as root, with SYS_ADMIN and the host's cgroups", |body, _| {
            host(body).cgroupns_mode = Some(HostConfigCgroupnsModeEnum::HOST);
            root_with(body, &["SYS_ADMIN"]);
        }),
        wall: NO_POWER,
    },
    Probe {
        name: "the ceilings of all containers",
        script: "ceiling=/sys/fs/cgroup/memory/memory.limit_in_bytes
            [ -e $ceiling ] || ceiling=/sys/fs/cgroup/cgroup.subtree_control
            : >>$ceiling",
        harm: Harm::Does("opens them for writing"),
        weak: without("as root, with the host's cgroups mounted", |body, _| {
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
        wall: NO_POWER,
    },
    Probe {
        name: "a raw socket",
        script: r#"perl -MSocket -e 'socket my $s, PF_INET, SOCK_RAW, 1 or die "$!\n"'"#,
        harm: Harm::Does("opens it"),
        weak: without("as root, with NET_RAW", |body, _| root_with(body, &["NET_RAW"])),
        wall: NO_POWER,
    },
    Probe {
        name: "a vsock socket, which no network namespace confines",
        // A port of the machine's: whoever else binds it learns of us, in whichever container they are.
        script: r#"perl -MSocket -e 'socket my $s, 40, SOCK_STREAM, 0 or die "$!\n";
            bind $s, pack "SxxLLx4", 40, 7777, 0xffffffff or die "$!\n"'"#,
        harm: Harm::Does("binds a port of the machine"),
        weak: NO_FILTERS,
        wall: Wall { text: "the system call is filtered", says: &["Address family not supported"] },
    },
    Probe {
        name: "sockets that no filter sees (io_uring)",
        script: "call 425 425 4 hex:00",
        harm: Harm::Does("makes a ring"),
        weak: NO_FILTERS,
        wall: Wall { text: "the system call is filtered", says: &["Function not implemented"] },
    },
    Probe {
        name: "a program in the kernel (bpf)",
        // An array of one value.
        script: "call 321 280 0 hex:02000000040000000800000001000000 72",
        harm: Harm::Does("makes a map for it"),
        weak: SYS_ADMIN,
        wall: FILTERED,
    },
    Probe {
        name: "root in a user namespace",
        script: r#"[ "$(unshare --user --map-root-user id -u)" = 0 ]"#,
        harm: Harm::Does("is root there"),
        weak: NO_FILTER,
        wall: FILTERED,
    },
    Probe {
        name: "the kernel's keys",
        script: "call 250 219 0 -3 1",
        harm: Harm::Does("gets a keyring"),
        weak: NO_FILTER,
        wall: FILTERED,
    },
    Probe {
        name: "page faults to order (userfaultfd)",
        script: "call 323 282 1",
        harm: Harm::Does("handles them"),
        weak: NO_FILTER,
        wall: FILTERED,
    },
];
