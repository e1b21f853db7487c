//! Hosts that programs in a container may reach, by name.

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// The longest name, bytes: RFC 1035.
const MAX_NAME: usize = 253;
/// The longest part of one between two dots, bytes: RFC 1035.
const MAX_LABEL: usize = 63;

/// The name of a host on the internet, in lower case: letters, digits and hyphens of ASCII in at least two
/// parts, the last of which is no number. So it is no address in any notation, and nothing that one program
/// reads to its end and another only to some character in it (spec: X3e).
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
    /// The name, checked.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it is none.
    pub fn new(text: &str) -> Result<Self> {
        let labels: Vec<&str> = text.split('.').collect();
        let plain = |label: &&str| {
            (1..=MAX_LABEL).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let last = labels.last().copied().unwrap_or_default();
        // `0x7f` and `017` are numbers as well, to some.
        let number = last.starts_with(|c: char| c.is_ascii_digit());
        if text.len() > MAX_NAME || labels.len() < 2 || number || !labels.iter().all(plain) {
            let shown = crate::untrusted_text::one_line(text, 100);
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("`{shown}` is no host's name"),
            ));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host, or all hosts under a name: `registry.example.org`, `*.example.org`. The latter does not mean
/// `example.org` itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    under: bool,
    name: String,
}

impl HostPattern {
    /// The pattern, checked. `*` stands for one part or more, and only in the first place, before two parts
    /// at least.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it is none.
    pub fn new(text: &str) -> Result<Self> {
        let (under, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        Ok(Self { under, name: HostName::new(name)?.0 })
    }

    /// Whether the host is meant.
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
    fn a_name_is_a_name_in_everybodys_eyes_or_none() {
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
    fn a_pattern_means_a_host_or_all_under_a_name() {
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
        fn no_address_is_a_name(address in any::<std::net::IpAddr>()) {
            prop_assert!(HostName::new(&address.to_string()).is_err());
        }
    }
}
