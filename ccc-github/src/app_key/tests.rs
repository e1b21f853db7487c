use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rsa::pkcs1::{EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

use super::*;
use crate::jwt::app_jwt;
use ccc_core::ErrorKind;
use jiff::Timestamp;

static KEY: LazyLock<rsa::RsaPrivateKey> =
    LazyLock::new(|| rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap());

fn part(jwt: &str, index: usize) -> serde_json::Value {
    let part = jwt.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn both_pem_formats_are_accepted_also_with_escaped_newlines() {
    // spec: G1d
    let pkcs1 = KEY.to_pkcs1_pem(LineEnding::LF).unwrap();
    let pkcs8 = KEY.to_pkcs8_pem(LineEnding::CRLF).unwrap();
    let escaped = pkcs1.replace('\n', "\\n");
    let indented = format!("\n  {}\n", pkcs1.as_str());
    let quoted = format!("\"{escaped}\"\n");
    let marked = format!("\u{feff}{}", pkcs8.as_str());
    let encoded = BASE64_STANDARD.encode(pkcs1.as_bytes());
    let wrapped = format!("'{}\n{}\r\n'", &encoded[..76], &encoded[76..]);
    let crlf = pkcs1.replace('\n', "\\r\\n");
    for pem in
        [pkcs1.as_str(), &pkcs8, &escaped, &indented, &quoted, &marked, &encoded, &wrapped, &crlf]
    {
        let key = AppKey::from_pem(&Secret::from(pem)).unwrap();
        assert_eq!(format!("{key:?}"), "AppKey([REDACTED])");
    }
}

#[test]
fn errors_say_what_a_text_is_instead_of_a_private_key() {
    // spec: G1d
    let public1 = KEY.to_public_key().to_pkcs1_pem(LineEnding::LF).unwrap();
    let public8 = KEY.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let whole = KEY.to_pkcs1_pem(LineEnding::LF).unwrap();
    let cut = format!("{}\n-----END RSA PRIVATE KEY-----", &whole[..200]);
    let marker = &whole[60..90];
    for (pem, word) in [
        ("", "empty"),
        (" \n", "empty"),
        ("/etc/key.pem", "not PEM"),
        ("bm8gUEVNIHRleHQ=", "not PEM"),
        (&public1, "public key"),
        (&public8, "public key"),
        ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "certificate"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----",
            "passphrase",
        ),
        ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", "does not parse"),
        (&cut, "does not parse"),
    ] {
        let error = AppKey::from_pem(&Secret::from(pem)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{error}");
        assert!(!format!("{error:?}").contains(marker));
    }
}

#[test]
fn keys_that_cannot_sign_are_refused() {
    // spec: S10c
    let small = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    let small = small.to_pkcs1_pem(LineEnding::LF).unwrap();
    // The modulus is 15 = 3 · 5, and both exponents are 3, so the key is too short for any
    // signature.
    let tiny =
        [48, 27, 2, 1, 0, 2, 1, 15, 2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1, 5, 2, 1, 1, 2, 1, 3, 2, 1, 2];
    let tiny = pem::encode(&pem::Pem::new("RSA PRIVATE KEY", tiny));
    let large =
        format!("{}{}", KEY.to_pkcs1_pem(LineEnding::LF).unwrap().as_str(), "# ".repeat(8_000));
    for (pem, word) in [
        (small.as_str(), "1024 bits"),
        (&tiny, " bits"),
        (&large, "more than 8 KiB"),
        // A key of 2,048 bits with matching exponents, but its factors are not prime.
        (include_str!("key-of-no-primes.pem"), "does not parse"),
    ] {
        let error = AppKey::from_pem(&Secret::from(pem)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
}

#[test]
fn the_jwt_has_the_required_header_claims_and_signature() {
    // spec: G1d
    let pem = Secret::from(KEY.to_pkcs1_pem(LineEnding::LF).unwrap().as_str());
    let key = AppKey::from_pem(&pem).unwrap();
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let jwt = app_jwt(4711, &key, now).unwrap();
    let jwt = jwt.expose_str().unwrap();
    assert_eq!(part(jwt, 0), serde_json::json!({ "typ": "JWT", "alg": "RS256" }));
    let claims = part(jwt, 1);
    assert_eq!(claims["iat"], 1_700_000_000 - 60);
    assert_eq!(claims["exp"], 1_700_000_000 + 540);
    assert_eq!(claims["iss"], "4711");
    let public = KEY.to_public_key().to_pkcs1_pem(LineEnding::LF).unwrap();
    let decoding = jsonwebtoken::DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
    let (message, signature) = jwt.rsplit_once('.').unwrap();
    let genuine = jsonwebtoken::crypto::verify(
        signature,
        message.as_bytes(),
        &decoding,
        jsonwebtoken::Algorithm::RS256,
    );
    assert!(genuine.unwrap());
}
