//! Expansion of archives: gzip, zip and zlib.

use std::collections::BTreeSet;

use memchr::memmem;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::deflate::{Gzip, is_checked, zlib};
use super::meter::{Cancelled, MAX_INFLATED, Meter, Packed};
use super::png;
use super::unsearchable;
use super::zip::{self, Data};

/// Size of the first part of the output of an archive, in bytes.
const CHUNK: usize = 4 << 10;
/// Number of bytes that a damaged archive costs in addition. The beginning of each archive takes
/// time, so the number of damaged ones is limited as well.
const DAMAGED: usize = 16 << 10;
/// Minimum size of the content of a damaged zlib stream. Smaller content has no room for a credential,
/// and bytes that look like the start of a stream by chance have some.
const MIN_DAMAGED: usize = 16;
/// Minimum size of the content of an archive that is not at the start of a file. A few bytes that look
/// like a header inside other data are no archive.
const MIN_ARCHIVE: usize = 256;
/// Length of the checksum and the size after the data of a gzip archive, in bytes.
const GZIP_TRAILER: usize = 8;
/// Number of times that a byte can be part of archives that overlap, and a number of bytes that is
/// always free. Ordinary archives do not overlap.
const OVERLAPS: usize = 8;
const MIN_READ: usize = 256 << 10;

/// The content of an archive, and the range of the archive.
pub(super) struct Expanded {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether the archive is not only bytes that look like one by chance.
    pub(super) is_real: bool,
}

/// The place of an archive or of a zlib stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    at: usize,
    /// The place at which the compressed data begins.
    data: usize,
    kind: Packed,
}

/// Returns the places of archives and of zlib streams, and the places at which uncompressed entries of
/// zip archives begin.
fn starts(bytes: &[u8]) -> (Vec<Start>, Vec<usize>) {
    let (mut starts, mut entries) = (Vec::new(), Vec::new());
    let mut gzip = Gzip::default();
    let archive = |at: usize, data: usize| Start { at, data, kind: Packed::Archive };
    for at in memmem::find_iter(bytes, Gzip::MAGIC) {
        starts.extend(gzip.data(bytes, at).map(|data| archive(at, data)));
    }
    for at in memmem::find_iter(bytes, zip::LOCAL) {
        match zip::entry(bytes, at) {
            Some(Data::Deflated(data)) => starts.push(archive(at, data)),
            Some(Data::Stored(data)) => entries.push(data),
            None => {}
        }
    }
    // Most bytes are no first byte of a header.
    let first = bytes.iter().enumerate().filter(|(_, byte)| **byte & 0x8f == 8);
    let streams = first.filter_map(|(at, _)| Some((at, zlib(bytes, at)?)));
    starts.extend(streams.map(|(at, data)| Start { at, data, kind: Packed::Stream }));
    starts.sort_unstable();
    (starts, entries)
}

/// Expands the archives in `bytes`, as far as the limits of `meter` allow. A damaged archive is
/// expanded up to the damage. Returns nothing if a gzip or zip archive exceeds a limit or cannot be
/// read, if too many archives overlap, or if `bytes` contain data in a format that cannot be expanded.
/// A zlib stream is expanded up to the limits, because ordinary images exceed them.
///
/// # Errors
/// [`Cancelled`] if the scan was cancelled.
pub(super) fn expand(bytes: &[u8], meter: &mut Meter) -> Result<Vec<Expanded>, Cancelled> {
    let mut all = Vec::new();
    let (starts, entries) = starts(bytes);
    // The searches for headers, for directories, and for other formats.
    meter.add(bytes.len().saturating_mul(4))?;
    if memmem::find_iter(bytes, zip::LOCAL).any(|at| zip::is_unreadable(bytes, at))
        || zip::has_unreadable_directory(bytes)
        || unsearchable::contains(bytes, &entries)
    {
        meter.incomplete = true;
        return Ok(Vec::new());
    }
    let mut left = bytes.len().saturating_mul(OVERLAPS).saturating_add(MIN_READ);
    let Some(images) = png::images(bytes, left) else {
        meter.incomplete = true;
        return Ok(Vec::new());
    };
    let read: usize = images.iter().map(|image| image.end - image.start).sum();
    meter.add(read)?;
    // The stream of an image in several chunks is expanded once, as a whole.
    let firsts: BTreeSet<usize> = images.iter().filter_map(|image| image.first).collect();
    let mut state = Box::<DecompressorOxide>::default();
    for Start { at, data, kind } in starts.into_iter().filter(|start| !firsts.contains(&start.at)) {
        // No archive is skipped because it is inside another one. An archive can be made so that its
        // compressed data contains another archive.
        let inflated = inflate(bytes, data, kind, &mut state, meter)?;
        let Inflated { bytes: content, end, is_complete } = inflated;
        match left.checked_sub(end - data) {
            Some(rest) => left = rest,
            None => meter.incomplete = true,
        }
        if meter.incomplete {
            return Ok(Vec::new());
        }
        let is_real = match kind {
            Packed::Archive => at == 0 || content.len() >= MIN_ARCHIVE,
            Packed::Stream => is_complete && is_checked(&content, &bytes[end..]),
        };
        let least = if is_complete || kind == Packed::Archive { 1 } else { MIN_DAMAGED };
        if content.len() >= least {
            all.push(Expanded { bytes: content, start: at, end, is_real });
        }
    }
    let joined = joined_members(&all);
    all.extend(joined);
    for image in images {
        for stream in &image.pixels {
            let Some(data) = zlib(stream, 0) else { continue };
            let content = inflate(stream, data, Packed::Stream, &mut state, meter)?.bytes;
            let (start, end) = (image.start, image.end);
            all.push(Expanded { bytes: content, start, end, is_real: false });
        }
        if !image.text.is_empty() {
            let (start, end) = (image.start, image.end);
            all.push(Expanded { bytes: image.text, start, end, is_real: false });
        }
    }
    Ok(all)
}

/// Returns the contents of gzip archives that follow each other, joined. Programs read the members of
/// such a file as one text (RFC 1952, 2.2).
fn joined_members(members: &[Expanded]) -> Vec<Expanded> {
    let follows = |pair: &[Expanded]| pair[1].start == pair[0].end + GZIP_TRAILER;
    let mut all = Vec::new();
    let mut from = 0;
    for at in 1..=members.len() {
        if at < members.len() && follows(&members[at - 1..=at]) {
            continue;
        }
        if at - from > 1 {
            let run = &members[from..at];
            let bytes = run.iter().flat_map(|member| &member.bytes).copied().collect();
            let (start, end) = (run[0].start, run[run.len() - 1].end);
            all.push(Expanded { bytes, start, end, is_real: true });
        }
        from = at;
    }
    all
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
    state: &mut DecompressorOxide,
    meter: &mut Meter,
) -> Result<Inflated, Cancelled> {
    state.init();
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
        let (status, consumed, produced) = decompress(state, input, &mut output, written, flags);
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
