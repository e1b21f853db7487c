//! Tests of the redactor. The encoded texts are the output of other programs.

use std::ops::ControlFlow;

use super::Redactor;
use super::needles::Needles;
use super::search::MARK;
use super::skeleton::Skeleton;
use crate::Secret;
use crate::agent::AgentEvent;
use crate::observe::EventKind;

const SECRET: &str = "run-5f1d8c07e2ab49636f0e7d21c4b83a95";
const LONG: &str = "run-9b41e6d02c7f8a5593e10b6d47fca82e66d905b3f1782ca4e0395d1bb87c6f20";

fn redactor(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    for secret in secrets {
        redactor.add(&Secret::from(*secret));
    }
    redactor
}

/// Forms of [`SECRET`], each with its name.
#[rustfmt::skip]
fn forms() -> Vec<(&'static str, &'static str)> {
    vec![
        ("plain", "run-5f1d8c07e2ab49636f0e7d21c4b83a95"),
        ("upper case", "RUN-5F1D8C07E2AB49636F0E7D21C4B83A95"),
        ("base64", "cnVuLTVmMWQ4YzA3ZTJhYjQ5NjM2ZjBlN2QyMWM0YjgzYTk1"),
        ("base64 without padding", "cnVuLTVmMWQ4YzA3ZTJhYjQ5NjM2ZjBlN2QyMWM0YjgzYTk1"),
        ("url-safe base64", "cnVuLTVmMWQ4YzA3ZTJhYjQ5NjM2ZjBlN2QyMWM0YjgzYTk1"),
        ("base64 after one byte", "InJ1bi01ZjFkOGMwN2UyYWI0OTYzNmYwZTdkMjFjNGI4M2E5NQ=="),
        ("base64 after two bytes", "PSJydW4tNWYxZDhjMDdlMmFiNDk2MzZmMGU3ZDIxYzRiODNhOTUiCg=="),
        ("base64 in lines", "cnVuLTVmMWQ4YzA3ZTJh\nYjQ5NjM2ZjBlN2QyMWM0\nYjgzYTk1"),
        ("base64 in a quoted string", "cnVuLTVmMWQ4YzA3\" +\n    \"ZTJhYjQ5NjM2ZjBl\" +\n    \"N2QyMWM0YjgzYTk1"),
        ("base64 of UTF-16", "cgB1AG4ALQA1AGYAMQBkADgAYwAwADcAZQAyAGEAYgA0ADkANgAzADYAZgAwAGUANwBkADIAMQBjADQAYgA4ADMAYQA5ADUA"),
        ("base64 of UTF-16 BE", "AHIAdQBuAC0ANQBmADEAZAA4AGMAMAA3AGUAMgBhAGIANAA5ADYAMwA2AGYAMABlADcAZAAyADEAYwA0AGIAOAAzAGEAOQA1"),
        ("base64 twice", "Y25WdUxUVm1NV1E0WXpBM1pUSmhZalE1TmpNMlpqQmxOMlF5TVdNMFlqZ3pZVGsx"),
        ("base64 of hex", "NzI3NTZlMmQzNTY2MzE2NDM4NjMzMDM3NjUzMjYxNjIzNDM5MzYzMzM2NjYzMDY1Mzc2NDMyMzE2MzM0NjIzODMzNjEzOTM1"),
        ("hex of base64", "636e56754c54566d4d575134597a41335a544a68596a51354e6a4d325a6a426c4e3251794d574d30596a677a59546b31"),
        ("base64 of reversed", "NTlhMzhiNGMxMmQ3ZTBmNjM2OTRiYTJlNzBjOGQxZjUtbnVy"),
        ("reversed base64", "1kTYzgjY0MWMyQ2NlBjZ2MjN5QjYhJTZ3AzY4QWMmVTLuVnc"),
        ("base32", "OJ2W4LJVMYYWIODDGA3WKMTBMI2DSNRTGZTDAZJXMQZDCYZUMI4DGYJZGU======"),
        ("base32 after two bytes", "PA6XE5LOFU2WMMLEHBRTAN3FGJQWENBZGYZTMZRQMU3WIMRRMM2GEOBTME4TK==="),
        ("hex", "72756e2d3566316438633037653261623439363336663065376432316334623833613935"),
        ("hex in upper case", "72756E2D3566316438633037653261623439363336663065376432316334623833613935"),
        ("hex with colons", "72:75:6E:2D:35:66:31:64:38:63:30:37:65:32:61:62:34:39:36:33:36:66:30:65:37:64:32:31:63:34:62:38:33:61:39:35"),
        ("hex array", "0x72, 0x75, 0x6e, 0x2d, 0x35, 0x66, 0x31, 0x64, 0x38, 0x63, 0x30, 0x37, 0x65, 0x32, 0x61, 0x62, 0x34, 0x39, 0x36, 0x33, 0x36, 0x66, 0x30, 0x65, 0x37, 0x64, 0x32, 0x31, 0x63, 0x34, 0x62, 0x38, 0x33, 0x61, 0x39, 0x35"),
        ("decimal array", "[114, 117, 110, 45, 53, 102, 49, 100, 56, 99, 48, 55, 101, 50, 97, 98, 52, 57, 54, 51, 54, 102, 48, 101, 55, 100, 50, 49, 99, 52, 98, 56, 51, 97, 57, 53]"),
        ("hex escapes", "\\x72\\x75\\x6e\\x2d\\x35\\x66\\x31\\x64\\x38\\x63\\x30\\x37\\x65\\x32\\x61\\x62\\x34\\x39\\x36\\x33\\x36\\x66\\x30\\x65\\x37\\x64\\x32\\x31\\x63\\x34\\x62\\x38\\x33\\x61\\x39\\x35"),
        ("octal escapes", "\\162\\165\\156\\055\\065\\146\\061\\144\\070\\143\\060\\067\\145\\062\\141\\142\\064\\071\\066\\063\\066\\146\\060\\145\\067\\144\\062\\061\\143\\064\\142\\070\\063\\141\\071\\065"),
        ("JSON escapes", "\\u0072\\u0075\\u006e\\u002d\\u0035\\u0066\\u0031\\u0064\\u0038\\u0063\\u0030\\u0037\\u0065\\u0032\\u0061\\u0062\\u0034\\u0039\\u0036\\u0033\\u0036\\u0066\\u0030\\u0065\\u0037\\u0064\\u0032\\u0031\\u0063\\u0034\\u0062\\u0038\\u0033\\u0061\\u0039\\u0035"),
        ("JSON in JSON", "\\\\u0072\\\\u0075\\\\u006e\\\\u002d\\\\u0035\\\\u0066\\\\u0031\\\\u0064\\\\u0038\\\\u0063\\\\u0030\\\\u0037\\\\u0065\\\\u0032\\\\u0061\\\\u0062\\\\u0034\\\\u0039\\\\u0036\\\\u0033\\\\u0036\\\\u0066\\\\u0030\\\\u0065\\\\u0037\\\\u0064\\\\u0032\\\\u0031\\\\u0063\\\\u0034\\\\u0062\\\\u0038\\\\u0033\\\\u0061\\\\u0039\\\\u0035"),
        ("braced escapes", "\\u{72}\\u{75}\\u{6e}\\u{2d}\\u{35}\\u{66}\\u{31}\\u{64}\\u{38}\\u{63}\\u{30}\\u{37}\\u{65}\\u{32}\\u{61}\\u{62}\\u{34}\\u{39}\\u{36}\\u{33}\\u{36}\\u{66}\\u{30}\\u{65}\\u{37}\\u{64}\\u{32}\\u{31}\\u{63}\\u{34}\\u{62}\\u{38}\\u{33}\\u{61}\\u{39}\\u{35}"),
        ("HTML references", "&#114;&#117;&#110;&#45;&#53;&#102;&#49;&#100;&#56;&#99;&#48;&#55;&#101;&#50;&#97;&#98;&#52;&#57;&#54;&#51;&#54;&#102;&#48;&#101;&#55;&#100;&#50;&#49;&#99;&#52;&#98;&#56;&#51;&#97;&#57;&#53;"),
        ("HTML references in hex", "&#x72;&#x75;&#x6e;&#x2d;&#x35;&#x66;&#x31;&#x64;&#x38;&#x63;&#x30;&#x37;&#x65;&#x32;&#x61;&#x62;&#x34;&#x39;&#x36;&#x33;&#x36;&#x66;&#x30;&#x65;&#x37;&#x64;&#x32;&#x31;&#x63;&#x34;&#x62;&#x38;&#x33;&#x61;&#x39;&#x35;"),
        ("percent-encoded", "%72%75%6E%2D%35%66%31%64%38%63%30%37%65%32%61%62%34%39%36%33%36%66%30%65%37%64%32%31%63%34%62%38%33%61%39%35"),
        ("percent-encoded in lower case", "%72%75%6e%2d%35%66%31%64%38%63%30%37%65%32%61%62%34%39%36%33%36%66%30%65%37%64%32%31%63%34%62%38%33%61%39%35"),
        ("percent-encoded in part", "%72un%2d5f%31d8%6307%652a%6249%3636%660e%37d2%31c4%6283%6195"),
        ("percent-encoded twice", "%2572%2575%256E%252D%2535%2566%2531%2564%2538%2563%2530%2537%2565%2532%2561%2562%2534%2539%2536%2533%2536%2566%2530%2565%2537%2564%2532%2531%2563%2534%2562%2538%2533%2561%2539%2535"),
        ("percent-encoded base64", "Pz9ydW4tNWYxZDhjMDdlMmFiNDk2MzZmMGU3ZDIxYzRiODNhOTU%3D"),
        ("quoted-printable", "=72=75=6E=2D=35=66=31=64=38=63=30=37=65=32=61=62=34=39=36=33=36=66=30=65=37=64=32=31=63=34=62=38=33=61=39=35"),
        ("reversed", "59a38b4c12d7e0f63694ba2e70c8d1f5-nur"),
        ("UTF-16", "r\u{0}u\u{0}n\u{0}-\u{0}5\u{0}f\u{0}1\u{0}d\u{0}8\u{0}c\u{0}0\u{0}7\u{0}e\u{0}2\u{0}a\u{0}b\u{0}4\u{0}9\u{0}6\u{0}3\u{0}6\u{0}f\u{0}0\u{0}e\u{0}7\u{0}d\u{0}2\u{0}1\u{0}c\u{0}4\u{0}b\u{0}8\u{0}3\u{0}a\u{0}9\u{0}5\u{0}"),
        ("UTF-16 BE", "\u{0}r\u{0}u\u{0}n\u{0}-\u{0}5\u{0}f\u{0}1\u{0}d\u{0}8\u{0}c\u{0}0\u{0}7\u{0}e\u{0}2\u{0}a\u{0}b\u{0}4\u{0}9\u{0}6\u{0}3\u{0}6\u{0}f\u{0}0\u{0}e\u{0}7\u{0}d\u{0}2\u{0}1\u{0}c\u{0}4\u{0}b\u{0}8\u{0}3\u{0}a\u{0}9\u{0}5"),
        ("spaces", "r u n - 5 f 1 d 8 c 0 7 e 2 a b 4 9 6 3 6 f 0 e 7 d 2 1 c 4 b 8 3 a 9 5"),
        ("lines", "run-\n5f1d8\nc07e2\nab496\n36f0e\n7d21c\n4b83a\n95"),
        ("lines with escapes", "run-\\n5f1d8\\nc07e2\\nab496\\n36f0e\\n7d21c\\n4b83a\\n95"),
        ("concatenation", "run-\" + \"5f1d8c\" + \"07e2ab\" + \"49636f\" + \"0e7d21\" + \"c4b83a\" + \"95"),
        ("single characters", "'r', 'u', 'n', '-', '5', 'f', '1', 'd', '8', 'c', '0', '7', 'e', '2', 'a', 'b', '4', '9', '6', '3', '6', 'f', '0', 'e', '7', 'd', '2', '1', 'c', '4', 'b', '8', '3', 'a', '9', '5'"),
        ("zero-width", "r\u{200b}u\u{200b}n\u{200b}-\u{200b}5\u{200b}f\u{200b}1\u{200b}d\u{200b}8\u{200b}c\u{200b}0\u{200b}7\u{200b}e\u{200b}2\u{200b}a\u{200b}b\u{200b}4\u{200b}9\u{200b}6\u{200b}3\u{200b}6\u{200b}f\u{200b}0\u{200b}e\u{200b}7\u{200b}d\u{200b}2\u{200b}1\u{200b}c\u{200b}4\u{200b}b\u{200b}8\u{200b}3\u{200b}a\u{200b}9\u{200b}5"),
        ("soft hyphens", "r\u{ad}u\u{ad}n\u{ad}-\u{ad}5\u{ad}f\u{ad}1\u{ad}d\u{ad}8\u{ad}c\u{ad}0\u{ad}7\u{ad}e\u{ad}2\u{ad}a\u{ad}b\u{ad}4\u{ad}9\u{ad}6\u{ad}3\u{ad}6\u{ad}f\u{ad}0\u{ad}e\u{ad}7\u{ad}d\u{ad}2\u{ad}1\u{ad}c\u{ad}4\u{ad}b\u{ad}8\u{ad}3\u{ad}a\u{ad}9\u{ad}5"),
        ("path", "run-/5f1d/8c07/e2ab/4963/6f0e/7d21/c4b8/3a95"),
        ("escaped for Markdown", "run\\-5f1d8c07e2ab49636f0e7d21c4b83a95"),
        ("fullwidth", "\u{ff52}\u{ff55}\u{ff4e}-\u{ff15}\u{ff46}\u{ff11}\u{ff44}\u{ff18}\u{ff43}\u{ff10}\u{ff17}\u{ff45}\u{ff12}\u{ff41}\u{ff42}\u{ff14}\u{ff19}\u{ff16}\u{ff13}\u{ff16}\u{ff46}\u{ff10}\u{ff45}\u{ff17}\u{ff44}\u{ff12}\u{ff11}\u{ff43}\u{ff14}\u{ff42}\u{ff18}\u{ff13}\u{ff41}\u{ff19}\u{ff15}"),
        ("mathematical", "\u{1d42b}\u{1d42e}\u{1d427}-\u{1d7d3}\u{1d41f}\u{1d7cf}\u{1d41d}\u{1d7d6}\u{1d41c}\u{1d7ce}\u{1d7d5}\u{1d41e}\u{1d7d0}\u{1d41a}\u{1d41b}\u{1d7d2}\u{1d7d7}\u{1d7d4}\u{1d7d1}\u{1d7d4}\u{1d41f}\u{1d7ce}\u{1d41e}\u{1d7d5}\u{1d41d}\u{1d7d0}\u{1d7cf}\u{1d41c}\u{1d7d2}\u{1d41b}\u{1d7d6}\u{1d7d1}\u{1d41a}\u{1d7d7}\u{1d7d3}"),
        ("tags", "r</b><b>u</b><b>n</b><b>-</b><b>5</b><b>f</b><b>1</b><b>d</b><b>8</b><b>c</b><b>0</b><b>7</b><b>e</b><b>2</b><b>a</b><b>b</b><b>4</b><b>9</b><b>6</b><b>3</b><b>6</b><b>f</b><b>0</b><b>e</b><b>7</b><b>d</b><b>2</b><b>1</b><b>c</b><b>4</b><b>b</b><b>8</b><b>3</b><b>a</b><b>9</b><b>5"),
        ("tags between parts", "<i>run-5f1d8c07e2</i><i class=\"ab\">ab49636f0e</i><b>7d21c4b83a95</b>"),
        ("comments", "r/**/u/**/n/**/-/**/5/**/f/**/1/**/d/**/8/**/c/**/0/**/7/**/e/**/2/**/a/**/b/**/4/**/9/**/6/**/3/**/6/**/f/**/0/**/e/**/7/**/d/**/2/**/1/**/c/**/4/**/b/**/8/**/3/**/a/**/9/**/5"),
        ("comments with words", "run-5f1d8c07e2/* the second part */ab49636f0e<!-- end -->7d21c4b83a95"),
        ("hexdump -C", "00000000  72 75 6e 2d 35 66 31 64  38 63 30 37 65 32 61 62  |run-5f1d8c07e2ab|\n00000010  34 39 36 33 36 66 30 65  37 64 32 31 63 34 62 38  |49636f0e7d21c4b8|\n00000020  33 61 39 35                                       |3a95|"),
        ("first half", "run-5f1d8c07e2ab496"),
        ("last half", "636f0e7d21c4b83a95"),
        ("all but the ends", "-5f1d8c07e2ab49636f0e7d21c4b83"),
        ("hexdump", "00000000: 7275 6e2d 3566 3164 3863 3037 6532 6162  ................\n00000010: 3439 3633 3666 3065 3764 3231 6334 6238  ................\n00000020: 3361 3935        ................"),
    ]
}

#[test]
fn every_form_of_a_secret_is_found_and_replaced() {
    // spec: S6c, X10c
    let redactor = redactor(&[SECRET, "another-secret-0123456789"]);
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).count();
    for (name, text) in forms() {
        assert!(redactor.finds_in(text.as_bytes()), "{name}: {text}");
        let cleaned = redactor.clean(&format!("<{text}>"));
        let left = cleaned.replace(MARK, "");
        // Characters at the ends of base64 also depend on other bytes. A dump has positions.
        let most = match name {
            "hexdump" => 32,
            // The column of characters has lines with fewer than 16 letters and digits.
            "hexdump -C" => 56,
            // The words of a comment or of a tag at an end.
            "tags between parts" => 12,
            _ => 8,
        };
        assert!(letters(&left) <= most, "{name}: {cleaned}");
        assert!(cleaned.starts_with('<') && cleaned.ends_with('>'), "{name}: {cleaned}");
    }
}

#[test]
fn both_alphabets_of_base64_are_found() {
    // spec: S6c, X10c
    let redactor = redactor(&["ghs_~~~???>>>~~abcdefABCDEF0123456789"]);
    for text in [
        "Z2hzX35+fj8/Pz4+Pn5+YWJjZGVmQUJDREVGMDEyMzQ1Njc4OQ==",
        "Z2hzX35-fj8_Pz4-Pn5-YWJjZGVmQUJDREVGMDEyMzQ1Njc4OQ==",
    ] {
        assert_eq!(redactor.clean(text).trim_end_matches('='), format!("{MARK}Q"), "{text}");
    }
}

#[test]
fn other_text_is_not_changed() {
    let token = format!("x-access-token:{SECRET}");
    let redactor = redactor(&[SECRET, &token, "correct-horse-battery", "hunter22"]);
    for text in [
        "",
        "run-5f1d8c07",
        "run the tests: 5f1d8c07 failed, 12 passed",
        "018f4e2a-7c3b-7d90-9a55-5f1d8c07e2ab",
        "sha512-9NPgF0ZtqkY1b5DkT0mV+0Y2jO3q1l7bI8c5Zc0y2Q7Jw9nZV6yq3xM1n5U0o8A==",
        "fd1f0d5b6e1a6c5cf9e4a0a35d1f3b0b8a9f5f7f",
        "eC1hY2Nlc3M",
        "a horse, a battery and the correct answer",
        "[1, 2, 3, 114, 117, 110, 45]",
        "Hunter 22 and hunter2",
        "%41%42 \\x41 &#65; =41",
    ] {
        assert_eq!(redactor.clean(text), text);
        assert!(!redactor.finds_in(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_part_of_a_secret_is_found_if_it_is_long_enough() {
    // spec: X10c
    let redactor = redactor(&[SECRET, LONG]);
    // The number of letters and digits in the part, without the `-`, decides.
    for (part, is_replaced, is_found) in [
        (&SECRET[..16], false, false),
        (&SECRET[..17], true, false),
        (&SECRET[..18], true, false),
        (&SECRET[..19], true, true),
        (&SECRET[21..], false, false),
        (&SECRET[20..], true, false),
        (&SECRET[18..], true, true),
        (&SECRET[6..30], true, true),
        (&LONG[..34], true, false),
        (&LONG[..35], true, true),
    ] {
        assert_eq!(redactor.clean(part), if is_replaced { MARK } else { part });
        assert_eq!(redactor.finds_in(part.as_bytes()), is_found, "{part}");
    }
}

#[test]
fn the_parts_of_a_secret_in_several_contents_are_counted_together() {
    // spec: X10c
    let redactor = redactor(&[LONG]);
    let thirds = [&LONG[..22], &LONG[22..45], &LONG[45..]];
    let mut search = redactor.search();
    let found: Vec<bool> = thirds.iter().map(|part| search.finds_in(part.as_bytes())).collect();
    assert_eq!(found, [false, true, true]);
    let mut repeated = redactor.search();
    assert!((0..9).all(|_| !repeated.finds_in(thirds[0].as_bytes())));
}

#[test]
fn secrets_that_overlap_are_replaced_together() {
    // spec: S6b
    let inner = "inner-secret-0123456789";
    let outer = format!("Bearer {inner}-and-more-0123");
    for secrets in [[inner, &outer], [&outer, inner]] {
        let redactor = redactor(&secrets);
        for (text, expected) in [
            (outer.as_str(), "[REDACTED]"),
            ("x inner-secret-0123456789 y", "x [REDACTED] y"),
            ("inner-secret-0123456789, inner-secret-0123456789", "[REDACTED], [REDACTED]"),
        ] {
            assert_eq!(redactor.clean(text), expected);
        }
    }
}

#[test]
fn short_and_binary_secrets_are_found_whole() {
    // spec: S6b, X10c
    let redactor = redactor(&["hunter22", "p@ss w\u{f6}rd!", "1234567"]);
    redactor.add(&Secret::new([0xff, 0, 1, 2, 3, 4, 5, 6, 7, 0xfe]));
    for (text, expected) in [
        ("it is hunter22.", "it is [REDACTED]."),
        ("22retnuh", "[REDACTED]"),
        ("aHVudGVyMjI=", "[REDACTED]I="),
        ("68756e7465723232", "[REDACTED]"),
        ("p@ss w\u{f6}rd!", "[REDACTED]"),
        ("1234567", "1234567"),
        ("FF:00:01:02:03:04:05:06:07:FE", "[REDACTED]"),
    ] {
        assert_eq!(redactor.clean(text), expected);
        assert_eq!(redactor.finds_in(text.as_bytes()), text != expected, "{text}");
    }
    assert!(redactor.finds_in(b"x\xff\0\x01\x02\x03\x04\x05\x06\x07\xfe"));
}

#[test]
fn all_texts_of_an_event_are_cleaned() {
    // spec: S6b
    let redactor = redactor(&[SECRET]);
    let text = || format!("a {SECRET} b");
    for agent in [
        AgentEvent::Printed { error_stream: true, text: text() },
        AgentEvent::Said { text: text() },
        AgentEvent::Thought { text: text() },
        AgentEvent::Read { path: text() },
        AgentEvent::Edited { path: text() },
        AgentEvent::Ran { command: text() },
        AgentEvent::Planned { steps: vec![(text(), true), (text(), false)] },
        AgentEvent::Retrying { reason: text() },
        AgentEvent::Denied { tool: text() },
    ] {
        let cleaned = format!("{:?}", redactor.clean_kind(EventKind::Agent { agent }));
        assert!(cleaned.contains("a [REDACTED] b") && !cleaned.contains("5f1d8c"), "{cleaned}");
    }
    assert!(!format!("{redactor:?}").contains("5f1d8c"));
}

#[test]
fn the_search_is_linear_in_the_text() {
    // Texts that nearly contain a secret again and again, and secrets that repeat themselves.
    let repeats = "ab".repeat(20);
    let equal = "a".repeat(64);
    for (secret, unit) in [
        (LONG, &LONG[..7]),
        (LONG, &LONG[..9]),
        (LONG, &LONG[..16]),
        (LONG, &LONG[..30]),
        (LONG, LONG),
        (LONG, "%25"),
        (LONG, "\\u00"),
        (LONG, "<a"),
        (LONG, "/*"),
        (&repeats, "ab"),
        (&repeats, "abababac"),
        (&equal, "a"),
        (&equal, "aaaaaaaaaaaaaaab"),
    ] {
        let mut needles = Needles::default();
        needles.add(secret.as_bytes(), Redactor::MIN_SECRET);
        let steps = |size: usize| {
            let text = unit.repeat(size / unit.len());
            let skeletons = [
                Some(Skeleton::of(text.as_bytes(), false)),
                Skeleton::unescaped(text.as_bytes(), false),
                Skeleton::without_markup(text.as_bytes(), false),
            ];
            let searched = skeletons
                .iter()
                .flatten()
                .map(|skeleton| needles.pieces(&skeleton.bytes, |_| ControlFlow::Continue(())));
            searched.sum::<usize>()
        };
        let (small, large) = (steps(128 << 10), steps(1 << 20));
        assert!(small < 64 * (128 << 10), "{unit}: {small}");
        assert!(large <= 8 * small + 4_096, "{unit}: {small} {large}");
    }
}

#[cfg(feature = "git")]
#[test]
fn a_cancelled_redactor_shows_no_text_and_ends_soon() {
    // spec: S6c, X16a
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let cancelled = Arc::new(AtomicBool::new(false));
    let redactor = redactor(&[SECRET]).until(&cancelled);
    let kind = || EventKind::Note { text: format!("a {SECRET} b") };
    let shown = |redactor: &Redactor| format!("{:?}", redactor.clean_kind(kind()));
    assert!(shown(&redactor).contains("a [REDACTED] b"));
    assert_eq!(redactor.clean_parts("", &["a", "b"], false), ["a", "b"]);
    cancelled.store(true, Ordering::Relaxed);
    assert!(shown(&redactor).contains("\"[REDACTED]\""));
    assert_eq!(redactor.clean_parts("", &["a", "b"], false), [MARK, MARK]);
}
