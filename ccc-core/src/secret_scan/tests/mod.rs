//! Tests of the scan: each format is found, placeholders are not, encodings are removed, and the
//! number of steps is linear.

mod archives;
mod assigned;
mod attributed;
mod encodings;
mod formats;
mod forms;
mod images;
mod keys;
mod layouts;
mod limits;
mod randomness;
mod speed;

use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::shape::{Class, Part};
use super::{Budget, Scan, find, redact, scan};

/// Random numbers from a fixed seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    fn text(&mut self, class: Class, length: usize) -> String {
        let plain = |b: &u8| class.has(*b) && !matches!(b, b'=' | b'%' | b'~' | b'.');
        let alphabet: Vec<u8> = (b' '..=b'~').filter(plain).collect();
        (0..length).map(|_| alphabet[self.below(alphabet.len())] as char).collect()
    }

    fn body(&mut self, parts: &[Part]) -> String {
        let text = |part: &Part| match part {
            Part::Run(class, least, _) => self.text(*class, *least),
            Part::Text(text) => (*text).to_owned(),
        };
        parts.iter().map(text).collect()
    }

    /// Returns a GitHub token.
    fn token(&mut self) -> String {
        format!("ghp_{}", self.text(Class::Alnum, 36))
    }
}

fn formats_in(bytes: impl AsRef<[u8]>) -> Vec<&'static str> {
    find(bytes.as_ref()).into_iter().map(|found| found.format).collect()
}

/// Scans `bytes` as the only file of a change.
fn scanned(bytes: impl AsRef<[u8]>) -> Scan {
    scan(bytes.as_ref(), &mut Budget::of_change(), &AtomicBool::new(false)).unwrap()
}

proptest! {
    #[test]
    fn any_bytes_are_scanned(bytes in any::<Vec<u8>>()) {
        let _ = find(&bytes);
    }

    #[test]
    fn any_text_of_keywords_is_scanned(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "-----BEGIN ", "PRIVATE KEY-----", "eyJ", ".", "://", "@", ":", "\\", "\\u{", "&#x", "%4",
                "\u{1f}", "PK\u{3}\u{4}", "\"", "+", "\n", "Q~", ":AA", "password", "=", "é", "0x4", "1, ",
                "ghp_q7Zt0LmV2xKd9", "RwYb4NcJ6hGfS1eUpA8iTo3", "[REDACTED]",
            ]),
            0..24,
        )
    ) {
        let text: String = parts.concat();
        let once = redact(&text).into_owned();
        let twice = redact(&once).into_owned();
        prop_assert_eq!(once, twice);
    }
}
