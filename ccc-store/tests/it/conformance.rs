//! The conformance suites of all stores of this crate.

mod memory_credential_store {
    use ccc_core::testing::conformance::credential_store::Fixture;
    use ccc_store::MemoryCredentialStore;

    ccc_core::credential_store_conformance!(
        async || Fixture::new(MemoryCredentialStore::default())
    );
}

#[cfg(all(feature = "file", unix))]
mod file_credential_store {
    use ccc_core::testing::conformance::credential_store::Fixture;
    use ccc_store::FileCredentialStore;

    use crate::common::{directory, keys};

    async fn fresh() -> Fixture {
        let directory = directory();
        let store = FileCredentialStore::open(directory.path(), &keys(&[1])).await.unwrap();
        Fixture::new(store).with_owned(directory)
    }

    ccc_core::credential_store_conformance!(fresh);
}

#[cfg(all(feature = "file", unix))]
mod file_credential_store_of_two {
    use ccc_core::testing::conformance::credential_store::Fixture;
    use ccc_store::FileCredentialStore;

    use crate::common::{Turns, directory, keys};

    async fn fresh() -> Fixture {
        let (directory, keys) = (directory(), keys(&[1]));
        let open = async || FileCredentialStore::open(directory.path(), &keys).await.unwrap();
        let store = Turns::open(open).await;
        Fixture::new(store).with_owned(directory)
    }

    ccc_core::credential_store_conformance!(fresh);
}

#[cfg(all(feature = "durable-object", unix))]
mod durable_object_credential_store {
    use std::sync::Arc;

    use ccc_core::SystemClock;
    use ccc_core::testing::conformance::credential_store::Fixture;
    use ccc_store::DurableObjectCredentialStore;

    use crate::common::{Object, keys};

    async fn fresh() -> Fixture {
        let (object, clock) = (Object::default(), Arc::new(SystemClock));
        let store = DurableObjectCredentialStore::open(object, clock, &keys(&[1])).await.unwrap();
        Fixture::new(store)
    }

    ccc_core::credential_store_conformance!(fresh);
}

#[cfg(all(feature = "durable-object", unix))]
mod durable_object_credential_store_of_two {
    use ccc_core::testing::conformance::credential_store::Fixture;

    use crate::common::{Object, Turns, keys};

    async fn fresh() -> Fixture {
        let (object, keys) = (Object::default(), keys(&[1]));
        Fixture::new(Turns::open(async || object.store(&keys).await).await)
    }

    ccc_core::credential_store_conformance!(fresh);
}

mod memory_run_store {
    use std::sync::Arc;

    use ccc_core::testing::ManualClock;
    use ccc_core::testing::conformance::{run_log, run_store::Fixture};
    use ccc_store::MemoryRunStore;

    async fn fresh() -> Fixture {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let store = MemoryRunStore::new(Arc::new(Arc::clone(&clock)));
        Fixture::new(store, move |by| clock.advance(by))
    }

    ccc_core::run_store_conformance!(fresh);

    mod log {
        use super::*;

        async fn fresh() -> run_log::Fixture {
            let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
            let store = Arc::new(MemoryRunStore::new(Arc::new(Arc::clone(&clock))));
            run_log::Fixture::new(Arc::clone(&store), store, move |by| clock.advance(by))
        }

        ccc_core::run_log_conformance!(fresh);
    }
}

#[cfg(all(feature = "sqlite", unix))]
mod sqlite_run_store {
    use std::sync::Arc;

    use ccc_core::testing::ManualClock;
    use ccc_core::testing::conformance::{run_log, run_store::Fixture};
    use ccc_store::{Bounds, SqliteRunStore};

    async fn fresh() -> Fixture {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("runs.sqlite");
        let shared = Arc::new(Arc::clone(&clock));
        let store = SqliteRunStore::open(&path, shared, Bounds::on_disk()).await.unwrap();
        Fixture::new(store, move |by| clock.advance(by)).with_owned(directory)
    }

    ccc_core::run_store_conformance!(fresh);

    mod log {
        use super::*;

        async fn fresh() -> run_log::Fixture {
            let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("runs.sqlite");
            let shared = Arc::new(Arc::clone(&clock));
            let store = SqliteRunStore::open(&path, shared, Bounds::on_disk()).await.unwrap();
            let store = Arc::new(store);
            let log = Arc::clone(&store);
            run_log::Fixture::new(store, log, move |by| clock.advance(by)).with_owned(directory)
        }

        ccc_core::run_log_conformance!(fresh);
    }
}

#[test]
fn every_store_runs_its_conformance_suite() {
    // spec: Q10a
    let (mut stores, here) = (Vec::new(), include_str!("conformance.rs"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    for file in std::fs::read_dir(source).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for (start, suite) in [
            ("\nimpl RunStore for ", "run_store_conformance!"),
            ("\nimpl RunLog for ", "run_log_conformance!"),
            ("\nimpl CredentialStore for ", "credential_store_conformance!"),
            ("impl_credential_store!(", "credential_store_conformance!"),
        ] {
            let names = text.split(start).skip(1).map(|rest| rest.split([' ', '{', ')']).next());
            stores.extend(names.map(|name| (suite, name.unwrap().to_owned())));
        }
    }
    assert_eq!(stores.len(), 7, "{source} has {stores:?}");
    for (suite, store) in stores {
        let module = here.split("\nmod ").find(|module| module.contains(&format!("{store}::")));
        assert!(
            module.is_some_and(|module| module.contains(suite)),
            "{store} does not run {suite}"
        );
    }
}
