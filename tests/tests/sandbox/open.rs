//! What gets out of ours as well, until somebody stops it. A row that holds moves to the others.

use super::probe::{Harm, Probe, Wall};
use super::weak::{NO_FILTER, root_with, without};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        name: "a vsock socket, which no network namespace confines",
        // A port of the machine's: whoever else binds it learns of us, in whichever container they are.
        script: r#"perl -MSocket -e 'socket my $s, 40, SOCK_STREAM, 0 or die "$!\n";
            bind $s, pack "SxxLLx4", 40, 7777, 0xffffffff or die "$!\n"'"#,
        harm: Harm::Does("binds a port of the machine"),
        weak: NO_FILTER,
        wall: Wall { text: "the system call is filtered", says: &["Operation not permitted"] },
    },
    Probe {
        name: "the tunnel of what keeps the container, by the first process",
        // The engine's init, which is the agent's user and has the same standard input and output.
        script: ": </proc/1/fd/0 && : >/proc/1/fd/1",
        harm: Harm::Does("opens both ends"),
        weak: without("as root, with SYS_PTRACE", |body, _| root_with(body, &["SYS_PTRACE"])),
        wall: Wall { text: "not open to its own user", says: &["Permission denied"] },
    },
];
