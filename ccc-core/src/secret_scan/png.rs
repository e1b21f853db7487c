//! The data of PNG images, which can be in several chunks
//! ([PNG, 5](https://www.w3.org/TR/png-3/#5DataRep)).

use memchr::memmem;

/// The bytes at the start of an image.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Length of the length, the type and the checksum of a chunk.
const OVERHEAD: usize = 12;

/// The data of an image, joined of its chunks.
#[derive(Debug, Default)]
pub(super) struct Image {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The place of the first chunk with compressed pixels.
    pub(super) first: Option<usize>,
    /// The zlib streams of the pixels: of the image, and of the frames of an animation. Empty if one
    /// chunk has all pixels.
    pub(super) pixels: Vec<Vec<u8>>,
    /// The texts, without their keywords. Empty if there is at most one.
    pub(super) text: Vec<u8>,
}

/// Returns the data of the images in `bytes`. Returns `None` if the images overlap so much that more
/// than `most` bytes would have to be read.
pub(super) fn images(bytes: &[u8], most: usize) -> Option<Vec<Image>> {
    let (mut images, mut left) = (Vec::new(), most);
    for start in memmem::find_iter(bytes, SIGNATURE) {
        let image = image(bytes, start);
        left = left.checked_sub(image.end - start)?;
        images.push(image);
    }
    Some(images)
}

fn image(bytes: &[u8], start: usize) -> Image {
    let mut image = Image { start, end: start + SIGNATURE.len(), ..Image::default() };
    let (mut still, mut frame, mut chunks, mut texts) = (Vec::new(), Vec::new(), 0, 0);
    while let Some((kind, data, length)) = chunk(&bytes[image.end..]) {
        match kind {
            b"IDAT" => {
                image.first = image.first.or(Some(image.end + 8));
                still.extend_from_slice(data);
                chunks += 1;
            }
            // The number of the chunk is before the data. Each frame has its own stream.
            b"fdAT" => frame.extend_from_slice(data.get(4..).unwrap_or_default()),
            b"fcTL" if !frame.is_empty() => image.pixels.push(std::mem::take(&mut frame)),
            b"tEXt" | b"zTXt" | b"iTXt" => {
                image.text.extend_from_slice(text_of(kind, data));
                texts += 1;
            }
            _ => {}
        }
        image.end += length;
        if kind == b"IEND" {
            break;
        }
    }
    image.pixels.push(frame);
    if chunks > 1 {
        image.pixels.push(still);
    } else {
        image.first = None;
    }
    if texts < 2 {
        image.text.clear();
    }
    image.pixels.retain(|stream| !stream.is_empty());
    image
}

/// Returns the type, the data and the whole length of the chunk at the start of `rest`. The last chunk
/// can be cut off.
fn chunk(rest: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let length = usize::try_from(u32::from_be_bytes(*rest.first_chunk()?)).ok()?;
    let kind = rest.get(4..8).filter(|kind| kind.iter().all(u8::is_ascii_alphabetic))?;
    let end = length.saturating_add(8).min(rest.len());
    Some((kind, &rest[8..end], length.saturating_add(OVERHEAD).min(rest.len())))
}

/// Returns the text of a chunk: the data after the keyword and the other fields.
fn text_of<'a>(kind: &[u8], data: &'a [u8]) -> &'a [u8] {
    let after = |data: &'a [u8], fixed: usize| {
        let end = memchr::memchr(0, data)?;
        data.get(end + 1 + fixed..)
    };
    let text = match kind {
        b"tEXt" => after(data, 0),
        // The method of compression.
        b"zTXt" => after(data, 1),
        // The flag and the method of compression, the language, and the translated keyword.
        _ => after(data, 2).and_then(|rest| after(rest, 0)).and_then(|rest| after(rest, 0)),
    };
    text.unwrap_or(data)
}
