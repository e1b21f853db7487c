//! Tests of images whose data is in several chunks.

use super::{Random, scanned};

/// Returns a chunk. The scan does not read its checksum.
fn chunk(kind: &str, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], kind.as_bytes(), data, &[0; 4]].concat()
}

fn image(chunks: &[Vec<u8>]) -> Vec<u8> {
    let head = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk("IHDR", &[0; 13])];
    [head.concat(), chunks.concat(), chunk("IEND", b"")].concat()
}

/// Returns `data` in chunks of this type, each with `size` bytes after its `start`.
fn spread(kind: &str, start: &[u8], data: &[u8], size: usize) -> Vec<u8> {
    data.chunks(size).flat_map(|part| chunk(kind, &[start, part].concat())).collect()
}

#[test]
fn the_data_of_an_image_is_searched_as_a_whole() {
    // spec: X10b, X16a
    let mut random = Random(71);
    let token = random.token();
    let noise: Vec<u8> = (0..4_000).map(|_| random.below(256) as u8).collect();
    let pixels = |text: &str| [&noise[..3_000], text.as_bytes(), &noise[3_000..]].concat();
    let zlib = |data: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(data, 6);
    let number = [0, 0, 0, 1];
    for (text, expected) in [(format!("key={token}\n"), true), ("key=none\n".into(), false)] {
        let (stream, small) = (zlib(&pixels(&text)), zlib(text.as_bytes()));
        for (name, image) in [
            ("one chunk", image(&[chunk("IDAT", &stream)])),
            ("many chunks", image(&[spread("IDAT", b"", &stream, 100)])),
            ("small chunks", image(&[spread("IDAT", b"", &stream, 3)])),
            ("chunk without data", image(&[chunk("IDAT", b""), spread("IDAT", b"", &stream, 900)])),
            (
                "a file before it",
                [b"text".to_vec(), image(&[spread("IDAT", b"", &stream, 99)])].concat(),
            ),
            ("second image", [image(&[]), image(&[spread("IDAT", b"", &stream, 99)])].concat()),
            ("cut off", image(&[spread("IDAT", b"", &stream, 999)])[..stream.len()].to_vec()),
            (
                "frame of an animation",
                image(&[chunk("fcTL", &[0; 26]), spread("fdAT", &number, &stream, 100)]),
            ),
            ("text in parts", image(&[spread("tEXt", b"Comment\0", text.as_bytes(), 16)])),
            (
                "international text in parts",
                image(&[spread("iTXt", b"A\0\0\0\0\0", text.as_bytes(), 16)]),
            ),
            ("compressed text in parts", image(&[spread("zTXt", b"A\0\0", &small, 16)])),
        ] {
            let scan = scanned(&image);
            assert_eq!(!scan.secrets.is_empty(), expected, "{name}");
            assert!(!scan.incomplete, "{name}");
        }
    }
}

#[test]
fn many_images_in_each_other_are_reported() {
    // spec: X16a
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    // Each image contains all the next ones.
    let nested = [signature, b"\x7f\xff\xff\xffaaaa".to_vec()].concat();
    assert!(!scanned(nested.repeat(100)).incomplete);
    assert!(scanned(nested.repeat(40_000)).incomplete);
}
