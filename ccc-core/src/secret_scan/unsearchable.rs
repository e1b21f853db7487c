//! Formats of compressed data that the scan cannot expand.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// A format of compressed data. The scan cannot search it, so a change that contains it is refused.
struct Format {
    /// The bytes at the start of the data.
    magic: &'static [u8],
    /// The check of the bytes from `magic` on. Programs that read the format contain its magic bytes
    /// too, and other data can contain them by chance.
    is_valid: fn(&[u8]) -> bool,
}

const fn format(magic: &'static [u8], is_valid: fn(&[u8]) -> bool) -> Format {
    Format { magic, is_valid }
}

/// The formats that are found at any place, with the pages that describe them.
const ANYWHERE: &[Format] = &[
    // xz: https://tukaani.org/xz/xz-file-format.txt
    format(b"\xfd7zXZ\0", is_xz),
    // bzip2: https://sourceware.org/git/?p=bzip2.git;a=blob;f=decompress.c
    format(b"BZh", is_bzip2),
    // zstd: https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1
    format(b"\x28\xb5\x2f\xfd", is_zstd),
    // LZ4: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
    format(b"\x04\x22\x4d\x18", is_lz4),
    // LZ4, legacy frame: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
    format(b"\x02\x21\x4c\x18", is_legacy_lz4),
    // 7z: https://github.com/ip7z/7zip/blob/main/DOC/7zFormat.txt
    format(b"7z\xbc\xaf\x27\x1c", is_7z),
    // RAR 4: https://www.rarlab.com/technote.htm
    format(b"Rar!\x1a\x07\0", |bytes| bytes.get(9) == Some(&0x73)),
    // RAR 5: https://www.rarlab.com/technote.htm
    format(b"Rar!\x1a\x07\x01\0", is_rar5),
    // lzip: https://www.nongnu.org/lzip/manual/lzip_manual.html#File-format
    format(b"LZIP", is_lzip),
    // lzop: https://www.lzop.org/
    format(b"\x89LZO\0\r\n\x1a\n", |bytes| bytes.len() > 32),
    // Snappy frames: https://github.com/google/snappy/blob/main/framing_format.txt
    format(b"\xff\x06\0\0sNaPpY", |bytes| bytes.len() > 14),
    // cabinet: https://learn.microsoft.com/previous-versions/bb417343(v=msdn.10)
    format(b"MSCF\0\0\0\0", |bytes| bytes.get(24..26) == Some(b"\x03\x01")),
];

/// The formats that are found at the start of a file, of an archive's content, of an entry of a zip
/// archive or of a tar archive, with the pages that describe them. Their magic bytes are too short for
/// another place.
const AT_START: &[Format] = &[
    // LZMA: https://github.com/tukaani-project/xz/blob/master/doc/lzma-file-format.txt
    format(b"", is_lzma),
    // compress: https://git.savannah.gnu.org/cgit/gzip.git/tree/gzip.h
    format(b"\x1f\x9d", is_compress),
    // pack: https://git.savannah.gnu.org/cgit/gzip.git/tree/gzip.h
    format(b"\x1f\x1e", |bytes| bytes.get(6).is_some_and(|b| (1..=25).contains(b))),
    // LZH of gzip: https://git.savannah.gnu.org/cgit/gzip.git/tree/gzip.h
    format(b"\x1f\xa0", |bytes| bytes.len() > 4),
    // LHA: https://github.com/jca02266/lha/blob/master/header.doc.md
    format(b"", is_lha),
    // ARJ: https://github.com/FarGroup/FarManager/blob/master/plugins/multiarc/arc.doc/arj.txt
    format(b"\x60\xea", is_arj),
    // zstd, before version 0.8: https://github.com/facebook/zstd/blob/dev/lib/legacy/zstd_legacy.h
    format(b"", is_old_zstd),
    // RAR 1.4: https://www.rarlab.com/technote.htm
    format(b"RE~^", |bytes| bytes.get(5) == Some(&0)),
    // squashfs: https://docs.kernel.org/filesystems/squashfs.html
    format(b"hsqs", |bytes| matches!(bytes.get(20..22), Some([2..=6, 0]))),
];

/// Returns whether `bytes` contain data in one of the formats. `entries` are the places at which the
/// entries of zip archives begin.
pub(super) fn contains(bytes: &[u8], entries: &[usize]) -> bool {
    static MAGIC: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let magic = ANYWHERE.iter().map(|format| format.magic);
        AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(magic).ok()
    });
    let starts = entries.iter().copied().chain([0]).chain(tar_entries(bytes));
    starts.filter_map(|at| bytes.get(at..)).any(|rest| {
        AT_START.iter().any(|format| rest.starts_with(format.magic) && (format.is_valid)(rest))
    }) || MAGIC.as_ref().is_none_or(|magic| {
        magic
            .find_overlapping_iter(bytes)
            .any(|found| (ANYWHERE[found.pattern().as_usize()].is_valid)(&bytes[found.start()..]))
    })
}

/// Returns the places at which the entries of a tar archive begin. Blocks have 512 bytes
/// ([POSIX, ustar](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html)).
fn tar_entries(bytes: &[u8]) -> impl Iterator<Item = usize> {
    const BLOCK: usize = 512;
    let blocks = bytes.as_chunks::<BLOCK>().0.iter().enumerate();
    blocks
        .filter(|(_, block)| block[257..].starts_with(b"ustar"))
        .map(|(number, _)| (number + 1) * BLOCK)
}

fn is_xz(bytes: &[u8]) -> bool {
    bytes.get(6..12).is_some_and(|flags| crc32(&flags[..2]).to_le_bytes() == flags[2..])
}

/// Returns whether the header of the first block is valid. Texts about the format contain the magic
/// bytes of a block, which are printable. The place of a block's first byte, which is less than
/// 900 000, is not.
fn is_bzip2(bytes: &[u8]) -> bool {
    matches!(bytes.get(3), Some(b'1'..=b'9'))
        && bytes[4..].starts_with(b"1AY&SY")
        && bytes.get(14).is_some_and(|place| place & 0x7f <= 6)
}

/// Returns whether the header of a zstd frame is valid, and the headers of its first blocks.
fn is_zstd(bytes: &[u8]) -> bool {
    const MAX_BLOCK: usize = 128 << 10;
    let Some(descriptor) = bytes.get(4) else { return false };
    let is_single = descriptor & 0x20 != 0;
    let sizes = [usize::from(is_single), 2, 4, 8];
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let mut at = 5 + usize::from(!is_single) + dictionary + sizes[usize::from(descriptor >> 6)];
    if descriptor & 8 != 0 {
        return false;
    }
    for _ in 0..4 {
        // The rest of a large frame can be in another file.
        let Some([a, b, c, ..]) = bytes.get(at..) else { return at <= bytes.len() };
        let header = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        let (kind, size) = (header >> 1 & 3, header >> 3);
        if kind == 3 || size > MAX_BLOCK {
            return false;
        }
        if header & 1 != 0 {
            return true;
        }
        at += 3 + if kind == 1 { 1 } else { size };
    }
    true
}

fn is_lz4(bytes: &[u8]) -> bool {
    let [_, _, _, _, flags, block, ..] = bytes else { return false };
    let (has_size, has_dictionary) = (flags & 8 != 0, flags & 1 != 0);
    let data = 7 + usize::from(has_size) * 8 + usize::from(has_dictionary) * 4;
    let sizes = [64 << 10, 256 << 10, 1 << 20, 4 << 20];
    let Some(most) = sizes.get(usize::from(block >> 4).wrapping_sub(4)) else { return false };
    let Some(size) = bytes.get(data..).and_then(|rest| rest.first_chunk()) else { return false };
    flags >> 6 == 1
        && flags & 2 == 0
        && block & 0x0f == 0
        && u32::from_le_bytes(*size) & 0x7fff_ffff <= *most
}

fn is_legacy_lz4(bytes: &[u8]) -> bool {
    // Blocks of 8 MiB, and what data without repetitions adds to them.
    let size = bytes.get(4..).and_then(|rest| rest.first_chunk());
    size.is_some_and(|size| (1..=8_421_520).contains(&u32::from_le_bytes(*size)))
}

fn is_7z(bytes: &[u8]) -> bool {
    bytes.get(8..32).is_some_and(|header| crc32(&header[4..]).to_le_bytes() == header[..4])
}

fn is_rar5(bytes: &[u8]) -> bool {
    // The checksum, the size of the header in up to three bytes, and the type of the header.
    let Some(rest) = bytes.get(12..) else { return false };
    let size = rest.iter().take(3).take_while(|byte| **byte & 0x80 != 0).count();
    matches!(rest.get(size + 1), Some(1 | 4))
}

fn is_lzip(bytes: &[u8]) -> bool {
    matches!(bytes.get(4..6), Some([0 | 1, size]) if (12..=29).contains(&(size & 0x1f)))
}

fn is_compress(bytes: &[u8]) -> bool {
    bytes.get(2).is_some_and(|flags| flags & 0x60 == 0 && (9..=16).contains(&(flags & 0x1f)))
}

fn is_old_zstd(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1e | 0x22..=0x27, 0xb5, 0x2f, 0xfd, _, ..])
}

/// Returns whether `bytes` begin with the header of LZMA data: the properties, the size of the
/// dictionary, the size of the content, and the first byte of the data.
fn is_lzma(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<14>() else { return false };
    let [properties, d0, d1, d2, d3, size @ .., first] = header;
    let dictionary = u32::from_le_bytes([*d0, *d1, *d2, *d3]);
    // A power of two, or one and a half of it.
    let half = dictionary & dictionary.wrapping_sub(1);
    let is_usual = half == 0 || half << 1 == (dictionary ^ half) || dictionary == u32::MAX;
    let size = u64::from_le_bytes(*size);
    *properties < 9 * 5 * 5
        && dictionary >= 4 << 10
        && is_usual
        && (size == u64::MAX || (1..1 << 38).contains(&size))
        && *first == 0
        && bytes.len() >= 18
}

fn is_lha(bytes: &[u8]) -> bool {
    let is_method = matches!(bytes.get(2..7), Some([b'-', b'l', b'h' | b'z', method, b'-'])
        if method.is_ascii_alphanumeric());
    is_method && matches!(bytes.get(20), Some(0..=3))
}

fn is_arj(bytes: &[u8]) -> bool {
    let size = bytes.get(2..).and_then(|rest| rest.first_chunk());
    size.is_some_and(|size| (30..=2_600).contains(&u16::from_le_bytes(*size)))
        && bytes.get(10) == Some(&2)
}

/// Returns the checksum of `bytes` that xz and 7z use.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}
