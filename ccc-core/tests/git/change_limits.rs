//! Tests of collection: the limits of a change.

use std::fs;
use std::path::Path;

use ccc_core::git::Collected;
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;

use crate::expected::{Changes, Nothing, Refused, check};
use crate::support::{TREE, World, run, within, write};

#[tokio::test]
async fn changes_over_the_limits_are_refused() {
    // spec: X6d
    let policy = TrustPolicy::default().with_max_files(3).with_max_bytes(100);
    let redactor = Redactor::default();
    check(
        TREE,
        &[
            ("echo x > a; echo x > b; echo x > c", Changes(&[('A', "a"), ('A', "b"), ('A', "c")])),
            (
                "echo x > a; echo x > b; echo x > c; echo x > d",
                Refused(
                    "changed 4 files; the trust policy allows at most 3",
                    &["a", "b", "c", "d"],
                ),
            ),
            (
                "echo x > a; rm README.md docs/guide.md data.bin",
                Refused("changed 4 files", &["README.md", "a", "data.bin", "docs/guide.md"]),
            ),
            ("printf %0100d 0 > a", Changes(&[('A', "a")])),
            (
                "printf %0101d 0 > a",
                Refused("101 bytes in total; the trust policy allows at most 100 bytes", &["a"]),
            ),
            ("printf %050d 0 > a; printf %051d 0 > b", Refused("101 bytes", &["a", "b"])),
            // Identical content in two files counts twice.
            ("printf %060d 0 > a; cp a b", Refused("120 bytes", &["a", "b"])),
            ("mkdir ignored; printf %0200d 0 > ignored/a", Nothing),
        ],
        &policy,
        &redactor,
    )
    .await;
}

#[tokio::test]
async fn sparse_files_are_counted_without_reading_them() {
    // spec: X6d
    // One file of the maximum size, and files whose total overflows `u64`; tmpfs allows such sizes.
    let most = u64::try_from(i64::MAX).unwrap();
    for sizes in [&[1_u64 << 40][..], &[most], &[most, most, 2]] {
        let world = World::new_in(Path::new("/dev/shm"), TREE);
        let at = world.checkout(run(1)).await.unwrap();
        let made = (0..).zip(sizes).all(|(n, size)| {
            let file = fs::File::create(at.path.join(format!("f{n}"))).unwrap();
            file.set_len(*size).is_ok()
        });
        if !made {
            // This file system has no files of such sizes, so an agent cannot create them either.
            continue;
        }
        let collected = within(30, world.collect(run(1), &at.base)).await.unwrap();
        let Collected::Refused(refusal) = collected else { panic!("{collected:?}") };
        assert!(refusal.reason.contains("the changed files have"), "{refusal:?}");
        assert_eq!(refusal.paths.len(), sizes.len());
    }
}

#[tokio::test]
async fn many_files_are_counted_fast() {
    // spec: X6d
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    for n in 0..2_000 {
        write(&at.path, &format!("d{}/f{n}", n % 50), n.to_string());
    }
    let collected = within(60, world.collect(run(1), &at.base)).await.unwrap();
    let Collected::Refused(refusal) = collected else { panic!("{collected:?}") };
    assert!(refusal.reason.contains("2000 files"), "{refusal:?}");
    assert_eq!(refusal.paths.len(), 20);

    let policy = TrustPolicy::default().with_max_files(2_000);
    let redactor = Redactor::default();
    let collect = world.host.collect(run(1), &at.base, &policy, &redactor);
    let Collected::Changes(set) = within(60, collect).await.unwrap() else { panic!("changes") };
    assert_eq!(set.changes.len(), 2_000);
}

#[tokio::test]
async fn the_old_size_of_a_file_does_not_count() {
    // spec: X6d
    let world = World::new(&[("100644", "big", &vec![b'x'; 2 << 20])]);
    let at = world.checkout(run(1)).await.unwrap();
    write(&at.path, "big", "small");
    let collected = world.collect(run(1), &at.base).await.unwrap();
    assert!(matches!(&collected, Collected::Changes(set) if set.changes[0].bytes == 5));
    assert!(Path::new(&at.path).exists());
}
