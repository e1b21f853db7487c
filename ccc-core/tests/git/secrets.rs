//! Tests of collection: changes that contain secrets.

use ccc_core::Secret;
use ccc_core::git::Collected;
use ccc_core::observe::Redactor;
use ccc_core::policy::TrustPolicy;

use crate::expected::{Case, Changes, Nothing, Refused, check, check_default};
use crate::support::{Entry, TREE, World, run, shell, write};

const LIVE: &str = "live-secret-0123456789";

#[tokio::test]
async fn no_live_secret_leaves() {
    // spec: X10a, X10c
    let redactor = Redactor::default();
    redactor.add(&Secret::from(LIVE));
    redactor.add(&Secret::new([0xff, 0, 1, 2, 3, 4, 5, 6, 7, 0xfe]));
    let why = "looks like a secret";
    let cases: &[Case] = &[
        ("echo 'key = live-secret-0123456789' > f", Refused(why, &["f"])),
        ("printf 'a\\0\\377live-secret-0123456789\\0' > f.bin", Refused(why, &["f.bin"])),
        ("printf 'x\\377\\0\\1\\2\\3\\4\\5\\6\\7\\376x' > f.bin", Refused(why, &["f.bin"])),
        ("echo x > live-secret-0123456789", Refused(why, &["[REDACTED]"])),
        (
            "mkdir live-secret-0123456789; echo x > live-secret-0123456789/x",
            Refused(why, &["[REDACTED]/x"]),
        ),
        ("ln -s live-secret-0123456789 l", Refused(why, &["l"])),
        ("echo live-secret-0123456789 >> README.md", Refused(why, &["README.md"])),
        // Refused although the base already contains it, because it is a secret of this run.
        ("echo x >> leaked", Refused(why, &["leaked"])),
        ("rm leaked", Changes(&[('D', "leaked")])),
        ("mkdir ignored; echo live-secret-0123456789 > ignored/x", Nothing),
        ("echo live-secret-012345678 > f", Refused(why, &["f"])),
        ("echo live-secret-01234 > f", Changes(&[('A', "f")])),
        // In base64, and split by other characters.
        ("echo live-secret-0123456789 | base64 > f", Refused(why, &["f"])),
        ("echo live-secret-0123456789 | tr -d - | fold -w 4 > f", Refused(why, &["f"])),
        (
            "mkdir -p live/secret-0123/45; echo x > live/secret-0123/45/6789",
            Refused(why, &["[REDACTED]"]),
        ),
        ("(printf %0900000d 0; echo live-secret-0123456789) > f", Refused(why, &["f"])),
    ];
    let leaked = format!("{LIVE}\n");
    let entries = [TREE, &[("100644", "leaked", leaked.as_bytes())]].concat();
    check(&entries, cases, &TrustPolicy::default(), &redactor).await;
}

#[tokio::test]
async fn a_shortened_name_shows_no_part_of_a_secret() {
    // spec: X10a, X10b
    let redactor = Redactor::default();
    redactor.add(&Secret::from(LIVE));
    // Names are cut after 200 characters, and a part of a secret is not recognized any more.
    let path = format!("{}{LIVE}", "x".repeat(185));
    let world = World::new(TREE);
    let at = world.checkout(run(1)).await.unwrap();
    write(&at.path, &path, "x");
    let policy = TrustPolicy::default();
    let collected = world.host.collect(run(1), &at.base, &policy, &redactor).await.unwrap();
    let Collected::Refused(refusal) = collected else { panic!("{collected:?}") };
    let shown = redactor.clean(&refusal.paths.join(" "));
    assert!(!shown.contains(&LIVE[..8]), "{shown}");
}

#[tokio::test]
async fn a_secret_that_is_split_between_files_does_not_leave() {
    // spec: X10c
    let redactor = Redactor::default();
    redactor
        .add(&Secret::from("run-9b41e6d02c7f8a5593e10b6d47fca82e66d905b3f1782ca4e0395d1bb87c6f20"));
    let why = "looks like a secret";
    let cases: &[Case] = &[
        ("echo run-9b41e6d02c7f8a5593 > a", Changes(&[('A', "a")])),
        ("echo run-9b41e6d02c7f8a5593 > a; echo e10b6d47fca82e66d905b3f > b", Refused(why, &["b"])),
        (
            "echo run-9b41e6d02c7f8a5593 > a; echo x > e10b6d47fca82e66d905b3f",
            Refused(why, &["[REDACTED]"]),
        ),
    ];
    check(TREE, cases, &TrustPolicy::default(), &redactor).await;
}

#[tokio::test]
async fn secrets_in_the_members_of_an_archive_are_found() {
    // spec: X10a, X10b
    let redactor = Redactor::default();
    redactor.add(&Secret::from(LIVE));
    let why = "looks like a secret";
    let cases: &[Case] = &[
        (
            "printf ghp_q7Zt0LmV2xKd9RwY | gzip -n > t; printf b4NcJ6hGfS1eUpA8iTo3 | gzip -n >> t",
            Refused(why, &["t"]),
        ),
        ("printf live-secret-0123456789 | gzip -n > s", Refused(why, &["s"])),
        ("printf 'a live-secret-0123456789' | gzip -n | gzip -n > s", Refused(why, &["s"])),
        ("printf 'a live-secret-' | gzip -n > s", Changes(&[('A', "s")])),
    ];
    check(TREE, cases, &TrustPolicy::default(), &redactor).await;
}

/// Random characters, for tokens that are no placeholders.
const RANDOM: &str = "q7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8iTo3Xy5D";

/// Returns a private key whose contents are `body`, repeated.
fn key(body: &str) -> String {
    format!("-----BEGIN {0}-----\n{body}\n{body}\n-----END {0}-----\n", "EC PRIVATE KEY")
}

#[tokio::test]
async fn nothing_with_a_token_s_shape_leaves() {
    // spec: X10b
    let token = format!("gh{}_{RANDOM}", 'p');
    let old = format!("{token}\n");
    let other = format!("gh{}_{}", 's', RANDOM.chars().rev().collect::<String>());
    let entries = [TREE, &[("100644", "old", old.as_bytes())]].concat();
    // Path, content, and whether the change is accepted.
    let cases: &[(&str, String, bool)] = &[
        ("f", format!("x = \"{token}\""), false),
        ("f.bin", format!("\0\0{token}\0"), false),
        ("f", key(RANDOM), false),
        ("README.md", format!("hello\n{}\n", key(RANDOM)), false),
        ("f", format!("github_{}_{RANDOM}", "pat"), false),
        ("f", format!("sk-{}-api03-{RANDOM}", "ant"), false),
        (&token, "x".to_owned(), false),
        (&format!("a/{}/{}", &token[..20], &token[20..]), "x".to_owned(), false),
        ("f", format!("github_{}_{}", "pat", "x".repeat(40)), true),
        ("f", "ghp_ is how they begin".to_owned(), true),
        ("f", "-----BEGIN PUBLIC KEY-----".to_owned(), true),
        ("f", "-----BEGIN EC PRIVATE KEY-----".to_owned(), true),
        ("old", format!("{old}more\n"), true),
        ("old", format!("{old}{other}\n"), false),
        ("old", other, false),
    ];
    let world = World::new(&entries);
    for (n, (path, content, may_leave)) in (1..).zip(cases) {
        let at = world.checkout(run(n)).await.unwrap();
        write(&at.path, path, content);
        match world.collect(run(n), &at.base).await.unwrap() {
            Collected::Changes(_) => assert!(may_leave, "{path}: {content}"),
            Collected::Refused(refusal) => {
                assert!(!may_leave && refusal.paths.len() == 1, "{path}: {refusal:?}");
                assert!(!format!("{refusal:?}").contains(&RANDOM[..8]), "{refusal:?}");
            }
            Collected::Nothing { .. } => panic!("{path}: {content}"),
        }
    }
}

#[tokio::test]
async fn a_secret_of_the_base_is_not_new() {
    // spec: X10b
    let (old, new) = (key(RANDOM), key(&RANDOM.to_lowercase()));
    let name = format!("names/gh{}_{RANDOM}", 'o');
    let entries =
        [TREE, &[("100644", "test.pem", old.as_bytes()), ("100644", &*name, b"x")]].concat();
    let copy = format!("cp test.pem copy.pem; echo '{new}' > new.pem");
    let cases: Vec<(&str, Vec<&str>)> = vec![
        ("git mv test.pem moved.pem", vec![]),
        ("git mv test.pem moved.pem; echo '# moved' >> moved.pem", vec![]),
        ("base64 -w0 test.pem > moved.txt; rm test.pem", vec![]),
        ("cp test.pem copy.pem", vec![]),
        ("mkdir keys; cp test.pem keys/a; ln -s keys/a b", vec![]),
        ("echo '# more' >> test.pem", vec![]),
        ("git mv names more", vec![]),
        // A new secret is refused although another one moves.
        (&copy, vec!["new.pem"]),
        // The base holds the old key, and the file has a new one.
        (
            "tr A-Z a-z < test.pem | sed 's/begin ec private key/BEGIN EC PRIVATE KEY/' > moved.pem; rm test.pem",
            vec!["moved.pem"],
        ),
    ];
    let world = World::new(&entries);
    for (n, (act, expected)) in (1..).zip(cases) {
        let at = world.checkout(run(n)).await.unwrap();
        shell(&at.path, act);
        let paths = match world.collect(run(n), &at.base).await.unwrap() {
            Collected::Refused(refusal) => refusal.paths,
            Collected::Changes(_) => Vec::new(),
            Collected::Nothing { .. } => panic!("{act}"),
        };
        assert_eq!(paths, expected, "{act}");
    }
}

#[tokio::test]
async fn a_new_secret_that_begins_like_an_old_one_is_refused() {
    // spec: X10b
    let old = "SLACK=xoxb-482913057264-5719304826517-Zq7x0LmV2xKd9RwYb4NcJ6hG\n";
    let api = "API_TOKEN=corp-prod-eu1-service77-Zq7x0LmV2xKd9RwYb4NcJ6hGfS1eUpA8\n";
    let entries: &[Entry] = &[
        ("100644", "slack.conf", old.as_bytes()),
        ("100644", "api.conf", api.as_bytes()),
        ("100644", "other", b"x\n"),
    ];
    let why = "looks like a secret";
    check_default(
        entries,
        &[
            ("echo y >> slack.conf; mv api.conf b.conf", Changes(&[('D', "api.conf"), ('A', "b.conf"), ('M', "slack.conf")])),
            ("sed -i s/Zq7x0LmV2xKd9RwYb4NcJ6hG/pQ3sT8vW1yB5nM7kH2jF9dLc/ slack.conf", Refused(why, &["slack.conf"])),
            (
                "echo y >> slack.conf; sed s/Zq7x0LmV2xKd9RwYb4NcJ6hG/pQ3sT8vW1yB5nM7kH2jF9dLc/ slack.conf > other",
                Refused(why, &["other"]),
            ),
            ("sed -i s/fS1eUpA8/Tk9qWz3R/ api.conf", Refused(why, &["api.conf"])),
            ("sed -i 's/$/,more/' api.conf", Changes(&[('M', "api.conf")])),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_archive_that_cannot_be_checked_is_refused() {
    // spec: X16a
    let entries = [
        TREE,
        &[("100644", "tool", b"#!/bin/sh\nhead -c 34000000 /dev/zero | gzip\n")],
        &[("100644", "old.zst", b"\x28\xb5\x2f\xfd\x04\x58\x29\0\0text\n\x2c\x51\xa1\xbf")],
    ]
    .concat();
    let why = "archive that cannot be searched";
    check_default(
        &entries,
        &[
            ("sh tool > bomb.gz", Refused(why, &["bomb.gz"])),
            ("echo x | gzip | gzip | gzip > deep.gz", Refused(why, &["deep.gz"])),
            // Of formats that cannot be expanded, only unchanged data is published.
            ("cp old.zst copy.zst; echo y >> copy.zst", Refused(why, &["copy.zst"])),
            ("echo y >> old.zst", Refused(why, &["old.zst"])),
            ("gzip < old.zst > new.gz", Refused(why, &["new.gz"])),
            (
                "mv old.zst new.zst; echo x > a",
                Changes(&[('A', "a"), ('A', "new.zst"), ('D', "old.zst")]),
            ),
            ("echo x | gzip | gzip > nested.gz", Changes(&[('A', "nested.gz")])),
        ],
    )
    .await;
}
