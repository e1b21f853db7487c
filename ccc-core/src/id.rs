//! Identifiers of runs, deliveries, git objects and credentials. Their text is validated on
//! construction.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, ErrorKind, Remedy, Result};

/// The id of a run (one attempt at one issue): a `UUIDv7`. The id is chosen before anything is
/// created for the run. Everything that is created for the run is labelled with the id, so that a
/// cleanup can find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// Returns a new id whose first 48 bits are `now` in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the operating system returns no random bytes.
    pub fn new(now: Timestamp) -> Result<Self> {
        let mut random = [0_u8; 10];
        getrandom::fill(&mut random).map_err(|e| {
            let line = format!("the operating system returned no random bytes: {e}");
            Error::new(ErrorKind::Unavailable, line)
        })?;
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Ok(Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()))
    }

    /// Returns the last eight hex digits of the id as a short name of the run. These digits are
    /// random. The first digits are not a suitable short name: they encode the time, and are equal
    /// for runs that are created at nearly the same time.
    #[must_use]
    pub fn short(&self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| invalid("run id", text, "a UUID").with_remedy(Remedy::ListRuns))
    }
}

/// The id of one delivery, a webhook POST. The id stays the same when the VCS host sends the
/// delivery again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeliveryId(String);

/// The id of a git object, 40 or 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectId(String);

/// The key of one record in a credential store, such as `github/github.com/7`.
///
/// # Examples
///
/// ```
/// use ccc_core::CredentialKey;
///
/// assert!(CredentialKey::new("model/api-key").is_ok());
/// assert!(CredentialKey::new("../api-key").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialKey(String);

pub(crate) fn invalid(what: &str, text: &str, rule: &str) -> Error {
    let shown: String = text.chars().take(60).flat_map(char::escape_default).collect();
    Error::new(ErrorKind::InvalidInput, format!("`{shown}` is not a valid {what}: expected {rule}"))
}

macro_rules! checked_text {
    ($name:ident, $what:literal, $rule:literal, $check:expr) => {
        impl $name {
            /// Creates the value from `text`, if `text` has the format of this type.
            ///
            /// # Errors
            /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `text` does not have the format
            /// of this type. The message states the format.
            pub fn new(text: impl Into<String>) -> Result<Self> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err($crate::id::invalid($what, &text, $rule))
                }
            }

            /// Returns the validated text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

pub(crate) use checked_text;

checked_text!(DeliveryId, "delivery id", "1 to 128 letters, digits, `-` or `_`", |text| {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
});

checked_text!(ObjectId, "object id", "40 or 64 lower-case hex digits", |text| {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
});

checked_text!(
    CredentialKey,
    "credential key",
    "1 to 200 characters (letters, digits and `-_./`); each part before or after a `/` must not be \
     empty, `.` or `..`",
    |text| {
        (1..=200).contains(&text.len())
            && text.split('/').all(|part| {
                !matches!(part, "" | "." | "..")
                    && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            })
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn run_ids_begin_with_the_time_and_end_with_random_digits() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let (a, b) = (RunId::new(now).unwrap(), RunId::new(now).unwrap());
        assert_eq!(a.to_string()[..13], b.to_string()[..13]);
        assert_ne!(a.short(), b.short());
        assert_eq!(a.to_string().parse::<RunId>().unwrap(), a);
        assert_eq!(a.to_string().as_bytes()[14], b'7', "version 7: {a}");
    }

    #[test]
    fn ambiguous_keys_and_ids_are_refused() {
        for bad in ["", "a/../b", "../a", "/a", "a//b", "a b", "a\0"] {
            assert!(CredentialKey::new(bad).is_err(), "{bad:?}");
        }
        assert!(ObjectId::new("A".repeat(40)).is_err());
        assert!(DeliveryId::new("a b").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_accepted_or_refused_in_one_short_line(text in any::<String>()) {
            if let Err(error) = CredentialKey::new(text) {
                let line = error.to_string();
                prop_assert!(!line.contains('\n') && line.len() < 1_000, "{}", line);
            }
        }
    }
}
