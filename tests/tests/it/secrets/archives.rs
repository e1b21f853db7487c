//! Archives for the tests.

use miniz_oxide::deflate::compress_to_vec;

/// Returns `content` as a gzip file.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    // The reader does not check the checksum.
    [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &*compress_to_vec(content, 6), &[0; 4], &length].concat()
}

/// Returns a zip file with one file.
pub(crate) fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let data = compress_to_vec(content, 6);
    let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let header =
        [&b"\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0"[..], &number(data.len()), &number(content.len())]
            .concat();
    let length = &number(name.len())[..2];
    let local = [&b"PK\x03\x04"[..], &*header, length, &[0; 2], name.as_bytes(), &data].concat();
    let central = [&b"PK\x01\x02\x14\0"[..], &*header, length, &[0; 16], name.as_bytes()].concat();
    let end = [
        &b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..],
        &number(central.len())[..],
        &number(local.len()),
        &[0; 2],
    ];
    [local, central, end.concat()].concat()
}
