//! Tests of the limits of a scan and of the number of its steps.

use std::sync::atomic::AtomicBool;

use super::encodings::{base64, bomb, gzip, zip};
use super::{Random, scanned};
use crate::secret_scan::layers::search;
use crate::secret_scan::meter::Meter;
use crate::secret_scan::scan::redact_by;
use crate::secret_scan::shape::Class;
use crate::secret_scan::{Budget, Found, scan};

#[test]
fn a_small_text_that_expands_to_a_large_one_needs_few_steps() {
    // spec: X16a
    let bomb = base64(&gzip(&b"\"a\" + \"b\"\n".repeat(300_000)));
    let never = AtomicBool::new(false);
    let mut meter = Meter::of_text(&never);
    search(bomb.as_bytes(), true, &mut meter).unwrap();
    // Without the smaller limit of texts, this needs more than 100 million steps.
    assert!(meter.steps() < 20_000_000, "{}", meter.steps());
}

#[test]
fn an_archive_over_the_limits_is_reported_and_does_not_grow() {
    // spec: X16a
    let incomplete = |bytes: &[u8]| scanned(bytes).incomplete;
    let twice = gzip(&gzip(b"text"));
    for (name, bytes, expected) in [
        ("small", bomb(1 << 20), false),
        ("below the limit", bomb(31 << 20), false),
        ("over the limit", bomb(33 << 20), true),
        ("two levels", twice.clone(), false),
        ("three levels", gzip(&twice), true),
        ("three levels of zip", zip(&zip(&zip(b"text"))), true),
        ("many archives", [bomb(12 << 20), bomb(12 << 20), bomb(12 << 20)].concat(), true),
        ("no archive", b"\x1f\x8b\x08\x1f\x8b\x08PK\x03\x04".repeat(100), false),
    ] {
        assert_eq!(incomplete(&bytes), expected, "{name}");
    }
}

#[test]
fn the_archives_of_a_change_share_one_limit() {
    // spec: X16a
    let zlib = |bytes: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6);
    let zeros = vec![0; 24 << 10];
    let (zipped, gzipped, stream, small) =
        (zip(&zeros), bomb(24 << 10), zlib(&zeros), zip(b"text"));
    let many = |bytes: &[u8]| vec![bytes.to_vec(); 300];
    for (name, files, read) in [
        // Each file is far below the limit of a file.
        ("zip", many(&zipped), 5),
        ("gzip", many(&gzipped), 5),
        ("gzip in base64", many(base64(&gzipped).as_bytes()), 5),
        ("zip in gzip", many(&gzip(&zipped)), 5),
        ("small zip", many(&small), 300),
        // Streams, such as those of images, are not refused, and do not use the limit of archives.
        ("zlib", many(&stream), 300),
        ("zip after zlib", [many(&stream), many(&small)].concat(), 600),
    ] {
        let (mut budget, never) = (Budget::of_bytes(128 << 10), AtomicBool::new(false));
        let scans: Vec<_> =
            files.iter().map(|bytes| scan(bytes, &mut budget, &never).unwrap()).collect();
        let is_read: Vec<bool> = scans.iter().map(|scan| !scan.incomplete).collect();
        assert_eq!(is_read.iter().filter(|is_read| **is_read).count(), read, "{name}");
        assert!(is_read[..read].iter().all(|is_read| *is_read), "{name}");
        // Without a limit for the change, there are about 20 times more steps.
        let steps: u64 = scans.iter().map(|scan| scan.steps).sum();
        assert!(steps < 30_000_000, "{name}: {steps} steps");
    }
}

#[test]
fn a_zip_entry_that_cannot_be_read_is_reported() {
    // spec: X10b, X16a
    let with = |flags: u8, method: u8| {
        let mut bytes = zip(b"text");
        (bytes[6], bytes[8]) = (flags, method);
        bytes
    };
    for (flags, method, expected) in [
        (0, 8, false),
        (1, 8, true),
        (1, 0, true),
        (0, 9, true),
        (0, 12, true),
        (0, 14, true),
        (0, 200, false),
    ] {
        let incomplete = scanned(with(flags, method)).incomplete;
        assert_eq!(incomplete, expected, "flags {flags}, method {method}");
    }
}

#[test]
fn a_large_image_is_searched_up_to_the_limit_and_not_refused() {
    // spec: X16a
    let token = Random(7).token();
    let image = |start: &[u8]| {
        let pixels = [start, &vec![0; 40 << 20]].concat();
        let stream = miniz_oxide::deflate::compress_to_vec_zlib(&pixels, 6);
        [b"\x89PNG\r\n\x1a\n".to_vec(), stream].concat()
    };
    let plain = scanned(image(b""));
    assert_eq!((plain.incomplete, plain.secrets.len()), (false, 0));
    assert!(!scanned(image(format!(" {token} ").as_bytes())).secrets.is_empty());
}

/// A function that makes an input of about this size.
type Input = Box<dyn Fn(usize) -> Vec<u8>>;

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn the_number_of_steps_is_linear() {
    // spec: X16a
    let base64ish = |n: usize| Random(5).text(Class::Base64, n).into_bytes();
    let repeat = |text: &str, n: usize| text.repeat(n / text.len()).into_bytes();
    let nested = |n: usize| gzip(&gzip(&Random(6).text(Class::Base64, n).into_bytes()));
    // A gzip header before each of many stored blocks without content.
    let headers = |n: usize| b"\x1f\x8b\x08\0\0\0\0\0\0\x03\0\0\0\xff\xff".repeat(n / 15);
    let texts = [
        "aghp_",
        "ghp_",
        "PRIVATE KEY-----",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "eyJ.",
        "://a:",
        "://a:b",
        "a://",
        ".",
        "MTE5.",
        "=password",
        "password=",
        "Private-Lines:",
        "\\",
        "\\n",
        "\\x41",
        "%41",
        "%",
        "&#65;",
        "\"",
        "\"+",
        "' '",
        "\n",
        "\n# ",
        "41 ",
        "65, ",
        "0x41,",
        "0",
        "A",
        "\0",
        "\0A",
        "sk-",
        "SK",
        "AKIA",
        ":AA",
        "1Q~",
        "sig=",
        "PK\x03\x04",
        "`a",
        "\\\n ",
        "AGE-SECRET-KEY-1",
        "github_pat_a",
        "\u{1f}",
        "=",
        "secret:\"",
        "%25",
        "\\N{U+",
        "\\67 ",
        "=67",
        "=\n",
        "=",
        "&amp;",
        "&#6",
        "`u{41}",
        "\u{200b}",
        "a'",
        "\\a",
        "1. a\n",
        "<!-- a -->\n",
        "A2",
        "a2",
        "x^",
        "x^\u{3}",
        "0:AA",
        "a:5432:",
        "a:*:b:c:D1\n",
        " -u",
        " -ua:b1C2d3",
        "curl -u a:b1C2d3",
        "bearer ",
        "basic a",
        "authorization:",
        "\"auth\":\"a",
        ";password=a",
        "server=a;user=b;pwd=c1D2e3;",
        "token=Q7zT0lMv2xKd9RwYb4NcJ6hGf",
        "token:                ",
        "name: token\n  value: ",
        "token: |\n  a",
        "kty:d:",
        "\"kty\":\"d\":\"Q7zT0lMv2xKd9RwYb4NcJ6hGfQ7zT0lMv2xKd9RwYb4Nc\"",
        "kind: Secret\n",
        "kind: Secret\na: Q7zT0lMv2xKd9RwYb4NcJ6hG\n---\n",
        "0\u{2}\u{1}\0",
        "0\u{7f}\u{2}\u{1}\u{1}\u{4}\u{20}",
        "openssh-key-v1\0\0\0\0",
        "_eyJ",
        "eyJ_",
        "@a:",
        "TESTING KEY-----\n",
        "token: &'static ",
        "api_key: Aa<",
        "password || ",
        "password=a.b(c) ",
        "token ",
        "token \"",
        "--token a",
        "ENV token a\n",
        "mysql",
        "mysql -pA",
        "docker login -p aB1-aB2-aB3-aB4-aB5 ",
        "--password-stdin",
        "echo a | docker login --password-stdin",
        "identified by ",
        "identified by 'aB1-aB2-aB3-aB4-aB5",
        "convertto-securestring ",
        "machine a login b password c1D2e3 ",
        "value: ",
        "name: token\nvalue: Q7zT0lMv2xKd9RwYb4NcJ6hGf\n",
        "{\"value\":\"Q7zT0lMv2xKd9RwYb4NcJ6hGf\",\"name\":\"a\"}",
        "token,",
        "token,a\n",
        "token,Q7zT0lMv2xKd9RwYb4NcJ6hGf\n",
        "|token|\n|-|\n",
        "token|",
        "pw",
        "pass=",
        "<token><![CDATA[",
        "token</key><string>",
        "token\" a=\"b\" ",
        "token to \"",
        "token([{",
        "token(default=Q7zT0lMv2xKd9RwYb4NcJ6hGf ",
        "tokens:\n  - Q7zT0lMv2xKd9RwYb4NcJ6hGf\n",
        "token {\n  default = Q7zT0lMv2xKd9RwYb4NcJ6hGf\n",
        "token a Q7zT0lMv2xKd9RwYb4NcJ6hGf",
        "token:\n a\n b\n  default: Q7zT0lMv2xKd9RwYb4NcJ6hGf",
        "token((((",
        "insert into a (token) values (",
        "insert into a (token) values ('Q7zT0lMv2xKd9RwYb4NcJ6hGf'),",
        "copy a (token)\nQ7zT0lMv2xKd9RwYb4NcJ6hGf\n",
        "secrets set A=Q7zT0lMv2xKd9RwYb4NcJ6hGf ",
        "basic_auth(a,\"Q7zT0lMv2xKd9RwYb4NcJ6hGf",
        "checksums:\n token: 0e6a1cbf1ea0ab3b4b1a4f0d43ab26c6d4e4fa7c\n",
        "  token: 0e6a1cbf1ea0ab3b4b1a4f0d43ab26c6d4e4fa7c\n",
        "/**/",
        "/* ",
        "<a>",
        "<a ",
        "\u{ff41}",
        "\u{1d41a}",
        "00000000: 4141 4142\n",
        "0000: 41 ",
    ];
    let mut inputs: Vec<(&str, Input)> = vec![
        ("random base64", Box::new(base64ish)),
        ("nested gzip", Box::new(nested)),
        ("gzip headers", Box::new(headers)),
        ("bomb", Box::new(|n| bomb(n * 16))),
    ];
    for text in texts {
        inputs.push((text, Box::new(move |n| repeat(text, n))));
    }
    let binary: &[(&str, &[u8])] = &[
        ("names of gzip", b"\x1f\x8b\x08\x18name"),
        ("names of gzip with an end", b"\x1f\x8b\x08\x18name\0"),
        ("streams of zlib", b"x\x9cK"),
        ("streams of gzip", b"\x1f\x8b\x08\0\x4b\x4c\x4a\x4e\x49\x4d\x4b\xcf"),
        ("entries of zip", b"PK\x01\x02aaaaPK\x05\x06"),
        ("frames of zstd", b"\x28\xb5\x2f\xfd\0\x58\x02\0\0"),
        ("starts of bzip2", b"BZh91AY&SY"),
        ("images", b"\x89PNG\r\n\x1a\n\0\0\0\x01IDATx\0\0\0\0"),
        ("images in each other", b"\x89PNG\r\n\x1a\n\x7f\xff\xff\xffaaaa"),
        ("chunks of an image", b"\0\0\0\x01IDATx\0\0\0\0"),
        ("starts of tar", b"ustar\0ustar\0"),
    ];
    for (name, bytes) in binary {
        inputs.push((name, Box::new(|n| bytes.repeat(n / bytes.len()))));
    }
    // Directories of zip that overlap.
    inputs.push((
        "directories of zip",
        Box::new(|n| {
            let entry = [&b"PK\x01\x02"[..], &[0; 42]].concat();
            let end = |at: usize| {
                let size = u32::try_from(46 * 40 + 22 * at).unwrap().to_le_bytes();
                [&b"PK\x05\x06\0\0\0\0\0\0\0\0"[..], &size, &[0; 6]].concat()
            };
            let entries = entry.repeat(n / 92);
            let ends: Vec<u8> = (0..n / 44).flat_map(end).collect();
            [b"PK\x03\x04".to_vec(), vec![0; 26], entries, ends].concat()
        }),
    ));
    let steps = |bytes: Vec<u8>| scanned(&bytes).steps;
    for (name, input) in inputs {
        let (one, eight) = (steps(input(4_000)), steps(input(32_000)));
        // Data that has the header of a stream by chance has a constant cost.
        assert!(eight <= 9 * one + 100_000, "{name:?}: {one} and {eight} steps");
        // The work for one byte is bounded as well.
        assert!(one <= 2_000 * 4_000, "{name:?}: {one} steps");
    }
}

#[test]
fn a_cancelled_scan_ends() {
    // spec: X16a
    let bytes = Random(7).token().repeat(10);
    for (cancelled, expected) in [(true, true), (false, false)] {
        let scan = scan(bytes.as_bytes(), &mut Budget::of_change(), &AtomicBool::new(cancelled));
        assert_eq!(scan.is_none(), expected);
    }
}

#[test]
fn a_text_is_searched_at_most_three_times() {
    // spec: X16a
    for (secrets, searches, cleaned) in
        [(0, 1, "aaaa"), (2, 3, "[REDACTED][REDACTED]aa"), (usize::MAX, 3, "[REDACTED]")]
    {
        let mut count = 0;
        let result = redact_by("aaaa", |bytes| {
            count += 1;
            let at = memchr::memchr(b'a', bytes).filter(|_| count <= secrets);
            let found = at.map(|at| Found { range: at..at + 1, format: "test" });
            Some(found.into_iter().collect())
        });
        assert_eq!((count, &*result), (searches, cleaned), "{secrets} secrets");
    }
}
