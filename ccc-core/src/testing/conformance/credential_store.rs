//! Conformance cases for credential stores.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation fails the case")]

use super::assert_fails_with;
use crate::credential::{Precondition, Version};
use crate::{ErrorKind, Secret};

mod fixture;
mod races;

pub use fixture::Fixture;
pub use races::*;

use fixture::name;

/// Generates one test for each conformance case of the credential store port. The macro's argument
/// is a function that returns a future of a new
/// [fixture](crate::testing::conformance::credential_store::Fixture). See
/// [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! credential_store_conformance {
    (@run $make:expr) => {
        $crate::credential_store_conformance!(@cases __conformance_run, $make)
    };
    (@cases $callback:ident, $make:expr) => {
        $crate::$callback!(
            credential_store,
            $make,
            [
                an_absent_key_has_no_secret,
                get_returns_the_stored_value_and_version,
                a_put_replaces_and_raises_the_version,
                each_key_has_its_own_versions,
                the_precondition_absent_holds_only_without_a_record,
                a_precondition_version_holds_only_for_the_newest_version,
                a_version_is_never_used_again_after_a_delete,
                a_deleted_key_is_absent,
                a_delete_of_an_absent_key_is_ok,
                list_returns_the_keys_of_all_records_sorted,
                an_empty_secret_is_a_secret,
                sixty_four_kibibytes_come_back_whole,
                bytes_that_are_not_text_come_back_unchanged,
                similar_keys_have_separate_records,
                concurrent_puts_leave_one_whole_value_and_give_distinct_versions,
                of_concurrent_writes_with_one_precondition_one_wins,
                of_concurrent_first_writes_one_wins,
                no_debug_and_no_error_shows_a_secret,
            ]
        );
    };
    ($make:expr) => {
        $crate::credential_store_conformance!(@cases __conformance_tests, $make);
    };
}

/// Checks that `get` of an absent key returns `None` and no error, and that `list` of an empty
/// store is empty.
pub async fn an_absent_key_has_no_secret(fixture: &Fixture) {
    assert_eq!(fixture.get("absent").await, None, "`get` of an absent key must return `None`");
    assert_eq!(fixture.list().await, [], "`list` of an empty store must be empty");
}

/// Checks that `get` returns the bytes that `put` stored and the version that `put` returned.
pub async fn get_returns_the_stored_value_and_version(fixture: &Fixture) {
    let version = fixture.put("app/7/key", b"value").await;
    assert_eq!(version, Version(1), "the first `put` of a key must return version 1");
    let expected = Some((b"value".to_vec(), version));
    assert_eq!(fixture.get("app/7/key").await, expected, "`get` must return what `put` stored");
    assert_eq!(
        fixture.get("app/7").await,
        None,
        "`get` of a prefix of a stored key must return `None`"
    );
}

/// Checks that each `put` replaces the value and raises the version by one.
pub async fn a_put_replaces_and_raises_the_version(fixture: &Fixture) {
    // spec: S9
    for number in 1..=5_u64 {
        let value = format!("value {number}").into_bytes();
        let version = fixture.put("key", &value).await;
        assert_eq!(version, Version(number), "each `put` must raise the version by one");
        let expected = Some((value, version));
        assert_eq!(fixture.get("key").await, expected, "`get` must return the newest value");
    }
}

/// Checks that each key has its own versions: a `put` of one key does not raise the version of
/// another key.
pub async fn each_key_has_its_own_versions(fixture: &Fixture) {
    fixture.put("a", b"1").await;
    fixture.put("a", b"2").await;
    let version = fixture.put("b", b"3").await;
    assert_eq!(version, Version(1), "the first `put` of a key must return version 1");
    let expected = Some((b"2".to_vec(), Version(2)));
    assert_eq!(fixture.get("a").await, expected, "`put` must not change the record of another key");
}

/// Checks that `put` with [`Precondition::Absent`] succeeds if the key has no record: the key is
/// new, or its record was deleted. If the key has a record, `put` must fail with
/// [`ErrorKind::Conflict`] and write nothing.
pub async fn the_precondition_absent_holds_only_without_a_record(fixture: &Fixture) {
    let (store, key) = (&fixture.store, name("key"));
    let put = |value: &'static str| {
        let (key, secret) = (key.clone(), Secret::from(value));
        async move { store.put(&key, &secret, Precondition::Absent).await }
    };
    let first = put("first").await.expect("`put` with `Absent` must succeed for a new key");
    assert_fails_with(
        "`put` with `Absent` for a key that has a record",
        ErrorKind::Conflict,
        put("second").await,
    );
    let expected = Some((b"first".to_vec(), first));
    assert_eq!(fixture.get("key").await, expected, "a refused `put` must write nothing");
    fixture.store.delete(&name("key")).await.expect("`delete` must succeed");
    let third = put("third").await.expect("`put` with `Absent` must succeed after a delete");
    let expected = Some((b"third".to_vec(), third));
    assert_eq!(fixture.get("key").await, expected, "`get` must return what `put` stored");
}

/// Checks that `put` with [`Precondition::Version`] succeeds only if the key has a record with this
/// version. Otherwise `put` must fail with [`ErrorKind::Conflict`] and write nothing.
pub async fn a_precondition_version_holds_only_for_the_newest_version(fixture: &Fixture) {
    // spec: S9
    let (store, key) = (&fixture.store, name("key"));
    let put = |value: &'static str, version| {
        let (key, secret) = (key.clone(), Secret::from(value));
        async move { store.put(&key, &secret, Precondition::Version(version)).await }
    };
    for version in [Version(1), Version(0)] {
        let refusal = put("none", version).await;
        assert_fails_with(
            "`put` with `Precondition::Version` for a key without a record",
            ErrorKind::Conflict,
            refusal,
        );
    }
    assert_eq!(fixture.get("key").await, None, "a refused `put` must write nothing");
    let first = fixture.put("key", b"first").await;
    let second = put("second", first)
        .await
        .expect("`put` must succeed if the precondition is the newest version");
    assert!(second > first, "each `put` must raise the version, but {second:?} followed {first:?}");
    for wrong in [first, Version(0), Version(second.0 + 1), Version(u64::MAX)] {
        let what = format!("`put` with the precondition {wrong:?} for a record with {second:?}");
        assert_fails_with(&what, ErrorKind::Conflict, put("third", wrong).await);
        let expected = Some((b"second".to_vec(), second));
        assert_eq!(fixture.get("key").await, expected, "a refused `put` must write nothing");
    }
    fixture.store.delete(&name("key")).await.expect("`delete` must succeed");
    let refusal = put("fourth", second).await;
    assert_fails_with(
        "`put` whose precondition is the version of a deleted record",
        ErrorKind::Conflict,
        refusal,
    );
    assert_eq!(fixture.get("key").await, None, "a refused `put` must write nothing");
}

/// Checks that `put` never returns a version twice for the same key, not even after a delete.
/// Otherwise a caller with an old version would mistake a new record for the deleted record.
pub async fn a_version_is_never_used_again_after_a_delete(fixture: &Fixture) {
    // spec: S9
    let mut newest = Version(0);
    for _ in 0..3 {
        for value in [b"one", b"two"] {
            let version = fixture.put("key", value).await;
            let rule =
                "`put` must return a higher version than every earlier `put`, even after a delete";
            assert!(version > newest, "{rule}, but {version:?} followed {newest:?}");
            newest = version;
        }
        fixture.store.delete(&name("key")).await.expect("`delete` must succeed");
        fixture.store.delete(&name("key")).await.expect("`delete` must succeed");
    }
}

/// Checks that `get` and `list` do not return a deleted record, and that `delete` removes no other
/// record.
pub async fn a_deleted_key_is_absent(fixture: &Fixture) {
    fixture.put("gone", b"1").await;
    fixture.put("stays", b"2").await;
    fixture.store.delete(&name("gone")).await.expect("`delete` must succeed");
    assert_eq!(fixture.get("gone").await, None, "`get` must not return a deleted record");
    let listed = fixture.list().await;
    assert_eq!(listed, [name("stays")], "`list` must return only keys that are not deleted");
    let stays = fixture.get("stays").await;
    assert!(stays.is_some(), "`delete` must not remove the record of another key");
}

/// Checks that `delete` succeeds for a key that was never written, and for a key that was already
/// deleted.
pub async fn a_delete_of_an_absent_key_is_ok(fixture: &Fixture) {
    fixture.store.delete(&name("never")).await.expect("`delete` of an absent key must succeed");
    fixture.put("key", b"1").await;
    fixture.store.delete(&name("key")).await.expect("`delete` must succeed");
    fixture.store.delete(&name("key")).await.expect("`delete` of a deleted key must succeed");
    assert_eq!(fixture.list().await, [], "`list` must not return a deleted key");
}

/// Checks that `list` returns the key of each record once, in the order of [`CredentialKey`], and
/// does not return deleted keys.
///
/// [`CredentialKey`]: crate::CredentialKey
pub async fn list_returns_the_keys_of_all_records_sorted(fixture: &Fixture) {
    let mut expected = Vec::new();
    for key in ["b", "a/b", "a", "B", "a-b", "a.b", "10", "9", "a/b/c", "z"] {
        fixture.put(key, b"value").await;
        fixture.put(key, b"newer value").await;
        expected.push(name(key));
    }
    fixture.store.delete(&name("z")).await.expect("`delete` must succeed");
    expected.retain(|key| *key != name("z"));
    expected.sort();
    assert_eq!(fixture.list().await, expected, "`list` must return each key once, sorted");
}

/// Checks that an empty secret can be stored: `get` must return the empty secret, not `None`.
pub async fn an_empty_secret_is_a_secret(fixture: &Fixture) {
    let version = fixture.put("empty", b"").await;
    let expected = Some((Vec::new(), version));
    assert_eq!(fixture.get("empty").await, expected, "`get` must return the empty secret");
    assert_eq!(
        fixture.list().await,
        [name("empty")],
        "`list` must return the key of an empty secret"
    );
}

/// Checks that `get` returns a secret of 64 KiB unchanged. No private key or token is larger.
pub async fn sixty_four_kibibytes_come_back_whole(fixture: &Fixture) {
    let value: Vec<u8> = (0..64 << 10).map(|i: u32| (i % 251) as u8).collect();
    let version = fixture.put("large", &value).await;
    let unchanged = fixture.get("large").await == Some((value, version));
    assert!(unchanged, "`get` must return a secret of 64 KiB unchanged");
}

/// Checks that `get` returns all 256 byte values unchanged, including zeros and line breaks.
pub async fn bytes_that_are_not_text_come_back_unchanged(fixture: &Fixture) {
    let value: Vec<u8> = (0..=255).rev().chain(*b"\r\n\n \0").collect();
    let version = fixture.put("bytes", &value).await;
    let expected = Some((value, version));
    assert_eq!(fixture.get("bytes").await, expected, "`get` must return any bytes unchanged");
}

/// Checks that similar keys have separate records, for example keys that a file system, a URL or a
/// careless encoding could treat as equal.
pub async fn similar_keys_have_separate_records(fixture: &Fixture) {
    let long = "x".repeat(200);
    let deep = ["d"; 100].join("/");
    let odd = [
        "a", "A", "a/b", "a_b", "a-b", "a.b", "a/b/c", "a/b.c", ".hidden", "...", "a/...", "-rf",
        "a.tmp", "a.lock", "CON", "nul.txt", "a.", "2f", "a2fb", "a__b", &long, &deep,
    ];
    for key in odd {
        fixture.put(key, format!("value of {key}").as_bytes()).await;
    }
    for key in odd {
        let found = fixture.get(key).await;
        let (value, version) = found.unwrap_or_else(|| panic!("`get` must find the key {key}"));
        let found = (String::from_utf8(value).unwrap(), version.0);
        let expected = (format!("value of {key}"), 1);
        assert_eq!(
            found, expected,
            "`put` of a similar key must not change the record of the key {key}"
        );
    }
    assert_eq!(fixture.list().await.len(), odd.len(), "`list` must return every key");
}

/// Checks that no secret appears in the `Debug` output of the store or of its results, or in an
/// error.
pub async fn no_debug_and_no_error_shows_a_secret(fixture: &Fixture) {
    const OLD: &str = "hunter2-old-secret";
    const NEW: &str = "hunter2-new-secret";
    let (store, key) = (&fixture.store, name("key"));
    let check = |shown: String| {
        let bytes = format!("{:?}", "hunter2".as_bytes());
        let bytes = bytes.trim_matches(['[', ']']).to_owned();
        assert!(
            !shown.contains("hunter2") && !shown.contains(&bytes),
            "`Debug` output and errors must not contain a secret: {shown}"
        );
    };
    fixture.put("key", OLD.as_bytes()).await;
    let conflict = store.put(&key, &Secret::from(NEW), Precondition::Absent).await;
    let conflict = conflict.expect_err("`put` with `Absent` must fail if the key has a record");
    check(format!("{conflict} {conflict:?} {conflict:#?}"));
    check(format!("{store:?} {store:#?}"));
    check(format!("{:?}", store.get(&key).await));
    check(format!("{:?}", store.list().await));
}
