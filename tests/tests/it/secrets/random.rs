//! Random numbers and texts from a seed.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

pub(crate) const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
pub(crate) const DIGITS: &str = "0123456789";
pub(crate) const HEX: &str = "0123456789abcdef";
pub(crate) const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(crate) const BECH32: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
pub(crate) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const WORDS: &[&str] = &[
    "account", "address", "balance", "cache", "client", "config", "counter", "customer", "default",
    "delivery", "endpoint", "engine", "error", "event", "factory", "filter", "folder", "format",
    "gateway", "handler", "header", "index", "invoice", "label", "ledger", "listener", "manager",
    "message", "metric", "module", "network", "notice", "number", "option", "order", "parser",
    "payment", "policy", "product", "profile", "queue", "record", "report", "request", "result",
    "router", "schema", "season", "server", "session", "signal", "stream", "system", "table",
    "target", "template", "thread", "ticket", "timer", "update", "user", "value", "vector",
    "worker",
];

/// A generator of random numbers (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    pub(crate) fn of(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..length).map(|_| alphabet[self.below(alphabet.len())] as char).collect()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.next() & 0xff) as u8).collect()
    }

    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.of(HEX, length)
    }

    /// Returns `bytes` random bytes in base64.
    pub(crate) fn base64(&mut self, bytes: usize) -> String {
        BASE64_STANDARD.encode(self.bytes(bytes))
    }

    /// Returns `bytes` random bytes in base64 for URLs.
    pub(crate) fn base64_url(&mut self, bytes: usize) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.bytes(bytes))
    }

    pub(crate) fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    pub(crate) fn words(&mut self, count: usize, between: &str) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(between)
    }

    pub(crate) fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|length| self.hex(length)).join("-")
    }

    /// Returns lines that `line` makes.
    pub(crate) fn lines(&mut self, count: usize, line: impl Fn(&mut Self) -> String) -> String {
        (0..count).map(|_| line(self) + "\n").collect()
    }

    /// Returns random bytes as a PEM file with the label `label`.
    pub(crate) fn pem(&mut self, label: &str, bytes: usize) -> String {
        let body = self.base64(bytes);
        let lines: Vec<_> =
            body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }
}
