//! Probes of other processes: those of the host machine, those of another run, and the keeper.

use super::probe::{Harm, NO_CAPABILITY, OWN_PROCESSES, Probe, Protection};
use super::weakened_container::{HOST_PROCESSES, host, root_with, without};

const NEIGHBOUR: super::probe::Weak =
    without("with that container's PID namespace", |body, lures| {
        host(body).pid_mode = Some(format!("container:{}", lures.neighbour.name));
    });
/// The engine's own init option.
const ENGINES_INIT: super::probe::Weak =
    without("with the engine's init as the first process", |body, _| host(body).init = Some(true));
const PTRACE: super::probe::Weak =
    without("as root, with SYS_PTRACE", |body, _| root_with(body, &["SYS_PTRACE"]));

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        name: "the keeper's connection to the host machine",
        script: ": </proc/1/fd/0 && : >/proc/1/fd/1",
        harm: Harm::Does("opens both ends"),
        weak: ENGINES_INIT,
        wall: Protection { text: "denied to the container's user", says: &["Permission denied"] },
    },
    Probe {
        name: "the environment of processes on the host machine",
        script: "first; grep -zahs CCC_PROBE_SECRET /proc/[0-9]*/environ",
        harm: Harm::Reads,
        weak: HOST_PROCESSES,
        wall: OWN_PROCESSES,
    },
    Probe {
        name: "the memory of a process on the host machine",
        script: r#"first
            perl -e 'open my $maps, "<", "/proc/$ENV{PID}/maps" or die "$!\n";
                my ($from, $to) = join("", <$maps>) =~ /^(\w+)-(\w+) .*\[stack\]/m;
                open my $memory, "<:raw", "/proc/$ENV{PID}/mem" or die "$!\n";
                sysseek $memory, hex $from, 0;
                sysread $memory, my $stack, hex($to) - hex $from;
                print $stack =~ /CCC_PROBE_SECRET=\S+?\0/g'"#,
        harm: Harm::Reads,
        weak: HOST_PROCESSES,
        wall: OWN_PROCESSES,
    },
    Probe {
        name: "an open file of a process on the host machine",
        script: r#"first; head -c 200 "/proc/$PID/fd/1""#,
        harm: Harm::Reads,
        weak: HOST_PROCESSES,
        wall: OWN_PROCESSES,
    },
    Probe {
        name: "the host machine's files, through the root of a process",
        script: r#"first; cat "/proc/$PID/root$BESIDE/canary""#,
        harm: Harm::Reads,
        weak: HOST_PROCESSES,
        wall: OWN_PROCESSES,
    },
    Probe {
        name: "the environment of another run's processes",
        script: "first; grep -zahs CCC_PROBE_SECRET /proc/[0-9]*/environ",
        harm: Harm::Reads,
        weak: NEIGHBOUR,
        wall: OWN_PROCESSES,
    },
    Probe {
        name: "the workspace of another run",
        script: "first; cat /proc/[0-9]*/root/workspace/canary",
        harm: Harm::Reads,
        weak: NEIGHBOUR,
        wall: OWN_PROCESSES,
    },
    Probe {
        name: "the keeper's memory",
        script: r#"keeper=$(keeper) && : <"/proc/$keeper/mem""#,
        harm: Harm::Does("opens it"),
        weak: PTRACE,
        wall: Protection { text: "denied to the container's user", says: &["Permission denied"] },
    },
    Probe {
        name: "a debugger on the keeper",
        // Attaches without stopping the process (PTRACE_SEIZE), and detaches when it ends.
        script: r#"keeper=$(keeper) && call 101 117 16902 "$keeper" 0 0"#,
        harm: Harm::Does("attaches"),
        weak: PTRACE,
        wall: NO_CAPABILITY,
    },
];
