//! Probes of networks and sockets.

use super::probe::{Harm, NO_NETWORK, NOT_THERE, OWN_NETWORK, Probe, Protection};
use super::weakened_container::{
    HOST_NETWORK, INTERNAL_NETWORK, OPEN_NETWORK, join, mount, root, without,
};

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        name: "the cloud metadata address",
        script: "tell 169.254.169.254 80",
        harm: Harm::Reaches,
        weak: OPEN_NETWORK,
        wall: NO_NETWORK,
    },
    Probe {
        name: "a port of the host machine",
        script: r#"tell "$GATEWAY" "$PORT""#,
        harm: Harm::Reaches,
        weak: OPEN_NETWORK,
        wall: NO_NETWORK,
    },
    Probe {
        name: "a port of the host machine, through an internal network",
        script: r#"tell "$INTERNAL" "$PORT""#,
        harm: Harm::Reaches,
        weak: INTERNAL_NETWORK,
        wall: NO_NETWORK,
    },
    Probe {
        name: "a port of the host machine's loopback interface",
        script: r#"tell 127.0.0.1 "$PORT""#,
        harm: Harm::Reaches,
        weak: HOST_NETWORK,
        wall: OWN_NETWORK,
    },
    Probe {
        name: "a port of the host machine over IPv6",
        script: r#"tell "$GATEWAY6" "$PORT""#,
        harm: Harm::Reaches,
        weak: OPEN_NETWORK,
        wall: Protection {
            text: NO_NETWORK.text,
            // The kernel reports the latter if there is no source address.
            says: &["Network is unreachable", "Cannot assign requested address"],
        },
    },
    Probe {
        name: "a secret in a DNS query",
        script: r#"look_up "$GATEWAY""#,
        harm: Harm::Reaches,
        weak: OPEN_NETWORK,
        wall: NO_NETWORK,
    },
    Probe {
        name: "a secret in a DNS query to the engine's resolver",
        script: "look_up 127.0.0.11",
        harm: Harm::Reaches,
        weak: INTERNAL_NETWORK,
        wall: OWN_NETWORK,
    },
    Probe {
        name: "an abstract Unix socket of the host machine",
        script: r#"say_to "@$ABSTRACT" "$WHO;""#,
        harm: Harm::Reaches,
        weak: HOST_NETWORK,
        wall: OWN_NETWORK,
    },
    Probe {
        name: "the engine's socket",
        script: r#"say_to "$ENGINE" 'GET /_ping HTTP/1.0' | grep ' 200 '"#,
        harm: Harm::Does("gets an answer"),
        weak: without("mounted, as root", |body, lures| {
            mount(body, &lures.engine, &lures.engine);
            root(body);
        }),
        wall: NOT_THERE,
    },
    Probe {
        name: "a port of another run's container",
        script: r#"tell "$NEIGHBOUR" 7777"#,
        harm: Harm::Reads,
        weak: without("both on one network", |body, lures| join(body, &lures.open.name)),
        wall: NO_NETWORK,
    },
];
