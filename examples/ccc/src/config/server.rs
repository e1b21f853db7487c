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
    /// Returns a warning if every client is a trusted proxy.
    pub(crate) fn warning(&self) -> Option<String> {
        let all = self.trusted_proxies.iter().find(|network| network.prefix == 0)?;
        Some(format!(
            "the setting server.trusted_proxies contains {all}: every client can choose the address \
             that the limits per address use"
        ))
    }
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

    use super::Network;

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
