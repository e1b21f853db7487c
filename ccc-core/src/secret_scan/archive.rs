//! Expansion of archives: gzip, zip and zlib.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::meter::{Cancelled, MAX_INFLATED, Meter, Packed};

const GZIP: &[u8] = b"\x1f\x8b\x08";
const ZIP: &[u8] = b"PK\x03\x04";
/// The headers of zlib streams with a window of 32 KiB, for the four levels of compression
/// ([RFC 1950, 2.2](https://www.rfc-editor.org/rfc/rfc1950#page-4)), and the size of the header. The
/// streams in the second row need a dictionary, whose checksum follows the header. They are expanded
/// up to the first reference to the dictionary.
#[rustfmt::skip]
const ZLIB: &[(&[u8], usize)] = &[
    (b"\x78\x01", 2), (b"\x78\x5e", 2), (b"\x78\x9c", 2), (b"\x78\xda", 2),
    (b"\x78\x20", 6), (b"\x78\x3f", 6), (b"\x78\x7d", 6), (b"\x78\xbb", 6), (b"\x78\xf9", 6),
];
const ZIP_HEADER: usize = 30;
/// Size of the first part of the output of an archive, in bytes.
const CHUNK: usize = 4 << 10;
/// Number of bytes that a damaged archive costs in addition. The beginning of each archive takes
/// time, so the number of damaged ones is limited as well.
const DAMAGED: usize = 16 << 10;

/// The content of an archive, and the range of the archive.
pub(super) struct Expanded {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Returns the places of the headers of archives, with the places at which the compressed data
/// begins.
fn starts(bytes: &[u8]) -> Vec<(usize, usize, Packed)> {
    let gzip = memchr::memmem::find_iter(bytes, GZIP).filter_map(|at| Some((at, gzip(bytes, at)?)));
    let zip = memchr::memmem::find_iter(bytes, ZIP).filter_map(|at| Some((at, zip(bytes, at)?)));
    let archives = gzip.chain(zip).map(|(at, data)| (at, data, Packed::Archive));
    let streams = memchr::memchr_iter(ZLIB[0].0[0], bytes).filter_map(|at| {
        let (_, length) = ZLIB.iter().find(|(header, _)| bytes[at..].starts_with(header))?;
        let data = at + length;
        is_deflate(bytes.get(data..)?).then_some((at, data, Packed::Stream))
    });
    archives.chain(streams).collect()
}

/// Returns whether `bytes` can be the start of a deflate stream: the first block has a valid type,
/// and the lengths in its header are valid ([RFC 1951, 3.2](https://www.rfc-editor.org/rfc/rfc1951)).
/// Most bytes that follow a header by chance cannot.
fn is_deflate(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first() else { return false };
    match (first >> 1 & 3, bytes) {
        (0, [_, a, b, c, d, ..]) => *a == !c && *b == !d,
        (2, [_, second, ..]) => first >> 3 <= 29 && second & 31 <= 29,
        (1, _) => true,
        _ => false,
    }
}

/// Expands the archives in `bytes`, as far as the limits of `meter` allow. A damaged archive is
/// expanded up to the damage. Returns nothing if a gzip or zip archive exceeds a limit or cannot be
/// read. A zlib stream is expanded up to the limits, because ordinary images exceed them.
///
/// # Errors
/// [`Cancelled`] if the scan was cancelled.
pub(super) fn expand(bytes: &[u8], meter: &mut Meter) -> Result<Vec<Expanded>, Cancelled> {
    let (mut all, mut covered) = (Vec::new(), 0);
    let mut starts = starts(bytes);
    starts.sort_unstable();
    meter.add(bytes.len())?;
    if memchr::memmem::find_iter(bytes, ZIP).any(|at| is_unreadable(bytes, at)) {
        meter.incomplete = true;
        return Ok(Vec::new());
    }
    for (start, data, kind) in starts {
        // Compressed data can contain the bytes of a header by chance.
        if start < covered {
            continue;
        }
        let inflated = inflate(bytes, data, kind, meter)?;
        if inflated.is_complete {
            covered = inflated.end;
        }
        if !inflated.bytes.is_empty() {
            all.push(Expanded { bytes: inflated.bytes, start, end: inflated.end });
        }
        if meter.incomplete {
            return Ok(Vec::new());
        }
    }
    Ok(all)
}

/// Returns the place of the compressed data of the gzip member at `at`
/// ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)).
fn gzip(bytes: &[u8], at: usize) -> Option<usize> {
    const MAX_NAME: usize = 1024;
    let flags = *bytes.get(at + 3)?;
    if flags & 0xe0 != 0 {
        return None;
    }
    let mut data = at + 10;
    if flags & 4 != 0 {
        data += 2 + usize::from(u16::from_le_bytes([*bytes.get(data)?, *bytes.get(data + 1)?]));
    }
    // The name and the comment end with a zero byte.
    for flag in [8, 16] {
        if flags & flag != 0 {
            let window = bytes.get(data..)?;
            data += memchr::memchr(0, &window[..window.len().min(MAX_NAME)])? + 1;
        }
    }
    if flags & 2 != 0 {
        data += 2;
    }
    (data < bytes.len()).then_some(data)
}

/// Returns the place of the compressed data of the zip entry at `at`. Data that is not compressed
/// needs no expansion.
fn zip(bytes: &[u8], at: usize) -> Option<usize> {
    let header = bytes.get(at..at + ZIP_HEADER)?;
    let number = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let (flags, method) = (number(6), number(8));
    let data = at + ZIP_HEADER + number(26) + number(28);
    (method == 8 && flags & 1 == 0 && data < bytes.len()).then_some(data)
}

/// Returns whether the zip entry at `at` is encrypted or is compressed with a method that is not
/// supported, such as bzip2 or LZMA (APPNOTE.TXT of PKWARE, sections 4.4.4 and 4.4.5).
fn is_unreadable(bytes: &[u8], at: usize) -> bool {
    let Some(header) = bytes.get(at..at + ZIP_HEADER) else { return false };
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let (version, flags, method) = (number(4), number(6), number(8));
    let known = matches!(method, 0..=10 | 12 | 14 | 16 | 18..=20 | 93..=99);
    // Other data can contain the first bytes of a header by chance.
    let plausible = known && version <= 63 && (1..=4096).contains(&number(26));
    plausible && (!matches!(method, 0 | 8) || flags & 1 != 0)
}

/// The content of a deflate stream.
struct Inflated {
    bytes: Vec<u8>,
    /// The end of the compressed data that was read.
    end: usize,
    /// Whether the stream was read up to its end.
    is_complete: bool,
}

/// Expands the deflate stream at `at`.
fn inflate(
    bytes: &[u8],
    at: usize,
    kind: Packed,
    meter: &mut Meter,
) -> Result<Inflated, Cancelled> {
    let mut state = Box::<DecompressorOxide>::default();
    let (mut output, mut written, mut read) = (Vec::new(), 0, at);
    let (mut is_complete, mut is_limited) = (false, false);
    loop {
        let left = meter.inflatable(kind).min(MAX_INFLATED - written);
        if left == 0 {
            is_limited = true;
            break;
        }
        output.resize(written + written.max(CHUNK).min(left), 0);
        // The input is limited as well: a stream can be long without output.
        let is_cut = bytes.len() - read > left;
        let input = &bytes[read..bytes.len().min(read + left)];
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, consumed, produced) =
            decompress(&mut state, input, &mut output, written, flags);
        read += consumed;
        written += produced;
        meter.inflated(consumed + produced, kind);
        meter.add(consumed + produced)?;
        if status == TINFLStatus::HasMoreOutput && consumed + produced > 0 {
            continue;
        }
        is_complete = status == TINFLStatus::Done;
        if !is_complete {
            is_limited = is_cut;
            meter.inflated(DAMAGED, kind);
            meter.add(DAMAGED)?;
        }
        break;
    }
    meter.incomplete |= is_limited && kind == Packed::Archive;
    output.truncate(written);
    Ok(Inflated { bytes: output, end: read, is_complete })
}
