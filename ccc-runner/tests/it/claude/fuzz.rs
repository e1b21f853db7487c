//! A fuzz test of the transcript reader with damaged output. `CCC_FUZZ_SECONDS=600` makes it run
//! for ten minutes. `CCC_FUZZ_SEED` makes it start with the case that failed.

use std::time::Duration;

use ccc_core::agent::{AgentEvent, AgentReport};
use ccc_core::{Clock as _, SystemClock};
use ccc_runner::Transcript;

use super::corpus;

/// Random numbers that can be reproduced from their seed (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Fragments that have a special meaning for the reader.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\0",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"{",
    b"}",
    b"[[[[[[[[",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"18446744073709551616",
    b"\"type\":\"result\",",
    b"\"type\":\"assistant\",",
    b"\"subtype\":\"success\",",
    b"\"is_error\":true,",
    b"\"content\":null,",
    b"\"message\":7,",
    b"\"total_cost_usd\":-1e308,",
    b"\"permission_denials\":{},",
    b"\"todos\":[null],",
    b"\"session_id\":\"\",",
    "\u{202e}\u{200b}".as_bytes(),
];

/// Returns a few damaged lines of the corpus.
fn input(random: &mut Random, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=random.below(6) {
        let line = &lines[random.below(lines.len())];
        bytes.extend_from_slice(line);
        if random.below(8) > 0 {
            bytes.push(b'\n');
        }
    }
    for _ in 0..random.below(12) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.splice(at..at, random.pick(PIECES).iter().copied())),
            2 => drop(bytes.drain(at..(at + random.below(40)).min(bytes.len()))),
            3 => bytes.truncate(at.max(1)),
            4 => {
                let piece = bytes[at..(at + random.below(200)).min(bytes.len())].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let deep = [b"{\"a\":".as_slice(), b"["][random.below(2)].repeat(random.below(400));
                bytes.splice(at..at, deep);
            }
        }
        if bytes.is_empty() {
            bytes.push(b' ');
        }
    }
    bytes
}

fn read(bytes: &[u8], mut piece: impl FnMut() -> usize) -> (Vec<AgentEvent>, Option<AgentReport>) {
    let (mut transcript, mut events) = (Transcript::new("/workspace"), Vec::new());
    let mut sink = |event| events.push(event);
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
        transcript.read(now, &mut sink);
        rest = later;
    }
    transcript.finish(&mut sink);
    (events, transcript.report().cloned())
}

#[test]
fn damaged_output_never_breaks_the_reader() {
    // spec: X15b
    let variable =
        |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seconds = variable("CCC_FUZZ_SECONDS").unwrap_or(2);
    let seed = variable("CCC_FUZZ_SEED").unwrap_or(0x2545_f491_4f6c_dd1d);
    let (lines, until) = (corpus::lines(), SystemClock.now() + Duration::from_secs(seconds));
    let (mut cases, mut next) = (0_u64, seed);
    while SystemClock.now() < until {
        let seed = next;
        let mut random = Random(seed);
        let bytes = input(&mut random, &lines);
        next = random.next().max(1);
        let whole = read(&bytes, || usize::MAX);
        let pieces = read(&bytes, || random.below(50));
        assert_eq!(whole, pieces, "CCC_FUZZ_SEED={seed}: the pieces change the result");
        for event in &whole.0 {
            let size = format!("{event:?}").len();
            assert!(size < 1 << 20, "CCC_FUZZ_SEED={seed}: an event of {size} bytes");
        }
        if let Some(report) = whole.1 {
            let kept = serde_json::to_vec(&report).unwrap();
            assert_eq!(
                serde_json::from_slice::<AgentReport>(&kept).unwrap(),
                report,
                "CCC_FUZZ_SEED={seed}"
            );
        }
        cases += 1;
    }
    eprintln!("{cases} cases from CCC_FUZZ_SEED={seed}, in {seconds} s");
}
