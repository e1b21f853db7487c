//! Tests of private keys without a header: in DER, in base64, and as JSON Web Keys.

use super::encodings::{base64, gzip, hex};
use super::{Random, formats_in, scanned};
use crate::secret_scan::shape::Class;
use crate::secret_scan::{find, redact};

/// Returns an element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        ..128 => vec![tag, length as u8],
        128..256 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content.to_vec()].concat()
}

fn integer(random: &mut Random, length: usize) -> Vec<u8> {
    let bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
    element(2, &[vec![0x5a], bytes].concat())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const ED25519: &[u8] = b"\x2b\x65\x70";
const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
/// Encryption with MD5 and DES of PKCS #5, and with SHA-1 and Triple DES of PKCS #12.
const PBE_DES: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03";
const PBE_3DES: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03";

fn version(number: u8) -> Vec<u8> {
    element(2, &[number])
}

fn rsa(random: &mut Random) -> Vec<u8> {
    let mut parts = vec![version(0), integer(random, 256), element(2, &[1, 0, 1])];
    parts.extend([256, 128, 128, 128, 128, 128].map(|length| integer(random, length)));
    sequence(&parts)
}

fn bytes(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.below(256) as u8).collect()
}

fn ec(random: &mut Random) -> Vec<u8> {
    sequence(&[version(1), element(4, &bytes(random, 32)), element(0xa0, &element(6, P256))])
}

/// Returns a key that was encrypted with the algorithm `id`, without PBES2.
fn encrypted(random: &mut Random, id: &[u8]) -> Vec<u8> {
    let parameters = sequence(&[element(4, &bytes(random, 8)), element(2, &[8, 0])]);
    sequence(&[sequence(&[element(6, id), parameters]), element(4, &bytes(random, 600))])
}

/// Returns the content of a file `key.p12` with a certificate and a key, as programs wrote it before
/// PBES2.
fn p12(random: &mut Random) -> Vec<u8> {
    const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
    const BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02";
    let bag = sequence(&[element(6, BAG), element(0xa0, &encrypted(random, PBE_3DES))]);
    let inside = element(0xa0, &element(4, &sequence(&[bag])));
    let content = sequence(&[sequence(&[element(6, DATA), inside])]);
    sequence(&[version(3), sequence(&[element(6, DATA), element(0xa0, &element(4, &content))])])
}

/// Returns a key of RSA in Microsoft's format, with this identifier of the algorithm.
fn microsoft(random: &mut Random, algorithm: u8) -> Vec<u8> {
    let head = [7, 2, 0, 0, 0, algorithm, 0, 0].to_vec();
    [head, b"RSA2\0\x08\0\0\x01\0\x01\0".to_vec(), bytes(random, 1_152)].concat()
}

/// Returns a key of PKCS #8.
fn pkcs8(number: u8, algorithm: &[Vec<u8>], key: &[u8]) -> Vec<u8> {
    sequence(&[version(number), sequence(algorithm), element(4, key)])
}

fn keys(random: &mut Random) -> Vec<(&'static str, Vec<u8>)> {
    let id = |id: &[u8]| element(6, id);
    let null = vec![5, 0];
    let inner = element(4, &bytes(random, 32));
    let (rsa_key, ec_key) = (rsa(random), ec(random));
    let parameters = sequence(&[id(b"\x2a\x03"), id(b"\x2a\x04")]);
    vec![
        ("RSA", rsa_key.clone()),
        ("elliptic curve", ec_key.clone()),
        ("RSA in PKCS #8", pkcs8(0, &[id(RSA), null], &rsa_key)),
        ("elliptic curve in PKCS #8", pkcs8(0, &[id(EC), id(P256)], &ec_key)),
        ("Ed25519", pkcs8(0, &[id(ED25519)], &inner)),
        ("Ed25519 with its public key", pkcs8(1, &[id(ED25519)], &inner)),
        (
            "encrypted",
            sequence(&[sequence(&[id(PBES2), parameters]), element(4, &bytes(random, 64))]),
        ),
        ("encrypted with DES", encrypted(random, PBE_DES)),
        ("encrypted with Triple DES", encrypted(random, PBE_3DES)),
        ("PKCS #12", p12(random)),
        ("Microsoft, key exchange", microsoft(random, 0xa4)),
        ("Microsoft, signature", microsoft(random, 0x24)),
        (
            "DSA",
            sequence(&[
                version(0),
                integer(random, 128),
                integer(random, 20),
                integer(random, 128),
                integer(random, 128),
                integer(random, 20),
            ]),
        ),
        (
            "OpenSSH",
            [b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none".to_vec(), bytes(random, 300)].concat(),
        ),
    ]
}

#[test]
fn keys_without_a_header_are_found() {
    // spec: X10g
    for (name, key) in keys(&mut Random(41)) {
        let text = base64(&key);
        let wrapped: Vec<_> =
            text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
        for (way, bytes) in [
            ("binary", key.clone()),
            ("in a file", [b"head".to_vec(), key.clone(), b"tail".to_vec()].concat()),
            ("base64", text.clone().into()),
            ("value", format!("key = \"{text}\"\n").into()),
            ("value after a slash", format!("a/{text}\n").into()),
            ("lines", wrapped.join("\n").into()),
            ("block of YAML", format!("key: |\n  {}\n", wrapped.join("\n  ")).into()),
            ("literals", wrapped.join("\" +\n  \"").into()),
            ("hex", hex(&key).into()),
            ("gzip", gzip(&key)),
            ("other label", format!("-----BEGIN MY KEY-----\n{}\n", wrapped.join("\n")).into()),
        ] {
            assert!(!scanned(&bytes).secrets.is_empty(), "{name}, {way}");
            if let Ok(text) = std::str::from_utf8(&bytes) {
                assert_eq!(find(redact(text).as_bytes()), [], "{name}, {way}: {}", redact(text));
            }
        }
    }
}

#[test]
fn public_keys_cut_off_keys_and_marked_keys_of_tests_are_no_secrets() {
    // spec: X10g
    let mut random = Random(42);
    let id = |id: &[u8]| element(6, id);
    let bits = [vec![0], sequence(&[integer(&mut random, 256), element(2, &[1, 0, 1])])].concat();
    let public = sequence(&[sequence(&[id(RSA), vec![5, 0]]), element(3, &bits)]);
    let signature = [sequence(&[id(RSA), vec![5, 0]]), element(3, &bytes(&mut random, 256))];
    let signed = |parts: &[Vec<u8>]| sequence(&[sequence(parts), signature.concat()]);
    let certificate = signed(&[
        element(0xa0, &version(2)),
        version(1),
        sequence(&[id(RSA), vec![5, 0]]),
        public.clone(),
    ]);
    // A certificate of version 1 with the serial number 0.
    let old = signed(&[version(0), sequence(&[id(RSA)]), public.clone()]);
    let request = signed(&[version(0), sequence(&[element(0x31, b"name")]), public.clone()]);
    for (name, der) in
        [("public key", public), ("certificate", certificate), ("old", old), ("request", request)]
    {
        let text = base64(&der);
        assert_eq!(formats_in(&der), [""; 0], "{name}");
        for text in [
            text.clone(),
            format!("signing_key: \"{text}\"\n"),
            format!("-----BEGIN {name} KEY-----\n{text}\n"),
        ] {
            assert_eq!(formats_in(&text), [""; 0], "{name}: {text}");
        }
    }
    for (name, key) in keys(&mut random) {
        let text = base64(&key);
        assert_eq!(formats_in(&text[..24]), [""; 0], "{name}");
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
        // The mark is not near the key inside of PKCS #12.
        if name == "PKCS #12" {
            continue;
        }
        for (label, between) in
            [("RSA TESTING KEY", "\n"), ("TESTING KEY", "\n    "), ("EC TESTING KEY", "\\n")]
        {
            let text = format!("-----BEGIN {label}-----{between}{}", lines.join(between));
            assert_eq!(formats_in(&text), [""; 0], "{name}: {text}");
        }
    }
    // Encrypted certificates and the public key of Microsoft's format.
    let parameters = sequence(&[element(4, &bytes(&mut random, 8)), element(2, &[8, 0])]);
    let algorithm = sequence(&[id(PBE_3DES), parameters]);
    let data = element(0x80, &bytes(&mut random, 900));
    let certificates = sequence(&[id(b"\x2a\x03"), algorithm, data]);
    let mut public = microsoft(&mut random, 0xa4);
    (public[0], public[11]) = (6, b'1');
    for der in [certificates, public, b"\x07\x02\0\0\0\xa4\0\0RSA2 is a header".to_vec()] {
        assert_eq!(formats_in(&der), [""; 0]);
        assert_eq!(formats_in(base64(&der)), [""; 0]);
    }
    for text in ["const MAGIC: &[u8] = b\"openssh-key-v1\\0\";", "openssh-key-v1\0 and more text"] {
        assert_eq!(formats_in(text), [""; 0], "{text}");
    }
}

#[test]
fn private_members_of_json_web_keys_are_found() {
    // spec: X10g
    let mut random = Random(43);
    let d = random.text(Class::Token, 43);
    let (x, n) = (random.text(Class::Token, 43), random.text(Class::Token, 342));
    let long = random.text(Class::Token, 342);
    let quote = |text: String| text.replace('"', "\\\"");
    let curve = format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{x}\",\"d\":\"{d}\"}}");
    for (name, text, secret) in [
        ("curve", curve.clone(), &d),
        ("escaped", format!("\"{}\"", quote(curve)), &d),
        ("before the type", format!("{{ \"d\": \"{d}\", \"x\": \"{x}\", \"kty\": \"OKP\" }}"), &d),
        (
            "RSA",
            format!("{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"AQAB\",\"d\":\"{long}\"}}"),
            &long,
        ),
        ("code", format!("const key = {{ kty: 'EC', crv: 'P-256', d: '{d}' }};"), &d),
        ("YAML", format!("kty: EC\nd: {d}\n"), &d),
        ("symmetric", format!("{{\"kty\":\"oct\",\"k\":\"{d}\"}}"), &d),
    ] {
        assert!(!scanned(&text).secrets.is_empty(), "{name}: {text}");
        assert!(!redact(&text).contains(secret.as_str()), "{name}: {}", redact(&text));
        let text = text.replace(secret.as_str(), &"x".repeat(secret.len()));
        assert_eq!(formats_in(&text), [""; 0], "{name}: {text}");
    }
    for text in [
        format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"{x}\",\"y\":\"{d}\"}}"),
        format!("{{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"{n}\"}}"),
        format!("{{\"kty\":\"EC\",\"id\":\"{d}\"}}"),
        format!("{{\"kty\":\"EC\",\"k\":\"{d}\"}}"),
        format!("{{\"d\":\"{d}\"}}"),
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\"}"
            .into(),
    ] {
        assert_eq!(formats_in(&text), [""; 0], "{text}");
    }
}
