//! Probes of files outside the workspace, and of files that would outlive the run.

use super::probe::{Harm, NOT_THERE, Probe, Protection, READ_ONLY};
use super::weakened_container::{host, mount, own_filter_off, root, without};

const BESIDE: super::probe::Weak =
    without("with its directory mounted", |body, lures| mount(body, &lures.beside, &lures.beside));

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        name: "a file beside the workspace",
        script: r#"cat /workspace/../canary "$BESIDE/canary""#,
        harm: Harm::Reads,
        weak: BESIDE,
        wall: NOT_THERE,
    },
    Probe {
        name: "a workspace symlink to a file of the host machine",
        script: "cat link",
        harm: Harm::Reads,
        weak: BESIDE,
        wall: NOT_THERE,
    },
    Probe {
        name: "a workspace symlink to /etc",
        script: r#"ln -s /etc etc && cat etc/canary || cat etc/passwd"#,
        harm: Harm::Reads,
        weak: without("with a directory of the host machine as /etc", |body, lures| {
            mount(body, &lures.etc, "/etc");
        }),
        wall: Protection { text: "shows the container's /etc", says: &["agent:x:10001:"] },
    },
    Probe {
        name: "shared memory of the host machine",
        script: r#"cat "/dev/shm/$SHM""#,
        harm: Harm::Reads,
        weak: without("with --ipc=host", |body, _| {
            host(body).ipc_mode = Some("host".to_owned());
        }),
        wall: NOT_THERE,
    },
    Probe {
        name: "a program planted in /usr/local/bin",
        script: "printf '#!/bin/sh\\necho planted' >/usr/local/bin/planted &&
            chmod +x /usr/local/bin/planted && planted",
        harm: Harm::Does("plants it"),
        weak: without("without --read-only, as root", |body, _| {
            host(body).readonly_rootfs = Some(false);
            root(body);
        }),
        wall: READ_ONLY,
    },
    Probe {
        name: "a setuid program",
        script: r#"id=$(id-of-root -u) && echo "user $id" && [ "$id" = 0 ]"#,
        harm: Harm::Does("becomes root"),
        weak: without("without no-new-privileges", |body, _| {
            host(body).security_opt = None;
            // Without no-new-privileges, an unprivileged process cannot install a seccomp filter.
            own_filter_off(body);
        }),
        wall: Protection { text: "setuid has no effect", says: &["user 10001"] },
    },
];
