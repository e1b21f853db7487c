//! A measurement of the time of a scan.
//!
//! ```sh
//! cargo test -p ccc-core --all-features --release --lib secret_scan::tests::speed -- --ignored --nocapture
//! ```

use super::encodings::{base64, zip};
use super::{Random, scanned};
use crate::secret_scan::shape::Class;

const MIB: usize = 1 << 20;

/// Returns pixels with gradients and some noise, in which each row begins with its filter.
fn pixels(random: &mut Random, width: usize, height: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(height * (width * 4 + 1));
    for y in 0..height {
        pixels.push(1);
        for x in 0..width {
            let noise = random.below(4);
            pixels.extend([x / 8 + noise, y / 8 + noise, (x + y) / 16, 255].map(|v| v as u8));
        }
    }
    pixels
}

fn bytes(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| random.below(256) as u8).collect()
}

/// Returns code of this size without line breaks.
fn script(random: &mut Random, length: usize) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "function",
        "return",
        "this",
        "var",
        "e",
        "t",
        "n",
        "prototype",
        "length",
        "token",
        "password",
        "https://a.b/c",
        "'a'",
        "\"data-key\"",
        "0x1f",
        "\\u00e9",
        "\\n",
        "%20",
        "100",
    ];
    const GLUE: &[&str] =
        &["(", ")", "{", "}", ".", ",", ";", "=", "+", "&&", "===", " ", "?", ":"];
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        text.push_str(WORDS[random.below(WORDS.len())]);
        text.push_str(GLUE[random.below(GLUE.len())]);
    }
    text.into_bytes()
}

/// Returns XML like that of a document, in which runs of text are short.
fn document(random: &mut Random, length: usize) -> Vec<u8> {
    let mut text = String::with_capacity(length + 256);
    while text.len() < length {
        let word = random.text(Class::Alnum, 6);
        text.push_str("<w:r><w:rPr><w:lang w:val=\"en-US\"/></w:rPr><w:t>");
        text.push_str(&word);
        text.push_str("</w:t></w:r>");
    }
    text.into_bytes()
}

#[test]
#[ignore = "measures time"]
#[allow(clippy::disallowed_methods, reason = "the measurement is not in the program")]
fn the_time_of_a_scan() {
    let mut random = Random(8);
    let image = pixels(&mut random, 1_920, 1_080);
    let image =
        [b"\x89PNG\r\n\x1a\n".to_vec(), miniz_oxide::deflate::compress_to_vec_zlib(&image, 6)];
    let media = bytes(&mut random, 3 * MIB);
    let document = [zip(&document(&mut random, 8 * MIB)), zip(&media)].concat();
    let noise = bytes(&mut random, 5 * MIB);
    let encoded = base64(&bytes(&mut random, 5 * MIB / 4 * 3));
    for (name, bytes) in [
        ("image of 1920 × 1080 pixels", image.concat()),
        ("zip of a document", document),
        ("5 MiB of random bytes", noise),
        ("5 MiB of code in one line", script(&mut random, 5 * MIB)),
        ("5 MiB of base64", encoded.into_bytes()),
    ] {
        let begin = std::time::Instant::now();
        let scan = scanned(&bytes);
        let (time, per_byte) = (begin.elapsed(), scan.steps / bytes.len() as u64);
        println!("{name}: {} bytes, {time:.1?}, {per_byte} steps per byte", bytes.len());
        assert_eq!(scan.secrets.len(), 0, "{name}");
    }
}
