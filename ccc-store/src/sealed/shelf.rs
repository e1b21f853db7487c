//! What a store keeps its bytes on.

use std::fmt::{self, Debug};
use std::str::FromStr;
use std::sync::Arc;

use ccc_core::{Result, async_trait};

/// Where one version of one record is. Tells nobody its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) name: [u8; 32],
    pub(crate) version: u64,
}

/// As a file or a row is named.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", hex::encode(self.name), self.version)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (digits, number) = text.split_once('.').ok_or(())?;
        let (mut name, version) = ([0; 32], number.parse().map_err(|_| ())?);
        hex::decode_to_slice(digits, &mut name).map_err(|_| ())?;
        // One way to write it: no capitals, no sign, no zeros in front.
        let place = Self { name, version };
        (place.to_string() == text).then_some(place).ok_or(())
    }
}

/// An index as it rests.
pub(crate) type Rests = Arc<[u8]>;

/// All that one write does, or nothing of it.
#[derive(Debug)]
pub(crate) struct Change {
    /// The index that it was made from; none where there was none. With another one there by now, nothing is done.
    pub(crate) from: Option<Rests>,
    pub(crate) index: Rests,
    pub(crate) put: Option<(Place, Vec<u8>)>,
    pub(crate) remove: Option<Place>,
}

/// What keeps the bytes. It reads no names, and decides nothing.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub(crate) trait Shelf: Debug + Send + Sync + 'static {
    /// The index; none only when nothing was ever written.
    async fn index(&self) -> Result<Option<Rests>>;

    /// The record that is there.
    async fn record(&self, place: Place) -> Result<Option<Vec<u8>>>;

    /// Does it durably; false, and nothing, when the index is another one. After an error it was done or not, and
    /// the index tells.
    async fn write(&self, change: Arc<Change>) -> Result<bool>;

    /// Removes every record but these, where the index is still the one that they were read from.
    async fn sweep(&self, from: Rests, keep: Vec<Place>) -> Result<()>;

    /// Keeps a text that is no secret, where none is kept, and returns what is kept.
    async fn keep_derivation(&self, fresh: String) -> Result<String>;
}
