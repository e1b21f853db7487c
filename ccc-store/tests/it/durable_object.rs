//! Tests of a store in an object, and of the names of its records.

use ccc_core::credential::Precondition;
use ccc_core::{CredentialStore as _, ErrorKind, Secret};
use ccc_store::Keys;

use crate::common::{CANARY, Object, get, key, keys, put};

#[tokio::test]
async fn a_passphrase_opens_a_store_in_an_object_again() {
    // spec: S3b
    let keys = Keys::passphrase(&Secret::from("hunter2 hunter2 hunter2")).unwrap();
    let object = Object::default();
    put(&object.store(&keys).await, "name", "value").await;
    assert_eq!(get(&object.store(&keys).await, "name").await.as_deref(), Some("value"));
}

#[tokio::test]
async fn a_credential_that_is_too_large_for_an_object_is_not_written() {
    let store = Object::default().store(&keys(&[1])).await;
    put(&store, "name", "before").await;
    let large = Secret::new(vec![0; 2_000_000]);
    let written = store.put(&key("name"), &large, Precondition::None).await;
    assert_eq!(written.unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(get(&store, "name").await.as_deref(), Some("before"));
}

#[cfg(feature = "file")]
#[tokio::test]
async fn a_record_has_the_name_that_the_specification_defines() {
    use ccc_store::FileCredentialStore;

    use crate::common::directory;

    // Computed with Python's hashlib, as docs/envelope.md specifies.
    let place = "11c0eaac1ebbb5137a8bc0dfce62c45971cc15a7e9354b8391ce90916a98aa47.1";
    let (directory, object, keys) = (directory(), Object::default(), keys(&[1]));
    let files = FileCredentialStore::open(directory.path(), &keys).await.unwrap();
    put(&files, "app/7/private-key", "value").await;
    assert!(directory.path().join(place).exists());
    put(&object.store(&keys).await, "app/7/private-key", "value").await;
    assert!(object.shown().contains(&format!("record/{place} ")));
}

#[tokio::test]
async fn an_object_receives_no_secret_and_no_name() {
    // spec: S7a
    let object = Object::default();
    let store = object.store(&keys(&[1])).await;
    let name = "app/4711/private-key";
    put(&store, name, CANARY).await;
    assert!(!format!("{store:?}").contains(CANARY));
    let shown = object.shown();
    for secret in [CANARY, name, "4711/", &hex::encode(CANARY), &hex::encode([1; 31])] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
    assert_eq!(store.rotate(&keys(&[2, 1])).await.unwrap(), 1);
    assert_eq!(get(&store, name).await.as_deref(), Some(CANARY));
}
