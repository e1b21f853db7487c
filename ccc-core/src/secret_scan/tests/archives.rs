//! Tests of archives: headers with unusual fields, directories of zip archives, and formats that the
//! scan cannot expand.

use super::encodings::{base64, gzip, zip};
use super::{Random, Scan, scanned};

/// Scans `bytes`, and returns whether a secret was found, and whether an archive could not be read.
fn result(bytes: impl AsRef<[u8]>) -> (bool, bool) {
    let Scan { secrets, incomplete, .. } = scanned(bytes);
    (!secrets.is_empty(), incomplete)
}

/// Returns a text with a token that is repeated, so that the token is compressed.
fn text() -> Vec<u8> {
    let token = Random(3).token();
    format!("{}token={token}\n", "words that are repeated\n".repeat(9)).into_bytes()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(bytes, 6)
}

#[test]
fn a_gzip_header_with_any_fields_is_read() {
    // spec: X10b
    let (long, extra) = ([&[b'n'; 5_000][..], b"\0"].concat(), [&[200, 0][..], &[7; 200]].concat());
    let fields: [(u8, &[u8]); 5] =
        [(4, &extra), (8, &long), (16, &long), (2, b"\x01\x02"), (1, b"")];
    for reserved in [0, 0x20, 0x40, 0x80, 0xe0] {
        for chosen in 0..1 << fields.len() {
            let fields = fields.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1);
            let fields: Vec<_> = fields.map(|(_, field)| *field).collect();
            let flags = fields.iter().fold(reserved, |flags, (flag, _)| flags | flag);
            let values = fields.iter().flat_map(|(_, value)| *value).copied().collect::<Vec<_>>();
            let header = [b"\x1f\x8b\x08", &[flags][..], b"\0\0\0\0\0\x03"].concat();
            let file = [header, values, deflated(&text()), vec![0; 8]].concat();
            assert_eq!(result(file), (true, false), "flags {flags:#x}");
        }
    }
}

#[test]
fn a_zlib_stream_with_any_window_is_read() {
    // spec: X10b
    let headers = (0..8_u8).flat_map(|window| {
        let method = window << 4 | 8;
        let is_right = move |flags: &u8| u16::from_be_bytes([method, *flags]).is_multiple_of(31);
        (0..=255).filter(is_right).map(move |flags| [method, flags])
    });
    let headers: Vec<_> = headers.collect();
    assert_eq!(headers.len(), 66);
    for header in headers {
        let dictionary = if header[1] & 0x20 == 0 { &[][..] } else { &[1, 2, 3, 4] };
        for data in [deflated(&text()), miniz_oxide::deflate::compress_to_vec(&text(), 0)] {
            let stream = [b"head", &header[..], dictionary, &data].concat();
            assert!(result(stream).0, "{header:x?}");
        }
    }
}

#[test]
fn data_that_is_no_stream_costs_little() {
    // spec: X16a
    let mut random = Random(9);
    let noise: Vec<u8> = (0..200_000).map(|_| random.below(256) as u8).collect();
    let steps = scanned(&noise).steps / noise.len() as u64;
    // Without the checks of headers, each byte needs more than 2 000 steps.
    assert!(steps < 300, "{steps}");
}

#[test]
fn an_archive_inside_the_compressed_data_of_another_is_read() {
    // spec: X10b
    // The outer stream ends inside the header of the inner archive.
    for first in (0..=255_u8).filter(|first| first & 7 == 3) {
        for inner in [gzip(&text()), zip(&text())] {
            let outer = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &[first][..], &inner].concat();
            assert!(result(&outer).0, "{first:#x}");
        }
    }
}

/// An entry of a zip archive.
#[derive(Clone)]
struct Entry {
    /// The method and the flags in the header of the entry, and in the directory.
    header: (u16, u16),
    directory: (u16, u16),
    data: Vec<u8>,
}

/// The fields of a zip archive that differ from those of an ordinary archive.
#[derive(Clone, Default)]
struct Archive {
    prefix: Vec<u8>,
    /// The offsets count from the start of the file, and not from the start of the archive.
    is_adjusted: bool,
    /// A difference of the offset of each entry.
    moved: u32,
    /// The additional records of a large archive, with this difference of the directory's offset.
    large: Option<u64>,
    comment: Vec<u8>,
}

impl Archive {
    fn with(&self, entries: &[Entry]) -> Vec<u8> {
        let u16s = |values: &[u16]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        let u32s = |values: &[usize]| {
            values.iter().flat_map(|v| u32::try_from(*v).unwrap().to_le_bytes()).collect::<Vec<_>>()
        };
        let base = if self.is_adjusted { 0 } else { self.prefix.len() };
        let (mut file, mut directory) = (self.prefix.clone(), Vec::new());
        for Entry { header, directory: described, data } in entries {
            let offset = file.len() - base + self.moved as usize;
            let sizes = u32s(&[0, data.len(), data.len()]);
            file.extend(b"PK\x03\x04");
            file.extend([u16s(&[20, header.1, header.0, 0, 0]), sizes.clone()].concat());
            file.extend([u16s(&[5, 0]), b"a.txt".to_vec(), data.clone()].concat());
            directory.extend(b"PK\x01\x02");
            directory.extend(u16s(&[20, 20, described.1, described.0, 0, 0]));
            directory.extend([sizes, u16s(&[5, 0, 0, 0, 0])].concat());
            directory.extend([u32s(&[0, offset]), b"a.txt".to_vec()].concat());
        }
        let (at, size) = (file.len() - base, directory.len());
        file.extend(directory);
        if let Some(difference) = self.large {
            let wide = |value: usize| (value as u64).to_le_bytes();
            let end = file.len() - base;
            file.extend([&b"PK\x06\x06"[..], &wide(44), &u16s(&[45, 45]), &[0; 8]].concat());
            file.extend([wide(entries.len()), wide(entries.len()), wide(size)].concat());
            file.extend((at as u64 + difference).to_le_bytes());
            file.extend([&b"PK\x06\x07"[..], &[0; 4], &wide(end), &[1, 0, 0, 0]].concat());
        }
        file.extend(b"PK\x05\x06");
        let count = u16::try_from(entries.len()).unwrap();
        file.extend([u16s(&[0, 0, count, count]), u32s(&[size, at])].concat());
        file.extend(u16s(&[u16::try_from(self.comment.len()).unwrap()]));
        file.extend(&self.comment);
        file
    }
}

#[test]
fn a_zip_archive_is_read_by_its_directory() {
    // spec: X10b, X16a
    let deflate = deflated(&text());
    let entry = |header, directory, data: &[u8]| Entry { header, directory, data: data.to_vec() };
    let same = |method, data: &[u8]| entry((method, 0), (method, 0), data);
    let plain = Archive::default();
    let nested = plain.with(&[same(8, &deflate)]);
    let prefixed = Archive { prefix: b"#!/bin/sh\nexit\n".to_vec(), ..Archive::default() };
    let adjusted = Archive { is_adjusted: true, ..prefixed.clone() };
    let large = |difference| Archive { large: Some(difference), ..Archive::default() };
    let both = [same(0, b"first"), same(8, &deflate)];
    let moved = |prefix: &Archive| Archive { moved: 3, ..prefix.clone() };
    for (name, file, expected) in [
        ("ordinary", plain.with(&both), (true, false)),
        ("after a script", prefixed.with(&both), (true, false)),
        ("after a script, adjusted", adjusted.with(&both), (true, false)),
        ("large", large(0).with(&both), (true, false)),
        ("in an archive", plain.with(&[same(0, &nested)]), (true, false)),
        ("two archives", [plain.with(&both), plain.with(&both)].concat(), (true, false)),
        (
            "signatures in a comment",
            Archive { comment: b"PK\x01\x02 PK\x05\x06".to_vec(), ..Archive::default() }
                .with(&both),
            (true, false),
        ),
        ("data descriptor", plain.with(&[entry((8, 8), (8, 8), &deflate)]), (true, false)),
        ("empty", plain.with(&[]), (false, false)),
        // Programs would expand these entries in another way than their headers describe.
        ("stored in the header", plain.with(&[entry((0, 0), (8, 0), &deflate)]), (false, true)),
        ("unknown in the header", plain.with(&[entry((200, 0), (8, 0), &deflate)]), (false, true)),
        ("encrypted in the header", plain.with(&[entry((8, 1), (8, 0), &deflate)]), (false, true)),
        ("encrypted in the directory", plain.with(&[entry((8, 0), (8, 1), b"")]), (false, true)),
        ("LZMA in the directory", plain.with(&[entry((0, 0), (14, 0), b"data")]), (false, true)),
        ("unknown in both", plain.with(&[same(200, b"data")]), (false, true)),
        ("second entry", plain.with(&[same(0, b"a"), entry((0, 0), (12, 0), b"b")]), (false, true)),
        ("after a script", prefixed.with(&[entry((0, 0), (8, 0), &deflate)]), (false, true)),
        ("adjusted", adjusted.with(&[entry((0, 0), (8, 0), &deflate)]), (false, true)),
        ("no header at the offset", moved(&plain).with(&both), (false, true)),
        ("no header at the adjusted offset", moved(&adjusted).with(&both), (false, true)),
        ("two directories", large(1).with(&both), (false, true)),
        ("in an archive", gzip(&plain.with(&[same(20, b"data")])), (false, true)),
    ] {
        let found = result(&file);
        assert_eq!(found.1, expected.1, "{name}");
        assert!(found.0 || !expected.0, "{name}");
    }
}

/// Decodes hex digits.
fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Returns files in formats that the scan cannot expand. Those of the first rows are the output of
/// programs.
#[rustfmt::skip]
fn unsearchable() -> Vec<(&'static str, Vec<u8>)> {
    let mut files: Vec<_> = [
        ("xz", "fd377a585a000004e6d6b4460200210116000000742fe5a3010004746578740a000000001d2bd28aaf194ccd00011d05b82d80af1fb6f37d010000000004595a"),
        ("bzip2", "425a6839314159265359c06fe065000001c1800010020004402000218c8334d088f177245385090c06fe0650"),
        ("zstd", "28b52ffd0458290000746578740a2c51a1bf"),
        ("zstd of a file", "28b52ffd2005290000746578740a"),
        ("LZ4", "04224d186440a705000080746578740a00000000cffecf0c"),
        ("LZ4, legacy", "02214c180600000050746578740a"),
        ("RAR 4", "526172211a0700cf907300000d00000000000000"),
        ("RAR 5", "526172211a0701003392b5e50a01050600050101808000"),
        ("lzip", "4c5a495001180000000000000000000000000000"),
        ("lzop", "894c5a4f000d0a1a0a1030203009400103010300000d000081a400000000000000"),
        ("Snappy", "ff060000734e61507059000900000000000000"),
        ("cabinet", "4d534346000000004b000000000000002c000000000000000301010001000000"),
    ].map(|(name, hex)| (name, bytes(hex))).into();
    let start = b"\x03\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x01\x02\x03\x04";
    let sum = [0x86, 0x85, 0xa7, 0xaf];
    files.push(("7z", [b"7z\xbc\xaf\x27\x1c\0\x04", &sum[..], start].concat()));
    files
}

#[rustfmt::skip]
fn unsearchable_at_the_start() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("LZMA", "5d00008000ffffffffffffffff003a194b780f5c0342fffffd8f0000"),
        ("LZMA with a size", "5d00001000050000000000000000003a194b780f5c0342fffffd8f0000"),
        ("compress", "1f9d90746578740a"),
        ("pack", "1f1e000000050102ff"),
        ("LZH", "1fa000000005"),
        ("LHA", "16222d6c68352d05000000050000000000000020000161"),
        ("ARJ", "60ea2b001e030100100002000000"),
        ("zstd 0.7", "27b52ffd0000"),
        ("RAR 1.4", "52457e5e070080"),
        ("squashfs", "68737173010000000000000000000200010000000400"),
    ].map(|(name, hex)| (name, bytes(hex))).into()
}

/// Returns a tar archive with these files.
fn tar(files: &[&[u8]]) -> Vec<u8> {
    let mut archive = Vec::new();
    for file in files {
        let mut header = vec![0; 512];
        header[..4].copy_from_slice(b"file");
        header[124..135].copy_from_slice(format!("{:011o}", file.len()).as_bytes());
        header[257..263].copy_from_slice(b"ustar\0");
        archive.extend(header);
        archive.extend(*file);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1_024, 0);
    archive
}

#[test]
fn data_in_a_format_that_cannot_be_expanded_is_reported() {
    // spec: X10b, X16a
    let incomplete = |bytes: &[u8]| result(bytes).1;
    let entry = |data: &[u8]| {
        Archive::default().with(&[Entry { header: (0, 0), directory: (0, 0), data: data.to_vec() }])
    };
    let everywhere = unsearchable();
    for (name, file) in everywhere.iter().chain(&unsearchable_at_the_start()) {
        assert!(incomplete(file), "{name}");
        assert!(incomplete(&gzip(file)), "{name} in gzip");
        assert!(incomplete(&zip(file)), "{name} in zip");
        assert!(incomplete(&gzip(&gzip(file))), "{name} in gzip in gzip");
        assert!(incomplete(&entry(file)), "{name} in zip without compression");
        assert!(incomplete(&tar(&[b"text", file])), "{name} in tar");
        assert!(incomplete(&gzip(&tar(&[file]))), "{name} in tar in gzip");
        // The start of the data decides.
        assert!(!incomplete(&file[1..]), "{name} without its first byte");
        assert!(!incomplete(&file[..2]), "the start of {name}");
    }
    for (name, file) in everywhere {
        assert!(incomplete(&[b"#!/bin/sh\n", &file[..], b"\n"].concat()), "{name} in a file");
        let long = [file, vec![0x55; 24]].concat();
        assert!(incomplete(base64(&long).as_bytes()), "{name} in base64");
    }
}

#[test]
fn text_and_programs_that_know_a_format_are_not_reported() {
    // spec: X16a
    for file in [
        &b"A file of bzip2 begins with BZh91AY&SY and a checksum of 4 bytes.\n"[..],
        b"BZh91AY&SY",
        b"LZIP is a format; Rar! is another one, and 7z one more.\n",
        b"-lh5- is a method.\n",
        b"x -lh5- and -lzs- are methods of LHA.\n",
        b"MSCF, hsqs, RE~^ and 70A6\n",
        // The constants of a program that reads the formats.
        b"\xfd7zXZ\0YZ\0\0\0\0\0\0\0\0",
        b"\xfd7zXZ\0\0\0\0\0\0\0\0\0\0\0",
        b"7z\xbc\xaf\x27\x1c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"Rar!\x1a\x07\0\0\0\0\0\0\0\0\0\0",
        b"Rar!\x1a\x07\x01\0\0\0\0\0\0\0\0\0",
        b"\xb8\x28\xb5\x2f\xfd\x0f\x85\xff\xff\xff\xff\x48\x8b",
        b"\x81\x3f\x04\x22\x4d\x18\x75\x0a\x48\x8b\x07\xc3",
        b"MSCF\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        // A font, an icon, an image and a program, which begin with numbers.
        b"\0\x01\0\0\0\x11\x01\0\0\x04\0\x10GSUB",
        b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0",
        b"\0\0\x02\0\0\0\0\0\0\0\0\0\x40\0\x40\0\x18\0\0\0",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0",
    ] {
        assert_eq!(result(file), (false, false), "{}", String::from_utf8_lossy(file));
    }
}
