//! Names of the network hosts that programs in a container may reach.

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// Maximum length of a host name, in bytes (RFC 1035).
const MAX_NAME: usize = 253;
/// Maximum length, in bytes, of a label: the part of a host name between two dots (RFC 1035).
const MAX_LABEL: usize = 63;

/// The DNS name of a network host, in lower case.
///
/// The name has at least two labels of ASCII letters, digits and hyphens, and the last label does
/// not begin with a digit. Therefore the name is not an IP address in any notation. Other
/// characters are not permitted, because two programs can connect to different hosts for a name
/// with such a character. For example, some programs ignore all text after a zero byte (spec: X3e).
///
/// ```
/// use ccc_core::egress::HostName;
///
/// assert_eq!(HostName::new("Registry.Example.org").unwrap().as_str(), "registry.example.org");
/// for odd in ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "localhost", "evil\0.example.org", "a%2eb.org"] {
///     assert!(HostName::new(odd).is_err(), "{odd}");
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName(String);

impl HostName {
    /// Checks that `text` is a host name as described at [`HostName`], and converts it to lower
    /// case.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `text` is not such a host name.
    pub fn new(text: &str) -> Result<Self> {
        let labels: Vec<&str> = text.split('.').collect();
        let plain = |label: &&str| {
            (1..=MAX_LABEL).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let last = labels.last().copied().unwrap_or_default();
        // Some programs read `0x7f` and `017` as numbers too, so no last label may begin with a
        // digit.
        let number = last.starts_with(|c: char| c.is_ascii_digit());
        if text.len() > MAX_NAME || labels.len() < 2 || number || !labels.iter().all(plain) {
            let shown = crate::untrusted_text::one_line(text, 100);
            let line = format!(
                "`{shown}` is not a valid host name: expected a DNS name with at least one dot, \
                 such as `registry.example.org`, and not an IP address"
            );
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// Returns the host name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A pattern of host names: one host, as in `registry.example.org`, or all subdomains of a name, as
/// in `*.example.org`. `*.example.org` does not match `example.org` itself.
///
/// # Examples
///
/// ```
/// use ccc_core::egress::{HostName, HostPattern};
///
/// let pattern = HostPattern::new("*.example.org")?;
/// assert!(pattern.matches(&HostName::new("registry.example.org")?));
/// assert!(!pattern.matches(&HostName::new("example.org")?));
/// # Ok::<(), ccc_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    under: bool,
    name: String,
}

impl HostPattern {
    /// Checks that `text` is a pattern. `*` matches one or more labels. It is permitted only as the
    /// first label, and at least two labels must follow it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if `text` is not such a pattern.
    pub fn new(text: &str) -> Result<Self> {
        let (under, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        Ok(Self { under, name: HostName::new(name)?.0 })
    }

    /// Returns whether `host` matches this pattern.
    #[must_use]
    pub fn matches(&self, host: &HostName) -> bool {
        if !self.under {
            return self.name == host.0;
        }
        host.0.strip_suffix(&self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    }
}

impl TryFrom<String> for HostPattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(&text)
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.under { "*." } else { "" }, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_unambiguous_names_are_host_names() {
        // spec: X3e
        for (text, expected) in [
            ("example.org", true),
            ("EXAMPLE.org", true),
            ("a-b.c-d.example.org", true),
            ("xn--bcher-kva.example", true),
            ("1.example.org", true),
            ("example.org.", false),
            (".example.org", false),
            ("example..org", false),
            ("localhost", false),
            ("", false),
            ("-a.org", false),
            ("a-.org", false),
            ("a_b.org", false),
            ("a b.org", false),
            ("a\n.org", false),
            ("bücher.example", false),
            ("ex\u{430}mple.org", false),
            ("evil.org\0.example.org", false),
            ("evil.org%00.example.org", false),
            ("evil.org%2eexample.org", false),
            ("evil.org#.example.org", false),
            ("evil.org/.example.org", false),
            ("user@example.org", false),
            ("user:word@example.org", false),
            ("example.org:443", false),
            ("127.0.0.1", false),
            ("127.1", false),
            ("0x7f.0.0.1", false),
            ("0177.0.0.1", false),
            ("example.0x7f", false),
            ("2130706433", false),
            ("[::1]", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(HostName::new(text).is_ok(), expected, "{text:?}");
        }
        assert!(HostName::new(&format!("{}.org", "a".repeat(64))).is_err());
        assert!(HostName::new(&format!("{}org", "a.".repeat(130))).is_err());
    }

    #[test]
    fn a_pattern_matches_one_host_or_all_subdomains() {
        // spec: X3e
        for (pattern, host, expected) in [
            ("example.org", "example.org", true),
            ("example.org", "EXAMPLE.ORG", true),
            ("example.org", "a.example.org", false),
            ("example.org", "badexample.org", false),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "a.b.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "badexample.org", false),
            ("*.example.org", "example.org.evil.org", false),
        ] {
            let (pattern, host) =
                (HostPattern::new(pattern).unwrap(), HostName::new(host).unwrap());
            assert_eq!(pattern.matches(&host), expected, "{pattern} {host:?}");
        }
        for odd in ["*", "*.org", "*example.org", "a.*.org", "*.*.example.org", "**.example.org"] {
            assert!(HostPattern::new(odd).is_err(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn an_ip_address_is_not_a_host_name(address in any::<std::net::IpAddr>()) {
            prop_assert!(HostName::new(&address.to_string()).is_err());
        }
    }
}
