//! The messages between a client and a Durable Object, in JSON. Bytes are encoded as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

/// Maximum size of a message, in bytes. A write request contains two rows of at most 2 MB each, and
/// base64 encodes three bytes as four.
pub const MAX_MESSAGE_BYTES: usize = 6 << 20;
/// Maximum size of one row of a Durable Object, in bytes.
pub(super) const MAX_ROW_BYTES: usize = 2_000_000;

/// A message from the client to the Durable Object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Request {
    Index {},
    Record {
        #[serde(rename = "place")]
        id: String,
    },
    /// A write that takes effect completely or not at all. It has no effect if `from` is not the
    /// digest of the stored index.
    Write {
        from: Option<String>,
        index: Base64,
        put: Option<(String, Base64)>,
        remove: Option<String>,
    },
    Sweep {
        from: String,
        #[serde(rename = "keep")]
        live: Vec<String>,
    },
    Derivation {
        fresh: String,
    },
}

/// The answer of the Durable Object to a [`Request`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Response {
    Index {
        index: Option<Base64>,
    },
    Record {
        record: Option<Base64>,
    },
    Written,
    Overtaken,
    Swept,
    Derivation {
        #[serde(rename = "kept")]
        stored: String,
    },
    /// The storage contains records, but no index.
    Lost,
    Misunderstood {
        why: String,
    },
}

/// Bytes that are serialized as a string in base64.
#[derive(Debug)]
pub(super) struct Base64(pub(super) Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Self).map_err(|_| D::Error::custom("not base64"))
    }
}

/// Returns the SHA-256 digest of `index` in hex, which identifies a version of the index.
pub(super) fn digest(index: &[u8]) -> String {
    hex::encode(Sha256::digest(index))
}
