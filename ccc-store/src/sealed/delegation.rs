//! A macro that implements `CredentialStore` for the public stores.

/// Implements `CredentialStore` for the type `$store`. Each method calls the same method of the
/// field `sealed`.
macro_rules! impl_credential_store {
    ($store:ident) => {
        #[cfg_attr(not(target_arch = "wasm32"), ccc_core::async_trait)]
        #[cfg_attr(target_arch = "wasm32", ccc_core::async_trait(?Send))]
        impl ccc_core::CredentialStore for $store {
            async fn get(
                &self,
                key: &ccc_core::CredentialKey,
            ) -> ccc_core::Result<Option<ccc_core::credential::StoredSecret>> {
                self.sealed.get(key).await
            }

            async fn put(
                &self,
                key: &ccc_core::CredentialKey,
                secret: &ccc_core::Secret,
                precondition: ccc_core::credential::Precondition,
            ) -> ccc_core::Result<ccc_core::credential::Version> {
                self.sealed.put(key, secret, precondition).await
            }

            async fn delete(&self, key: &ccc_core::CredentialKey) -> ccc_core::Result<()> {
                self.sealed.delete(key).await
            }

            async fn list(&self) -> ccc_core::Result<Vec<ccc_core::CredentialKey>> {
                self.sealed.list().await
            }
        }
    };
}
pub(crate) use impl_credential_store;
