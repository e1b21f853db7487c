//! The storage under a sealed store: bytes by id, and one index that is replaced atomically.

use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::Arc;

use ccc_core::{Result, async_trait};

/// The id of one version of one record. It does not reveal the credential's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RecordId {
    /// The digest of the credential's name.
    pub(crate) name: [u8; 32],
    pub(crate) version: u64,
}

/// Formats the id as the name of its file or row.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", hex::encode(self.name), self.version)
    }
}

impl FromStr for RecordId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (digits, number) = text.split_once('.').ok_or(())?;
        let (mut name, version) = ([0; 32], number.parse().map_err(|_| ())?);
        hex::decode_to_slice(digits, &mut name).map_err(|_| ())?;
        // Only the canonical spelling is valid: no capitals, no sign, no leading zeros.
        let id = Self { name, version };
        (id.to_string() == text).then_some(id).ok_or(())
    }
}

/// The encrypted index, as it is stored.
pub(crate) type SealedIndex = Arc<[u8]>;

/// The effects of one write, which are applied together or not at all.
#[derive(Debug)]
pub(crate) struct Change {
    /// The index that the change was computed from; `None` if the store had no index. If a
    /// different index is stored when the change is applied, nothing is written.
    pub(crate) from: Option<SealedIndex>,
    /// The index that replaces it.
    pub(crate) index: SealedIndex,
    /// The record to add.
    pub(crate) put: Option<(RecordId, Vec<u8>)>,
    /// The record to remove.
    pub(crate) remove: Option<RecordId>,
}

/// Storage for encrypted bytes. It never receives the names of credentials, nor keys.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub(crate) trait BlobStore: Debug + Send + Sync + 'static {
    /// Returns the index, or `None` if nothing was written yet.
    async fn index(&self) -> Result<Option<SealedIndex>>;

    /// Returns the record with that id.
    async fn record(&self, id: RecordId) -> Result<Option<Vec<u8>>>;

    /// Applies `change` durably. Returns `false`, without effect, if the index is no longer
    /// `change.from`. After an error, the caller must read the index to find out whether the change
    /// was applied.
    async fn write(&self, change: Arc<Change>) -> Result<bool>;

    /// Removes every record that is not in `live`, if the index is still `from`.
    async fn remove_unlisted(&self, from: SealedIndex, live: Vec<RecordId>) -> Result<()>;

    /// Stores the [`Derivation`](crate::keys::Derivation) `fresh`, unless one is already stored.
    /// Returns the stored derivation. It is not secret.
    async fn init_derivation(&self, fresh: String) -> Result<String>;
}
