//! Tests that execute each fuzz target with its seeds.

use ccc_fuzz::{TARGETS, seeds};

#[test]
fn each_target_accepts_its_seeds() {
    // spec: A10
    let mut executed = 0;
    for target in TARGETS {
        for seed in seeds::read(target.name) {
            // If the target panics, this is the seed.
            println!("{}: {}", target.name, seeds::line(&seed));
            (target.run)(&seed);
            executed += 1;
        }
    }
    assert!(executed > 500, "{executed}");
}

#[test]
fn each_file_with_seeds_belongs_to_a_target_and_all_are_small() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds")).unwrap();
    let mut size = 0;
    let mut names: Vec<String> = files
        .map(|file| {
            let path = file.unwrap().path();
            size += std::fs::metadata(&path).unwrap().len();
            path.file_stem().unwrap().to_string_lossy().into_owned()
        })
        .collect();
    names.sort();
    let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    targets.sort_unstable();
    assert_eq!(names, targets);
    assert!(size <= 200_000, "{size} bytes");
}

#[test]
fn a_seed_is_a_line_of_its_file() {
    for (seed, line) in [
        (&b""[..], "\\"),
        (b"a b", "a b"),
        (b"a\n\r\t\0\\\"'", "a\\n\\r\\t\\x00\\\\\"'"),
        (b"#a#", "\\x23a#"),
        (b"\xff\x1b", "\\xff\\x1b"),
    ] {
        assert_eq!(seeds::line(seed), line);
        assert_eq!(seeds::parse(line).as_deref(), Some(seed));
    }
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(seeds::parse(&seeds::line(&all)), Some(all));
    for line in ["a\\", "\\q", "\\x1", "\\xzz", "\\u{1}"] {
        assert_eq!(seeds::parse(line), None, "{line}");
    }
}
