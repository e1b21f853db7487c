//! Settings of the HTTP server.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ccc_core::Error;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::config::invalid::invalid;

/// Settings of the HTTP server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The networks of the reverse proxies in front of the service. Only a request from one of
    /// these networks may name its client in `X-Forwarded-For` or `Forwarded`.
    pub trusted_proxies: Vec<Network>,
}

impl ServerConfig {
    /// Returns a warning if the trusted proxies together contain every address of IPv4 or of IPv6.
    pub(crate) fn warning(&self) -> Option<String> {
        let is_v4 = |network: &&Network| network.address.is_ipv4();
        let (v4, v6): (Vec<_>, Vec<_>) = self.trusted_proxies.iter().partition(is_v4);
        let all =
            [(v4, "IPv4"), (v6, "IPv6")].into_iter().find(|(networks, _)| contain_all(networks));
        let (_, version) = all?;
        Some(format!(
            "the networks of the setting server.trusted_proxies together contain every {version} \
             address: every client can choose the address that the limits per address use"
        ))
    }
}

/// Returns whether `networks`, which have the same version of IP, together contain every address.
fn contain_all(networks: &[&Network]) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let mut ranges: Vec<(u128, u128)> = networks
        .iter()
        .map(|network| {
            let first = number(network.address);
            let hosts = u128::MAX.checked_shr(u32::from(network.prefix)).unwrap_or(0);
            (first, first | hosts)
        })
        .collect();
    ranges.sort_unstable();
    // The first address that no range so far contains.
    let mut next = Some(0);
    for (first, last) in ranges {
        match next {
            Some(missing) if first > missing => return false,
            Some(missing) => next = last.max(missing.saturating_sub(1)).checked_add(1),
            None => return true,
        }
    }
    next.is_none()
}

/// Reads the address of a listener. Names other than `localhost` are refused, because a name can
/// have several addresses.
pub(super) fn listen_address<'de, D>(deserializer: D) -> Result<Option<SocketAddr>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text,
    };
    let address = numeric.parse().map_err(|_| D::Error::custom("it is not an address with a port"));
    address.map(Some)
}

/// A network of IP addresses in CIDR notation, such as `10.0.0.0/8` or `2001:db8::/32`.
///
/// ```
/// use ccc::config::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(!network.contains("11.0.0.1".parse().unwrap()));
/// # Ok::<(), ccc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Returns whether `address` is in this network. An IPv4 address that is mapped to IPv6 counts
    /// as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                first_address(address.to_canonical(), self.prefix) == self.address
            }
            _ => false,
        }
    }
}

/// Returns the first address of the network of `address` whose prefix has `prefix` bits.
pub(crate) fn first_address(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = || {
            invalid(
                "server.trusted_proxies: an entry is not a network: write an address and the length \
                 of its prefix, such as 10.0.0.0/8 or 2001:db8::/32"
                    .to_owned(),
            )
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = |prefix: &str| prefix.bytes().all(|digit| digit.is_ascii_digit());
        let prefix = match prefix {
            Some(prefix) if digits(prefix) => prefix.parse().map_err(|_| malformed())?,
            Some(_) => return Err(malformed()),
            None => most,
        };
        if prefix > most {
            return Err(malformed());
        }
        if let IpAddr::V6(v6) = address
            && let Some(v4) = v6.to_ipv4_mapped()
        {
            return Err(invalid(format!(
                "server.trusted_proxies: `{address}` is an IPv4 address in the form of IPv6: write it as \
                 an IPv4 address, such as {v4}"
            )));
        }
        let first = first_address(address, prefix);
        if first != address {
            return Err(invalid(format!(
                "server.trusted_proxies: `{address}/{prefix}` has bits after its prefix: write {first}/{prefix} \
                 for the whole network, or {address} for one address"
            )));
        }
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl fmt::Display for Network {
    /// Writes the network in CIDR notation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::{Network, ServerConfig};

    #[test]
    fn networks_that_together_contain_every_address_are_a_weakening() {
        // spec: W12d, X20b
        for (networks, expected) in [
            (&["0.0.0.0/0"][..], true),
            (&["::/0"], true),
            (&["0.0.0.0/1", "128.0.0.0/1"], true),
            (&["128.0.0.0/1", "10.0.0.0/8", "0.0.0.0/1"], true),
            (&["::/1", "8000::/1"], true),
            (&["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/2"], true),
            (&["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"], false),
            (&["0.0.0.0/1", "8000::/1"], false),
            (&["0.0.0.0/1", "129.0.0.0/8"], false),
            (&["::/1"], false),
            (&["10.0.0.0/8", "::1"], false),
            (&[], false),
        ] {
            let trusted_proxies = networks.iter().map(|text| text.parse().unwrap()).collect();
            let warning = ServerConfig { trusted_proxies }.warning();
            assert_eq!(warning.is_some(), expected, "{networks:?}: {warning:?}");
        }
    }

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        // spec: W12d
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("2001:db8::1/128", "2001:db8::1", true),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{network} {address}");
        }
    }

    #[test]
    fn a_malformed_network_is_refused_with_advice() {
        for (text, expected) in [
            ("", "is not a network"),
            ("proxy.internal", "is not a network"),
            ("10.0.0.0/33", "is not a network"),
            ("10.0.0.0/+8", "is not a network"),
            ("10.0.0.0/", "is not a network"),
            ("::/129", "is not a network"),
            ("10.0.0.1/8", "write 10.0.0.0/8"),
            ("2001:db8::1/64", "write 2001:db8::/64"),
            ("::ffff:10.0.0.0/104", "such as 10.0.0.0"),
        ] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
