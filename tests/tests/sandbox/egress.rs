//! Ways out over the proxy that leads to listed hosts: `*.example.org`, and every name is the test's own
//! listener, as a system's library reads names.

use std::io;
use std::net::SocketAddr;

use ccc_runner::{EgressRule, EgressRules, Resolver};
use futures_util::future::BoxFuture;

use super::probe::{Change, Harm, Probe, Wall, Weak};

/// Everything is here.
#[derive(Debug)]
pub(crate) struct Here(pub(crate) SocketAddr);

impl Resolver for Here {
    fn addresses<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![self.0])))
    }
}

/// The rules, less one where it is weak; what then lets a name through must let it come here.
pub(crate) fn rules(here: SocketAddr, without: Option<EgressRule>) -> EgressRules {
    let rules = EgressRules::default().with_resolver(std::sync::Arc::new(Here(here)));
    match without {
        None => rules,
        Some(rule) => rules.dangerously_without(rule).dangerously_without(EgressRule::Public),
    }
}

const fn held(name: &'static str, script: &'static str, rule: EgressRule) -> Probe {
    let (weak, text, says): (_, _, &'static [&'static str]) = match rule {
        EgressRule::Named => {
            ("a way out that takes any name", "refused: no name", &["that is no host's name"])
        }
        EgressRule::Listed => {
            ("a way out without the list", "refused: not listed", &["it is not among the hosts"])
        }
        EgressRule::Port => {
            ("a way out by any port", "refused: the port", &["only port 443 leads out"])
        }
        EgressRule::Public => {
            ("a way out to any address", "refused: the address", &["is not on the internet"])
        }
    };
    let weak = Weak { text: weak, change: Change::Egress(rule) };
    Probe { name, script, harm: Harm::Reaches, weak, wall: Wall { text, says } }
}

pub(crate) const PROBES: &[Probe] = &[
    held("a host that is not listed", "connect evil.example:443", EgressRule::Listed),
    held("a name with a NUL in it", r"connect 'evil.example\0.example.org:443'", EgressRule::Named),
    held(
        "a name with a percent sign",
        "connect 'evil.example%00.example.org:443'",
        EgressRule::Named,
    ),
    held(
        "a name with a user before it",
        "connect 'evil.example@a.example.org:443'",
        EgressRule::Named,
    ),
    held(
        "an address in place of a name",
        r"connect '127.0.0.1\0.example.org:443'",
        EgressRule::Named,
    ),
    held("an address of IPv6", "connect '[::1].example.org:443'", EgressRule::Named),
    held("another port of a listed host", "connect a.example.org:22", EgressRule::Port),
    held(
        "a listed name that leads to this machine",
        "connect a.example.org:443",
        EgressRule::Public,
    ),
];
