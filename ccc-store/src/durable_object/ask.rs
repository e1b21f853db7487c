//! What client and object say to each other: JSON, with bytes as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Ask {
    Index {},
    Record {
        place: String,
    },
    /// All of it or, where the index is not the one that has this digest by now, nothing.
    Write {
        from: Option<String>,
        index: Bytes,
        put: Option<(String, Bytes)>,
        remove: Option<String>,
    },
    Sweep {
        from: String,
        keep: Vec<String>,
    },
    Derivation {
        fresh: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Answer {
    Index {
        index: Option<Bytes>,
    },
    Record {
        record: Option<Bytes>,
    },
    Written,
    Overtaken,
    Swept,
    Derivation {
        kept: String,
    },
    /// There are records and no index.
    Lost,
    Misunderstood {
        why: String,
    },
}

/// Cipher text.
#[derive(Debug)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Self).map_err(|_| D::Error::custom("not base64"))
    }
}

/// Which index it is.
pub(super) fn digest(index: &[u8]) -> String {
    hex::encode(Sha256::digest(index))
}
