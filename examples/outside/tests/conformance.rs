//! The conformance suite of the port `CredentialStore`.

use ccc_core::testing::conformance::credential_store::Fixture;
use my_credential_store::EnvCredentialStore;

ccc_core::credential_store_conformance!(async || Fixture::new(EnvCredentialStore::default()));
