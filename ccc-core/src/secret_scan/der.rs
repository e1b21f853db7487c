//! Private keys in binary form: DER, and the formats of OpenSSH and Microsoft.

use std::ops::Range;

use super::placeholder::entropy_of;

/// Object identifiers of the algorithms of private keys, in DER: RSA, DSA, elliptic curves, RSA-PSS,
/// X25519, X448, Ed25519 and Ed448.
const ALGORITHMS: &[&[u8]] = &[
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01",
    b"\x2a\x86\x48\xce\x38\x04\x01",
    b"\x2a\x86\x48\xce\x3d\x02\x01",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a",
    b"\x2b\x65\x6e",
    b"\x2b\x65\x6f",
    b"\x2b\x65\x70",
    b"\x2b\x65\x71",
];

/// The starts of the elements with the object identifiers of encryption with a password: of PKCS #5
/// ([RFC 8018, A.3](https://www.rfc-editor.org/rfc/rfc8018#appendix-A.3)), and of PKCS #12, with which
/// programs encrypted the keys in files such as `key.p12`
/// ([RFC 7292, C](https://www.rfc-editor.org/rfc/rfc7292#appendix-C)).
const PKCS5: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05";
const PKCS12: &[u8] = b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";

/// The start of a private key in the format of OpenSSH
/// ([PROTOCOL.key](https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key)), up to the
/// length of the name of the cipher.
const OPENSSH: &[u8] = b"openssh-key-v1\0\0\0\0";

/// The starts of private keys of RSA and DSA in Microsoft's format, up to the number of bits
/// ([PRIVATEKEYBLOB](https://learn.microsoft.com/en-us/windows/win32/seccrypto/base-provider-key-blobs)).
/// The bytes 4 to 7 are the identifier of the algorithm: key exchange, signature, or DSS.
const MICROSOFT: [&[u8]; 3] =
    [b"\x07\x02\0\0\0\xa4\0\0RSA2", b"\x07\x02\0\0\0\x24\0\0RSA2", b"\x07\x02\0\0\0\x22\0\0DSS2"];

/// Texts that every private key contains: the version 0 or 1 of a key in DER, the algorithm of an
/// encrypted key, or the start of a key of OpenSSH or Microsoft.
pub(super) const MARKS: [&[u8]; 8] = [
    b"\x02\x01\x00",
    b"\x02\x01\x01",
    PKCS5,
    PKCS12,
    OPENSSH,
    MICROSOFT[0],
    MICROSOFT[1],
    MICROSOFT[2],
];

/// The mark of a key that is published as the key of a test, as in
/// `-----BEGIN RSA TESTING KEY-----`.
pub(super) const TESTING: &[u8] = b"TESTING KEY-----";

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Maximum length of the tag and the length of an element.
const MAX_HEADER: usize = 4;
/// Minimum number of secret bytes that must be present. A key that was cut off is no secret.
const MIN_SECRET: usize = 16;
/// Number of bytes of a key that are compared. They contain secret bytes, or the modulus of RSA.
pub(super) const COMPARED: usize = 64;

/// An element of DER ([X.690](https://www.itu.int/rec/T-REC-X.690)).
#[derive(Clone, Copy, Debug)]
struct Element {
    tag: u8,
    content: usize,
    /// The end of the element. The bytes can be shorter.
    end: usize,
}

impl Element {
    fn of(bytes: &[u8], at: usize) -> Option<Self> {
        let (tag, first) = (*bytes.get(at)?, *bytes.get(at + 1)?);
        let count = if first < 0x80 { 0 } else { usize::from(first & 0x7f) };
        if first == 0x80 || count > 2 {
            return None;
        }
        let content = at + 2 + count;
        let digits = bytes.get(at + 2..content)?;
        let long = digits.iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
        let length = if count == 0 { usize::from(first) } else { long };
        Some(Self { tag, content, end: content + length })
    }

    fn length(self) -> usize {
        self.end - self.content
    }

    /// Returns the sequence whose content begins at `content`.
    fn around(bytes: &[u8], content: usize) -> Option<(usize, Self)> {
        (2..=MAX_HEADER).find_map(|header| {
            let at = content.checked_sub(header)?;
            let element = Self::of(bytes, at)?;
            (element.tag == SEQUENCE && element.content == content).then_some((at, element))
        })
    }
}

/// Maximum distance of [`TESTING`] from a key. A key of PKCS #8 contains another key.
const MAX_MARK: usize = 96;
/// Number of bytes of a key of OpenSSH that are judged.
const MAX_OPENSSH: usize = 256;
/// Number of bytes that [`private_key`] reads.
pub(super) const MAX_READ: usize = MAX_OPENSSH + MAX_MARK;

/// Returns the range of the private key around the mark at `at`, which is one of [`MARKS`]. A key that
/// is marked as the key of a test is none. Reads a bounded number of bytes.
pub(super) fn private_key(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = &bytes[at..];
    let range = if rest.starts_with(OPENSSH) {
        let key = &rest[OPENSSH.len()..];
        let key = &key[..key.len().min(MAX_OPENSSH)];
        let is_key = key.len() >= MAX_OPENSSH / 2 && entropy_of(key) >= 4.0;
        is_key.then_some(at..bytes.len().min(at + 4 * MAX_OPENSSH))
    } else if MICROSOFT.iter().any(|start| rest.starts_with(start)) {
        microsoft(rest).map(|length| at..at + length)
    } else if rest.starts_with(PKCS5) || rest.starts_with(PKCS12) {
        let (start, algorithm) = Element::around(bytes, at)?;
        let (start, outer) = Element::around(bytes, start)?;
        let data = Element::of(bytes, algorithm.end)?;
        let is_key = data.tag == OCTETS && data.end == outer.end && data.length() >= MIN_SECRET;
        (is_key && outer.end <= bytes.len()).then_some(start..outer.end)
    } else {
        let (start, outer) = Element::around(bytes, at)?;
        is_private(bytes, outer).then_some(start..outer.end.min(bytes.len()))
    }?;
    let before = &bytes[range.start.saturating_sub(MAX_MARK)..range.start];
    memchr::memmem::find(before, TESTING).is_none().then_some(range)
}

/// Returns the length of the private key in Microsoft's format at the start of `bytes`.
fn microsoft(bytes: &[u8]) -> Option<usize> {
    const HEADER: usize = 16;
    let bits = u32::from_le_bytes(*bytes.get(12..)?.first_chunk()?);
    let is_size = (384..=16_384).contains(&bits) && bits.is_multiple_of(8);
    let body = bytes.get(HEADER..)?;
    let judged = &body[..body.len().min(MAX_OPENSSH)];
    // A key consists of several numbers of this size.
    let length = HEADER + 4 * usize::try_from(bits).ok()? / 8;
    (is_size && judged.len() >= MAX_OPENSSH / 2 && entropy_of(judged) >= 4.0)
        .then_some(length.min(bytes.len()))
}

/// Returns whether `bytes` begins with a private key.
pub(super) fn begins_with_key(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(2 * MAX_HEADER + OPENSSH.len())];
    MARKS.iter().any(|mark| {
        memchr::memmem::find_iter(head, mark)
            .any(|at| private_key(bytes, at).is_some_and(|key| key.start == 0))
    })
}

/// Returns whether the sequence is a private key: one of PKCS #8
/// ([RFC 5958](https://www.rfc-editor.org/rfc/rfc5958)), of RSA
/// ([RFC 8017](https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.2)), of DSA, or of an elliptic
/// curve ([RFC 5915](https://www.rfc-editor.org/rfc/rfc5915)).
fn is_private(bytes: &[u8], outer: Element) -> bool {
    let version = bytes.get(outer.content + 2);
    let Some(second) = Element::of(bytes, outer.content + 3) else { return false };
    let secret = |element: Element, least: usize| {
        let present = element.end.min(bytes.len()).saturating_sub(element.content);
        element.end <= outer.end && element.length() >= least && present >= MIN_SECRET
    };
    match second.tag {
        SEQUENCE => {
            let algorithm = Element::of(bytes, second.content).filter(|id| id.tag == OBJECT);
            let known = algorithm
                .and_then(|id| bytes.get(id.content..id.end))
                .is_some_and(|id| ALGORITHMS.contains(&id));
            let key = Element::of(bytes, second.end).filter(|key| key.tag == OCTETS);
            known && key.is_some_and(|key| secret(key, MIN_SECRET))
        }
        INTEGER if version == Some(&0) && second.length() >= 64 => {
            let third = Element::of(bytes, second.end).filter(|third| third.tag == INTEGER);
            let fourth = third.and_then(|third| Element::of(bytes, third.end));
            // The public exponent of RSA, or the subgroup of DSA.
            let fits = third.is_some_and(|third| matches!(third.length(), 1..=8 | 20..=33));
            fits && fourth.is_some_and(|d| d.tag == INTEGER && secret(d, 32))
        }
        OCTETS if version == Some(&1) && second.length() <= 66 => {
            let ends = second.end == outer.end;
            let goes_on = bytes.get(second.end).is_none_or(|tag| matches!(tag, 0xa0 | 0xa1));
            secret(second, MIN_SECRET) && (ends || goes_on)
        }
        _ => false,
    }
}

/// Returns whether `bytes` begins with a public key or a certificate in DER.
pub(super) fn is_public(bytes: &[u8]) -> bool {
    let Some(outer) = Element::of(bytes, 0).filter(|outer| outer.tag == SEQUENCE) else {
        return false;
    };
    let Some(inner) = Element::of(bytes, outer.content) else { return false };
    let first = bytes.get(inner.content);
    // The algorithm of a public key, or the version or serial number of a certificate.
    let begins = matches!(first, Some(&(OBJECT | 0xa0 | INTEGER)));
    let encrypted = bytes
        .get(inner.content..)
        .is_some_and(|rest| rest.starts_with(PKCS5) || rest.starts_with(PKCS12));
    inner.tag == SEQUENCE && inner.end < outer.end && begins && !encrypted
}
