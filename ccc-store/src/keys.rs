//! The keys that everything at rest is encrypted under.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ccc_core::{Error, ErrorKind, Result, Secret};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

mod passphrase;

pub(crate) use passphrase::Derivation;

use crate::sealed::KEY;

/// A passphrase is guessed by machines: shorter than this, bytes, it is no secret.
const MIN_PASSPHRASE: usize = 16;

/// The name of a key-encryption key. The key itself determines it, so that nobody has to give names out, and it
/// tells nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(pub(crate) [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for KeyId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let mut id = [0; 16];
        hex::decode_to_slice(&text, &mut id)
            .map_err(|_| invalid("the id of a key is 32 hex digits"))?;
        Ok(Self(id))
    }
}

/// Keys as an operator has them: the newest first, which everything is written under; the others are for
/// reading what was written before.
///
/// ```
/// use ccc_store::Keys;
///
/// let (old, new) = (Keys::generate()?, Keys::generate()?);
/// let keys = Keys::parse(&new)?.and_retired(Keys::parse(&old)?);
/// # Ok::<(), ccc_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Keys(Vec<Source>);

#[derive(Clone)]
enum Source {
    Bytes(Zeroizing<[u8; KEY]>),
    Passphrase(Secret),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} of them)", self.0.len())
    }
}

impl Keys {
    /// A fresh key as the text that [`parse`](Self::parse) takes.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the system has no random bytes.
    pub fn generate() -> Result<Secret> {
        let bytes: Zeroizing<[u8; KEY]> = random()?;
        Ok(Secret::from(STANDARD.encode(bytes.as_slice())))
    }

    /// Reads keys, one in each line and the newest first: 32 bytes each, as base64 or as 64 hex digits. Empty
    /// lines, and what comes after a `#`, are nothing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for what is no key, for zeros and any other byte 32 times, for the same key
    /// twice, and for none at all. No error shows any of it.
    pub fn parse(text: &Secret) -> Result<Self> {
        let text = text.expose_str().map_err(|_| invalid("a key file is text"))?;
        let mut sources = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                let wrong = |why: &str| invalid(&format!("key {number}: {why}"));
                let bytes = bytes(line).map_err(wrong)?;
                let twice =
                    |known: &Source| matches!(known, Source::Bytes(known) if *known == bytes);
                if sources.iter().any(twice) {
                    return Err(wrong("is there twice: a retired key is another one"));
                }
                sources.push(Source::Bytes(bytes));
            }
        }
        if sources.is_empty() {
            return Err(invalid("there is no key: `ccc keygen` makes one"));
        }
        Ok(Self(sources))
    }

    /// A key that a person knows by heart.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it has fewer than 16 bytes.
    pub fn passphrase(passphrase: &Secret) -> Result<Self> {
        let trimmed = passphrase.expose().trim_ascii();
        if trimmed.len() < MIN_PASSPHRASE {
            return Err(invalid(
                "the passphrase has fewer than 16 characters: take several words, or a key of `ccc keygen`",
            ));
        }
        Ok(Self(vec![Source::Passphrase(Secret::new(trimmed))]))
    }

    /// With others, which are only read with.
    #[must_use]
    pub fn and_retired(mut self, older: Self) -> Self {
        self.0.extend(older.0);
        self
    }

    /// Whether there are others beside the first.
    #[must_use]
    pub fn has_retired(&self) -> bool {
        self.0.len() > 1
    }

    /// Whether a passphrase is among them, for which a store has to keep a [`Derivation`].
    pub(crate) fn need_derivation(&self) -> bool {
        self.0.iter().any(|source| matches!(source, Source::Passphrase(_)))
    }

    /// The keys themselves. Slow, and much memory, where there is a passphrase.
    pub(crate) fn ring(&self, derivation: Option<&Derivation>) -> Result<KeyRing> {
        let mut keys: Vec<Arc<Kek>> = Vec::new();
        for source in &self.0 {
            let kek = match (source, derivation) {
                (Source::Bytes(bytes), _) => Kek::of(bytes),
                (Source::Passphrase(passphrase), Some(derivation)) => {
                    Kek::of(&*derivation.derive(passphrase)?)
                }
                (Source::Passphrase(_), None) => {
                    return Err(invalid("a passphrase, and no salt for it"));
                }
            };
            if keys.iter().any(|known| known.id == kek.id) {
                return Err(invalid("the same key is there twice: a retired key is another one"));
            }
            keys.push(Arc::new(kek));
        }
        Ok(KeyRing(keys))
    }
}

fn invalid(why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, why)
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|e| {
        Error::new(ErrorKind::Unavailable, "the system gives no random bytes").with_source(e)
    })?;
    Ok(bytes)
}

fn bytes(line: &str) -> Result<Zeroizing<[u8; KEY]>, &'static str> {
    let decoded = match line.len() {
        64 => hex::decode(line).ok(),
        _ => STANDARD.decode(line).ok(),
    };
    let decoded = Zeroizing::new(decoded.ok_or("is neither base64 nor 64 hex digits")?);
    let bytes: [u8; KEY] = decoded.as_slice().try_into().map_err(|_| "is not 32 bytes long")?;
    let bytes = Zeroizing::new(bytes);
    match bytes.iter().all(|byte| *byte == bytes[0]) {
        true => Err("is the same byte 32 times: `ccc keygen` makes a key"),
        false => Ok(bytes),
    }
}

/// A key-encryption key.
pub(crate) struct Kek {
    pub(crate) id: KeyId,
    pub(crate) key: Zeroizing<[u8; KEY]>,
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl Kek {
    /// Key and id are expanded from the bytes, each under a label of its own (RFC 5869).
    fn of(bytes: &[u8; KEY]) -> Self {
        let (mut key, mut id) = (Zeroizing::new([0; KEY]), [0; 16]);
        expand(None, bytes, b"ccc/v1/kek", &mut *key);
        expand(None, bytes, b"ccc/v1/kek-id", &mut id);
        Self { id: KeyId(id), key }
    }
}

/// HKDF-SHA256 (RFC 5869). False, and nothing, for more than 8,160 bytes.
fn expand(salt: Option<&[u8]>, secret: &[u8], label: &[u8], out: &mut [u8]) -> bool {
    Hkdf::<Sha256>::new(salt, secret).expand(label, out).is_ok()
}

/// The keys of a store, the active one first. There is at least one.
#[derive(Clone, Debug)]
pub(crate) struct KeyRing(Vec<Arc<Kek>>);

impl KeyRing {
    pub(crate) fn active(&self) -> &Kek {
        &self.0[0]
    }

    pub(crate) fn get(&self, id: KeyId) -> Option<&Kek> {
        self.0.iter().map(AsRef::as_ref).find(|kek| kek.id == id)
    }

    /// This one, which reads with the other one's keys as well.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let more = other.0.iter().filter(|kek| self.get(kek.id).is_none());
        Self(self.0.iter().chain(more).cloned().collect())
    }
}

#[cfg(test)]
pub(crate) mod tests;
