//! Probes of the egress proxy, which permits `*.example.org`. The resolver returns the test's own
//! listener for every name, because a system library could read a crafted name differently.

use std::io;
use std::net::SocketAddr;

use ccc_runner::{EgressRule, EgressRules, Resolver};
use futures_util::future::BoxFuture;

use super::probe::{Change, Harm, Probe, Protection, Weak};

/// A resolver that returns the same address for every name.
#[derive(Debug)]
pub(crate) struct Here(pub(crate) SocketAddr);

impl Resolver for Here {
    fn addresses<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![self.0])))
    }
}

/// Returns the rules, without one rule for a weakened container. Such a container also lacks the
/// rule `Public`, because the listener has a loopback address.
pub(crate) fn rules(here: SocketAddr, without: Option<EgressRule>) -> EgressRules {
    let rules = EgressRules::default().with_resolver(std::sync::Arc::new(Here(here)));
    match without {
        None => rules,
        Some(rule) => rules.dangerously_without(rule).dangerously_without(EgressRule::Public),
    }
}

const fn held(name: &'static str, script: &'static str, rule: EgressRule) -> Probe {
    let (weak, text, says): (_, _, &'static [&'static str]) = match rule {
        EgressRule::Named => (
            "an egress proxy that accepts any name",
            "refused: invalid name",
            &["the host is not a valid host name"],
        ),
        EgressRule::Listed => (
            "an egress proxy without the host list",
            "refused: not listed",
            &["the host is not permitted for this container"],
        ),
        EgressRule::Port => (
            "an egress proxy that accepts any port",
            "refused: port",
            &["only port 443 is permitted"],
        ),
        EgressRule::Public => (
            "an egress proxy that accepts any address",
            "refused: address",
            &["an IP address that is not public"],
        ),
    };
    let weak = Weak { text: weak, change: Change::Egress(rule) };
    Probe { name, script, harm: Harm::Reaches, weak, wall: Protection { text, says } }
}

pub(crate) const PROBES: &[Probe] = &[
    held("a host that is not listed", "connect evil.example:443", EgressRule::Listed),
    held("a NUL in the host name", r"connect 'evil.example\0.example.org:443'", EgressRule::Named),
    held(
        "a percent sign in the host name",
        "connect 'evil.example%00.example.org:443'",
        EgressRule::Named,
    ),
    held(
        "user information before a listed name",
        "connect 'evil.example@a.example.org:443'",
        EgressRule::Named,
    ),
    held(
        "an IPv4 address and a NUL before a listed domain",
        r"connect '127.0.0.1\0.example.org:443'",
        EgressRule::Named,
    ),
    held(
        "an IPv6 address before a listed domain",
        "connect '[::1].example.org:443'",
        EgressRule::Named,
    ),
    held("another port of a listed host", "connect a.example.org:22", EgressRule::Port),
    held(
        "a listed name that resolves to the host machine",
        "connect a.example.org:443",
        EgressRule::Public,
    ),
];
