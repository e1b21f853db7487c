//! What every credential store must do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken contract is a panic here")]

use super::refused;
use crate::credential::{Precondition, Version};
use crate::{ErrorKind, Secret};

mod fixture;
mod races;

pub use fixture::Fixture;
pub use races::*;

use fixture::name;

/// Makes a test of every case for credential stores. See [`conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! credential_store_conformance {
    ($make:expr) => {
        $crate::__conformance_tests!(
            credential_store,
            $make,
            [
                an_absent_key_has_no_secret,
                what_was_put_is_got,
                a_put_replaces_and_raises_the_version,
                each_key_has_versions_of_its_own,
                absent_holds_only_while_there_is_no_record,
                a_version_holds_only_while_it_is_the_newest,
                a_version_never_comes_again_after_a_delete,
                what_was_deleted_is_absent,
                a_delete_of_an_absent_key_is_ok,
                list_gives_the_names_that_are_there_sorted,
                an_empty_secret_is_a_secret,
                sixty_four_kibibytes_come_back_whole,
                bytes_that_are_no_text_come_back_as_they_are,
                odd_keys_are_kept_apart,
                concurrent_puts_leave_one_whole_value_and_give_distinct_versions,
                of_concurrent_writes_with_one_precondition_one_wins,
                of_concurrent_first_writes_one_wins,
                no_debug_and_no_error_shows_a_secret,
            ]
        );
    };
}

/// Absent is an answer and not an error.
pub async fn an_absent_key_has_no_secret(fixture: &Fixture) {
    assert_eq!(fixture.get("absent").await, None);
    assert_eq!(fixture.store.list().await.unwrap(), []);
}

/// The same bytes and the version that the put returned.
pub async fn what_was_put_is_got(fixture: &Fixture) {
    let version = fixture.put("app/7/key", b"value").await;
    assert_eq!(version, Version(1), "the first write of a name");
    assert_eq!(fixture.get("app/7/key").await, Some((b"value".to_vec(), version)));
    assert_eq!(fixture.get("app/7").await, None, "a prefix of the name is another name");
}

/// One more with each write, and the newest value is there.
pub async fn a_put_replaces_and_raises_the_version(fixture: &Fixture) {
    // spec: S9
    for number in 1..=5_u64 {
        let value = format!("value {number}").into_bytes();
        assert_eq!(fixture.put("key", &value).await, Version(number));
        assert_eq!(fixture.get("key").await, Some((value, Version(number))));
    }
}

/// A write to one name does not raise another's version.
pub async fn each_key_has_versions_of_its_own(fixture: &Fixture) {
    fixture.put("a", b"1").await;
    fixture.put("a", b"2").await;
    assert_eq!(fixture.put("b", b"3").await, Version(1));
    assert_eq!(fixture.get("a").await, Some((b"2".to_vec(), Version(2))));
}

/// Writes the first record, and again after a delete; refuses in between, and writes nothing then.
pub async fn absent_holds_only_while_there_is_no_record(fixture: &Fixture) {
    let (store, key) = (&fixture.store, name("key"));
    let put = |value: &'static str| {
        let (key, secret) = (key.clone(), Secret::from(value));
        async move { store.put(&key, &secret, Precondition::Absent).await }
    };
    let first = put("first").await.expect("there is no record");
    refused("there is a record", ErrorKind::Conflict, put("second").await);
    assert_eq!(fixture.get("key").await, Some((b"first".to_vec(), first)));
    store.delete(&key).await.unwrap();
    let third = put("third").await.expect("the record was deleted");
    assert_eq!(fixture.get("key").await, Some((b"third".to_vec(), third)));
}

/// Any other version is refused, older and newer ones, and writes nothing.
pub async fn a_version_holds_only_while_it_is_the_newest(fixture: &Fixture) {
    // spec: S9
    let (store, key) = (&fixture.store, name("key"));
    let put = |value: &'static str, version| {
        let (key, secret) = (key.clone(), Secret::from(value));
        async move { store.put(&key, &secret, Precondition::Version(version)).await }
    };
    refused("there is no record", ErrorKind::Conflict, put("none", Version(1)).await);
    refused("there is no record", ErrorKind::Conflict, put("none", Version(0)).await);
    assert_eq!(fixture.get("key").await, None, "a refused put wrote");
    let first = fixture.put("key", b"first").await;
    let second = put("second", first).await.expect("the version is the newest");
    assert!(second > first, "{second:?} after {first:?}");
    for wrong in [first, Version(0), Version(second.0 + 1), Version(u64::MAX)] {
        refused("not the newest version", ErrorKind::Conflict, put("third", wrong).await);
        assert_eq!(fixture.get("key").await, Some((b"second".to_vec(), second)));
    }
    store.delete(&key).await.unwrap();
    refused("the record was deleted", ErrorKind::Conflict, put("fourth", second).await);
    assert_eq!(fixture.get("key").await, None, "a refused put brought the record back");
}

/// A reader that holds a version from before the delete must not mistake the new record for it.
pub async fn a_version_never_comes_again_after_a_delete(fixture: &Fixture) {
    // spec: S9
    let mut newest = Version(0);
    for _ in 0..3 {
        for value in [b"one", b"two"] {
            let version = fixture.put("key", value).await;
            assert!(version > newest, "{version:?} after {newest:?}");
            newest = version;
        }
        fixture.store.delete(&name("key")).await.unwrap();
        fixture.store.delete(&name("key")).await.unwrap();
    }
}

/// Gone from get and from list; others stay.
pub async fn what_was_deleted_is_absent(fixture: &Fixture) {
    fixture.put("gone", b"1").await;
    fixture.put("stays", b"2").await;
    fixture.store.delete(&name("gone")).await.unwrap();
    assert_eq!(fixture.get("gone").await, None);
    assert_eq!(fixture.store.list().await.unwrap(), [name("stays")]);
    assert!(fixture.get("stays").await.is_some());
}

/// Once, twice, and of what never was.
pub async fn a_delete_of_an_absent_key_is_ok(fixture: &Fixture) {
    fixture.store.delete(&name("never")).await.expect("a delete of what never was");
    fixture.put("key", b"1").await;
    fixture.store.delete(&name("key")).await.unwrap();
    fixture.store.delete(&name("key")).await.expect("a second delete");
    assert_eq!(fixture.store.list().await.unwrap(), []);
}

/// Sorted as `CredentialKey` sorts, each once, and a name that was only deleted is not there.
pub async fn list_gives_the_names_that_are_there_sorted(fixture: &Fixture) {
    let mut expected = Vec::new();
    for key in ["b", "a/b", "a", "B", "a-b", "a.b", "10", "9", "a/b/c", "z"] {
        fixture.put(key, b"value").await;
        fixture.put(key, b"newer value").await;
        expected.push(name(key));
    }
    fixture.store.delete(&name("z")).await.unwrap();
    expected.retain(|key| *key != name("z"));
    expected.sort();
    assert_eq!(fixture.store.list().await.unwrap(), expected);
}

/// Zero bytes are not the same as no record.
pub async fn an_empty_secret_is_a_secret(fixture: &Fixture) {
    let version = fixture.put("empty", b"").await;
    assert_eq!(fixture.get("empty").await, Some((Vec::new(), version)));
    assert_eq!(fixture.store.list().await.unwrap(), [name("empty")]);
}

/// Larger than any key or token.
pub async fn sixty_four_kibibytes_come_back_whole(fixture: &Fixture) {
    let value: Vec<u8> = (0..64 << 10).map(|i: u32| (i % 251) as u8).collect();
    let version = fixture.put("large", &value).await;
    assert!(fixture.get("large").await == Some((value, version)), "64 KiB came back changed");
}

/// All 256 bytes, zeros and line breaks among them.
pub async fn bytes_that_are_no_text_come_back_as_they_are(fixture: &Fixture) {
    let value: Vec<u8> = (0..=255).rev().chain(*b"\r\n\n \0").collect();
    let version = fixture.put("bytes", &value).await;
    assert_eq!(fixture.get("bytes").await, Some((value, version)));
}

/// Names that a file system, a URL or a careless encoding could take for each other.
pub async fn odd_keys_are_kept_apart(fixture: &Fixture) {
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
        let (value, version) = fixture.get(key).await.unwrap_or_else(|| panic!("lost {key}"));
        assert_eq!((String::from_utf8(value).unwrap(), version.0), (format!("value of {key}"), 1));
    }
    assert_eq!(fixture.store.list().await.unwrap().len(), odd.len());
}

/// Neither the store nor what it returns nor a conflict.
pub async fn no_debug_and_no_error_shows_a_secret(fixture: &Fixture) {
    const OLD: &str = "hunter2-old-secret";
    const NEW: &str = "hunter2-new-secret";
    let (store, key) = (&fixture.store, name("key"));
    let check = |shown: String| {
        let bytes = format!("{:?}", "hunter2".as_bytes());
        let bytes = bytes.trim_matches(['[', ']']).to_owned();
        assert!(!shown.contains("hunter2") && !shown.contains(&bytes), "shown: {shown}");
    };
    fixture.put("key", OLD.as_bytes()).await;
    let conflict = store.put(&key, &Secret::from(NEW), Precondition::Absent).await.unwrap_err();
    check(format!("{conflict} {conflict:?} {conflict:#?}"));
    check(format!("{store:?} {store:#?}"));
    check(format!("{:?}", store.get(&key).await));
    check(format!("{:?}", store.list().await));
}
