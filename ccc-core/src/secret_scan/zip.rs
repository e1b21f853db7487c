//! The headers of zip archives
//! ([APPNOTE.TXT](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), section 4.3).

use std::collections::BTreeSet;

use memchr::memmem;

/// The signature of the header before the data of an entry.
pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
/// The signature of the description of an entry in the directory.
const CENTRAL: &[u8] = b"PK\x01\x02";
/// The signature of the record after the directory.
const END: &[u8] = b"PK\x05\x06";
/// The signatures of the additional records of large archives.
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";

const LOCAL_SIZE: usize = 30;
const CENTRAL_SIZE: usize = 46;
const END_SIZE: usize = 22;
const END_64_SIZE: usize = 56;
const LOCATOR_64_SIZE: usize = 20;

/// The data of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// The place of data that is compressed with deflate.
    Deflated(usize),
    /// The place of data that is not compressed.
    Stored(usize),
}

/// Returns the data of the entry whose header is at `at`. Returns `None` if the entry is encrypted or
/// compressed in another way.
pub(super) fn entry(bytes: &[u8], at: usize) -> Option<Data> {
    let header = bytes.get(at..at + LOCAL_SIZE)?;
    let data = at + LOCAL_SIZE + u16_at(header, 26)? + u16_at(header, 28)?;
    if data >= bytes.len() || u16_at(header, 6)? & 1 != 0 {
        return None;
    }
    match u16_at(header, 8)? {
        0 => Some(Data::Stored(data)),
        8 => Some(Data::Deflated(data)),
        _ => None,
    }
}

/// Returns whether the entry whose header is at `at` is encrypted or is compressed with a method that
/// is not supported, such as bzip2 or LZMA (APPNOTE.TXT, sections 4.4.4 and 4.4.5).
pub(super) fn is_unreadable(bytes: &[u8], at: usize) -> bool {
    let Some(header) = bytes.get(at..at + LOCAL_SIZE) else { return false };
    let number = |at: usize| u16_at(header, at).unwrap_or_default();
    let (version, flags, method) = (number(4), number(6), number(8));
    let known = matches!(method, 0..=10 | 12 | 14 | 16 | 18..=20 | 93..=99);
    // Other data can contain the first bytes of a header by chance.
    let plausible = known && version <= 63 && (1..=4096).contains(&number(26));
    plausible && (!matches!(method, 0 | 8) || flags & 1 != 0)
}

/// Returns whether the directory of an archive in `bytes` describes an entry that cannot be read, or
/// differs from the header before the data of the entry. Programs read archives by their directory.
pub(super) fn has_unreadable_directory(bytes: &[u8]) -> bool {
    // Ordinary directories do not overlap. This limit makes the number of steps linear.
    let mut left = 2 * (bytes.len() / CENTRAL_SIZE) + 16;
    memmem::find_iter(bytes, END)
        .any(|end| is_unreadable_directory(bytes, end, &mut left).unwrap_or(false))
}

/// Returns whether the directory before the record at `end` cannot be read. Visits at most `left`
/// entries. Returns `None` if there is no directory.
fn is_unreadable_directory(bytes: &[u8], end: usize, left: &mut usize) -> Option<bool> {
    bytes.get(end..end + END_SIZE)?;
    let (mut size, mut offset) = (u32_at(bytes, end + 12)?, u32_at(bytes, end + 16)?);
    let mut last = end;
    let locator = end.checked_sub(LOCATOR_64_SIZE);
    if locator.is_some_and(|at| bytes[at..].starts_with(LOCATOR_64)) {
        last = end.checked_sub(LOCATOR_64_SIZE + END_64_SIZE)?;
        let large = (u64_at(bytes, last + 40)?, u64_at(bytes, last + 48)?);
        let agrees = |small: usize, large: usize| small == large || small == u32::MAX as usize;
        if !bytes[last..].starts_with(END_64) || !agrees(size, large.0) || !agrees(offset, large.1)
        {
            return Some(true);
        }
        (size, offset) = large;
    }
    // An archive can follow other data. Its offsets count from its own start or from that of the
    // file.
    let starts = BTreeSet::from([last.checked_sub(size).unwrap_or(offset), offset]);
    for start in starts {
        let shift = start.saturating_sub(offset);
        let mut at = start;
        while bytes.get(at..)?.starts_with(CENTRAL) {
            if *left == 0 || differs(bytes, at, shift)? {
                return Some(true);
            }
            *left -= 1;
            let lengths = [28, 30, 32].map(|field| u16_at(bytes, at + field).unwrap_or_default());
            at += CENTRAL_SIZE + lengths.iter().sum::<usize>();
        }
    }
    Some(false)
}

/// Returns whether the description of an entry at `at` differs from the header of the entry, or whether
/// the entry cannot be read. `shift` is the place in `bytes` from which the archive counts.
fn differs(bytes: &[u8], at: usize, shift: usize) -> Option<bool> {
    bytes.get(at..at + CENTRAL_SIZE)?;
    let (flags, method) = (u16_at(bytes, at + 8)?, u16_at(bytes, at + 10)?);
    if flags & 1 != 0 || !matches!(method, 0 | 8) {
        return Some(true);
    }
    let offset = u32_at(bytes, at + 42)?;
    // Programs try the offset without the shift if there is no header with it.
    let header = [offset.saturating_add(shift), offset].into_iter().find_map(|at| {
        let header = bytes.get(at..at.saturating_add(LOCAL_SIZE))?;
        header.starts_with(LOCAL).then_some(header)
    });
    let is_equal = |header: &[u8]| {
        u16_at(header, 8) == Some(method) && u16_at(header, 6).is_some_and(|own| own & 1 == 0)
    };
    Some(!header.is_some_and(is_equal))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().map(|number| usize::from(u16::from_le_bytes(*number)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}
