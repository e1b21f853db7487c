//! Encoders for the inputs of the tests.

pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |all, b| all << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(ALPHABET[(group >> (18 - 6 * at) & 63) as usize] as char);
        }
        text.push_str(&"="[..usize::from(chunk.len() < 3)].repeat(3 - chunk.len()));
    }
    text
}

pub(super) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<u8> =
        bytes.iter().flat_map(|b| (0..8).rev().map(move |at| b >> at & 1)).collect();
    let value = |group: &[u8]| (0..5).fold(0, |all, at| all << 1 | group.get(at).unwrap_or(&0));
    bits.chunks(5).map(|group| ALPHABET[usize::from(value(group))] as char).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut all = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    all.extend(miniz_oxide::deflate::compress_to_vec(bytes, 6));
    all.extend([0; 8]);
    all
}

pub(super) fn zip(bytes: &[u8]) -> Vec<u8> {
    let data = miniz_oxide::deflate::compress_to_vec(bytes, 6);
    let mut all = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    all.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    all.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    all.extend(b"\x05\0\0\0a.txt");
    all.extend(data);
    all
}

pub(super) fn utf16(text: &str, big: bool) -> Vec<u8> {
    let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(unit).collect()
}

/// Returns a deflate stream of `bytes` zero bytes, as gzip.
pub(super) fn bomb(bytes: usize) -> Vec<u8> {
    gzip(&vec![0; bytes])
}
