//! Every store of this crate keeps its port's contract.

#![allow(clippy::unwrap_used, reason = "a test's helpers are tests as well")]

mod memory_credential_store {
    use ccc_core::testing::conformance::credential_store::Fixture;
    use ccc_store::MemoryCredentialStore;

    ccc_core::credential_store_conformance!(
        async || Fixture::new(MemoryCredentialStore::default())
    );
}

mod memory_run_store {
    use std::sync::Arc;

    use ccc_core::testing::ManualClock;
    use ccc_core::testing::conformance::run_store::Fixture;
    use ccc_store::MemoryRunStore;

    async fn fresh() -> Fixture {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let store = MemoryRunStore::new(Arc::new(Arc::clone(&clock)));
        Fixture::new(store, move |by| clock.advance(by))
    }

    ccc_core::run_store_conformance!(fresh);
}

#[test]
fn every_run_store_has_its_suite_here() {
    // spec: Q10a
    let (mut stores, here) = (Vec::new(), include_str!("conformance.rs"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    for file in std::fs::read_dir(source).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let implementations = text.split("\nimpl RunStore for ").skip(1);
        stores
            .extend(implementations.map(|rest| rest.split([' ', '{']).next().unwrap().to_owned()));
    }
    assert!(!stores.is_empty(), "{source} has no run store");
    for store in stores {
        let module = here.split("\nmod ").find(|module| module.contains(&format!("{store}::")));
        assert!(
            module.is_some_and(|module| module.contains("run_store_conformance!")),
            "{store} is not put to the test"
        );
    }
}
