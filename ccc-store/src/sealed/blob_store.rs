//! The storage behind a sealed store (an encrypted credential store): encrypted records by id, and
//! one index that is replaced atomically.

use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::Arc;

use ccc_core::{Result, async_trait};

/// The id of a record. A record contains one version of one credential. The id contains a digest of
/// the credential's name instead of the name, because the storage must not receive the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RecordId {
    /// The digest of the credential's name.
    pub(crate) name: [u8; 32],
    pub(crate) version: u64,
}

/// Formats the id as the name of the file or row that contains the record.
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

/// The encrypted index of a sealed store, in the form in which it is stored.
pub(crate) type SealedIndex = Arc<[u8]>;

/// The effects of one write, which are applied together or not at all.
#[derive(Debug)]
pub(crate) struct Change {
    /// The index that the change was computed from; `None` if the store had no index. If a
    /// different index is stored when the change is applied, nothing is written.
    pub(crate) from: Option<SealedIndex>,
    /// The index that replaces `from`.
    pub(crate) index: SealedIndex,
    /// The id and the encrypted bytes of the record to add, if there is one.
    pub(crate) put: Option<(RecordId, Vec<u8>)>,
    /// The id of the record to remove, if there is one.
    pub(crate) remove: Option<RecordId>,
}

/// Storage for encrypted bytes. A `BlobStore` receives neither the names of credentials nor keys.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub(crate) trait BlobStore: Debug + Send + Sync + 'static {
    /// Returns the encrypted index, or `None` if nothing was written to this storage yet.
    async fn index(&self) -> Result<Option<SealedIndex>>;

    /// Returns the encrypted record with the id `id`, or `None` if there is no such record.
    async fn record(&self, id: RecordId) -> Result<Option<Vec<u8>>>;

    /// Applies `change` durably. Returns `false`, without effect, if the stored index is not
    /// `change.from`. After an error, the caller must read the index to find out whether `change`
    /// was applied.
    async fn write(&self, change: Arc<Change>) -> Result<bool>;

    /// Removes every record whose id is not in `live`. Does nothing if the stored index is not
    /// `from`.
    async fn remove_unlisted(&self, from: SealedIndex, live: Vec<RecordId>) -> Result<()>;

    /// Stores `fresh`, the text of a [`Derivation`](crate::keys::Derivation), unless the storage
    /// already contains a derivation. Returns the text of the stored derivation, which is not
    /// secret.
    async fn init_derivation(&self, fresh: String) -> Result<String>;
}
