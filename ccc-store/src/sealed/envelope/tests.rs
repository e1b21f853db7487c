#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use proptest::prelude::*;

use super::*;
use crate::Keys;

const PAGE: &str = include_str!("../../../../docs/envelope.md");
const HERE: Context<'_> =
    Context { namespace: "credentials", name: "app/7/private-key", version: 3 };

fn ring(keys: &[&[u8; KEY]]) -> KeyRing {
    let lines: Vec<String> = keys.iter().map(hex::encode).collect();
    Keys::parse(&Secret::from(lines.join("\n"))).unwrap().ring(None).unwrap()
}

fn published() -> KeyRing {
    ring(&[&std::array::from_fn(|i| u8::try_from(i).unwrap())])
}

fn vectors() -> Vec<Vec<u8>> {
    let blocks = PAGE.split("```record\n").skip(1);
    blocks
        .map(|block| hex::decode(block.split("```").next().unwrap().replace('\n', "")).unwrap())
        .collect()
}

#[test]
fn the_vectors_of_the_specification_open() {
    // spec: S1a, S2a, S2b
    let ring = published();
    for part in [hex::encode(*ring.active().key), ring.active().id.to_string()] {
        assert!(PAGE.contains(&format!("  {part}\n")), "{part} is not in docs/envelope.md");
    }
    let expected: [(Context<'_>, &[u8]); 3] = [
        (HERE, b"a secret\n"),
        (Context { name: "größe", version: u64::MAX, ..HERE }, b""),
        (Context { name: "", version: 0, ..HERE }, br#"{"counter":1,"records":{},"uses":{}}"#),
    ];
    let vectors = vectors();
    assert_eq!(vectors.len(), expected.len());
    for (record, (context, plain)) in vectors.iter().zip(expected) {
        assert_eq!(open(&ring, &context, record).unwrap().expose(), plain, "{context:?}");
    }
    let index = crate::sealed::index::Index::open(&ring, "credentials", &vectors[2]).unwrap();
    assert_eq!(index.counter, 1);
}

#[test]
fn a_fingerprint_covers_the_bytes_that_rotation_leaves_unchanged() {
    // The SHA-256 of the first vector from offset 81, computed with Python's hashlib.
    let expected = "db17f32b32ac95200e676a08eb5bbd47934b7c3b016cccc85861c85a7d73239f";
    assert_eq!(hex::encode(fingerprint(&vectors()[0])), expected);
}

#[test]
fn a_record_does_not_open_in_another_context() {
    // spec: S2b
    let (ring, record) = (published(), &vectors()[0]);
    open(&ring, &HERE, record).unwrap();
    let elsewhere = [
        Context { namespace: "credential", ..HERE },
        Context { name: "app/8/private-key", ..HERE },
        Context { version: 2, ..HERE },
        Context { version: 4, ..HERE },
        // Namespace and name are the same bytes in sequence, but divided differently.
        Context { namespace: "credentialsapp", name: "/7/private-key", ..HERE },
        Context { namespace: "", name: "credentialsapp/7/private-key", ..HERE },
    ];
    for context in elsewhere {
        assert_eq!(open(&ring, &context, record).unwrap_err(), Fault::Authentication);
        assert_eq!(rewrap(&ring, &context, record).unwrap_err(), Fault::Authentication);
    }
}

#[test]
fn a_change_of_any_bit_is_detected() {
    // spec: S2a, S8
    let (ring, record) = (published(), &vectors()[0]);
    for bit in 0..record.len() * 8 {
        let mut changed = record.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let fault = open(&ring, &HERE, &changed).unwrap_err();
        let expected = match bit / 8 {
            0..5 => Fault::Form,
            5..OPEN_LEN => Fault::UnknownKey(key_id(&changed).unwrap()),
            _ => Fault::Authentication,
        };
        assert_eq!(fault, expected, "bit {bit}");
    }
}

#[test]
fn a_truncated_record_and_plain_text_do_not_open() {
    // spec: S2a, S8
    let (ring, record) = (published(), &vectors()[0]);
    for length in 0..record.len() {
        let fault = open(&ring, &HERE, &record[..length]).unwrap_err();
        let expected = match length {
            0..MIN_LEN => Fault::Form,
            _ => Fault::Authentication,
        };
        assert_eq!(fault, expected, "the first {length} bytes");
    }
    for plain in [&b"a secret\n"[..], b"-----BEGIN RSA PRIVATE KEY-----", b"{}", b"CCC0", b"CCC2"] {
        assert_eq!(open(&ring, &HERE, plain).unwrap_err(), Fault::Form);
    }
    let more = [&record[..], b"\0"].concat();
    assert_eq!(open(&ring, &HERE, &more).unwrap_err(), Fault::Authentication);
}

#[test]
fn each_write_has_a_fresh_key_and_fresh_nonces() {
    // spec: S1a
    let ring = published();
    let (one, two) = (seal(&ring, &HERE, b"same").unwrap(), seal(&ring, &HERE, b"same").unwrap());
    for (what, part) in [
        ("nonce", OPEN_LEN..OPEN_LEN + NONCE),
        ("data key", OPEN_LEN + NONCE..DATA_OFFSET),
        ("nonce", DATA_OFFSET..DATA_OFFSET + NONCE),
        ("secret", DATA_OFFSET + NONCE..one.len()),
    ] {
        assert_ne!(one[part.clone()], two[part], "both records have the same {what}");
    }
    assert_ne!(fingerprint(&one), fingerprint(&two));
    assert_ne!(
        *unwrap_key(&ring, &HERE, &one).unwrap(),
        *unwrap_key(&ring, &HERE, &two).unwrap(),
        "both records have the same data key"
    );
}

#[test]
fn rotation_replaces_only_the_header() {
    // spec: S4
    let (mut old, mut new) = ([7; KEY], [9; KEY]);
    (old[0], new[0]) = (1, 1);
    let record = seal(&ring(&[&old]), &HERE, b"secret").unwrap();
    let both = ring(&[&new, &old]);
    let again = rewrap(&both, &HERE, &record).unwrap().unwrap();
    assert_eq!(again[DATA_OFFSET..], record[DATA_OFFSET..]);
    assert_ne!(again[..DATA_OFFSET], record[..DATA_OFFSET]);
    assert_eq!(fingerprint(&again), fingerprint(&record));
    assert_eq!(
        rewrap(&both, &HERE, &again).unwrap(),
        None,
        "the record is already under the active key"
    );
    assert_eq!(open(&ring(&[&new]), &HERE, &again).unwrap().expose(), b"secret");
    let unknown = Fault::UnknownKey(key_id(&again).unwrap());
    assert_eq!(open(&ring(&[&old]), &HERE, &again).unwrap_err(), unknown);
    // A combination of the header of one record with the data of a different record.
    let other = seal(&both, &HERE, b"secret").unwrap();
    let mixed = [&other[..DATA_OFFSET], &record[DATA_OFFSET..]].concat();
    assert_eq!(open(&both, &HERE, &mixed).unwrap_err(), Fault::Authentication);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sealed_record_opens(name: String, version: u64, plain: Vec<u8>) {
        let ring = published();
        let context = Context { name: &name, version, ..HERE };
        let record = seal(&ring, &context, &plain).unwrap();
        let opened = open(&ring, &context, &record).unwrap();
        prop_assert_eq!(opened.expose(), &plain);
        prop_assert_eq!(record.len(), MIN_LEN + plain.len());
    }

    #[test]
    fn arbitrary_bytes_are_an_error_and_no_panic(bytes: Vec<u8>, known in 0..5_usize) {
        let ring = published();
        let header = [&MAGIC[..], &[ALGORITHM], &ring.active().id.0].concat();
        let bytes = [&header[..header.len().min(known * 6)], &bytes].concat();
        prop_assert!(open(&ring, &HERE, &bytes).is_err());
        prop_assert!(rewrap(&ring, &HERE, &bytes).is_err());
        fingerprint(&bytes);
    }
}
