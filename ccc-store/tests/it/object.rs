//! A store in an object, and what rests where.

use ccc_core::credential::Precondition;
use ccc_core::{CredentialStore as _, ErrorKind, Secret};
use ccc_store::{FileCredentialStore, Keys};

use crate::common::{Object, directory, get, key, keys, put};

#[tokio::test]
async fn a_passphrase_opens_again_what_it_put_into_an_object() {
    // spec: S3b
    let keys = Keys::passphrase(&Secret::from("hunter2 hunter2 hunter2")).unwrap();
    let object = Object::default();
    put(&object.store(&keys).await, "name", "value").await;
    assert_eq!(get(&object.store(&keys).await, "name").await.as_deref(), Some("value"));
}

#[tokio::test]
async fn what_is_larger_than_an_object_keeps_is_not_written() {
    let store = Object::default().store(&keys(&[1])).await;
    put(&store, "name", "before").await;
    let large = Secret::new(vec![0; 2_000_000]);
    let written = store.put(&key("name"), &large, Precondition::None).await;
    assert_eq!(written.unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(get(&store, "name").await.as_deref(), Some("before"));
}

#[tokio::test]
async fn a_record_is_where_the_page_says() {
    // By Python's hashlib, of what docs/envelope.md says.
    let place = "11c0eaac1ebbb5137a8bc0dfce62c45971cc15a7e9354b8391ce90916a98aa47.1";
    let (directory, object, keys) = (directory(), Object::default(), keys(&[1]));
    let files = FileCredentialStore::open(directory.path(), &keys).await.unwrap();
    put(&files, "app/7/private-key", "value").await;
    assert!(directory.path().join(place).exists());
    put(&object.store(&keys).await, "app/7/private-key", "value").await;
    assert!(object.shown().contains(&format!("record/{place} ")));
}
