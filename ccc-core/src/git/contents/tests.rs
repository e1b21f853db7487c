//! Tests of the checks of contents.

use super::*;

#[test]
fn the_archives_of_all_files_share_one_limit() {
    // spec: X16a
    let zeros = miniz_oxide::deflate::compress_to_vec(&[0; 24 << 10], 6);
    let gzip = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), zeros, vec![0; 8]].concat();
    let file = |index: usize| File {
        index,
        path: format!("{index}.gz").into_bytes(),
        is_new: true,
        is_link: false,
        content: Some(gzip.clone()),
    };
    let files: Vec<File> = (0..8).map(file).collect();
    let (mut search, never) = (Redactor::default().search(), AtomicBool::new(false));
    let mut budget = Budget::of_bytes(64 << 10);
    // Two groups, as in a change with more files than are read at a time.
    let groups = files.chunks(4).map(|group| {
        let checked = check_all(group, &mut search, &mut budget, &never);
        checked.iter().map(|found| found.content.incomplete).collect::<Vec<_>>()
    });
    let refused = groups.collect::<Vec<_>>().concat();
    assert_eq!(refused, [false, false, true, true, true, true, true, true]);
}

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Encodes `text` with an alphabet, whose length is a power of two.
fn digits(text: &[u8], alphabet: &str) -> Vec<u8> {
    let width = alphabet.len().ilog2() as usize;
    let bits: Vec<u8> =
        text.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let value = |group: &[u8]| (0..width).fold(0, |all, at| all << 1 | group.get(at).unwrap_or(&0));
    bits.chunks(width).map(|group| alphabet.as_bytes()[usize::from(value(group))]).collect()
}

#[test]
fn a_secret_of_the_run_is_found_in_two_encodings() {
    // spec: X10c
    type Encode = fn(&[u8]) -> Vec<u8>;
    let encodings: &[(&str, Encode)] = &[
        ("base64", |text| digits(text, &format!("{LETTERS}+/"))),
        ("base64 for URLs", |text| digits(text, &format!("{LETTERS}-_"))),
        ("base32", |text| digits(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
        ("hex", |text| digits(text, "0123456789abcdef")),
        ("hex in upper case", |text| digits(text, "0123456789ABCDEF")),
        ("numbers", |text| format!("{text:?}").into()),
        ("hex numbers", |text| format!("{text:#04x?}").into()),
        ("reversed", |text| text.iter().rev().copied().collect()),
        ("UTF-16", |text| text.iter().flat_map(|byte| [*byte, 0]).collect()),
        ("percent-encoded", |text| {
            text.iter().map(|byte| format!("%{byte:02X}")).collect::<String>().into()
        }),
        ("JSON escapes", |text| {
            text.iter().map(|byte| format!("\\u{byte:04x}")).collect::<String>().into()
        }),
        ("gzip", |text| {
            let data = miniz_oxide::deflate::compress_to_vec(text, 6);
            [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), data, vec![0; 8]].concat()
        }),
        ("zlib", |text| miniz_oxide::deflate::compress_to_vec_zlib(text, 6)),
    ];
    let redactor = Redactor::default();
    let secret = "run-5f1d8c07e2ab49636f0e7d21c4b83a95";
    redactor.add(&crate::Secret::new(secret));
    let is_live = |content: Vec<u8>| {
        let path = b"a.txt".to_vec();
        let file = File { index: 0, path, is_new: true, is_link: false, content: Some(content) };
        let (mut search, never) = (redactor.search(), AtomicBool::new(false));
        check(&file, &mut search, &mut Budget::of_change(), &never).unwrap().live
    };
    // The search of the secrets of a run knows each of these first encodings.
    for (first, encode) in &encodings[..8] {
        for (second, again) in encodings {
            for lead in ["", "k", "k=", "key: "] {
                let once = encode(format!("{lead}{secret}\n").as_bytes());
                assert!(is_live(again(&once)), "{second} of {first} after {lead:?}");
            }
            let other = encode(b"run-5f1d8c07 and words that follow it\n");
            assert!(!is_live(again(&other)), "{second} of {first}");
        }
    }
}

#[test]
fn files_are_read_in_groups_of_bounded_size() {
    for (sizes, expected) in [
        (&[][..], vec![vec![]]),
        (&[1, 2, 3], vec![vec![0, 1, 2]]),
        (&[GROUP, 1, GROUP - 1, 1], vec![vec![0], vec![1, 2], vec![3]]),
        (&[u64::MAX, 0, 5], vec![vec![0], vec![1, 2]]),
        (&[0, u64::MAX], vec![vec![0, 1]]),
    ] {
        assert_eq!(groups(sizes), expected, "{sizes:?}");
    }
}
