//! The checks of a webhook delivery, from the size of its body to the meaning of its payload.

use std::sync::{Arc, PoisonError, RwLock};

use ccc_core::DeliveryId;
use ccc_core::event::Delivery;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::webhook::delivery::{MAX_BODY, Meaning, RawDelivery, Received};
use crate::webhook::payload::{self, Classified};
use crate::webhook::rejection::Rejection;
#[cfg(feature = "axum")]
use crate::webhook::signature::Verifier;
use crate::webhook::signature::{Secrets, verify};

/// Verifies webhook deliveries, and converts them to events.
///
/// A `Webhook` performs no I/O and is safe to share. Its clones share the secrets:
/// [`use_secrets`](Self::use_secrets) on one clone applies to all clones.
#[derive(Clone, Debug)]
pub struct Webhook {
    secrets: Arc<RwLock<Option<Arc<Secrets>>>>,
    host: String,
}

impl Webhook {
    /// Creates a verifier that accepts signatures with any of `secrets`. `host`, such as
    /// `github.com`, becomes [`RepoRef::host`](ccc_core::event::RepoRef::host) of each event.
    /// `host` must come from the operator's configuration, for example from
    /// [`GitHub::host`](crate::GitHub::host), and never from a payload (spec: G8a).
    #[must_use]
    pub fn new(secrets: Secrets, host: impl Into<String>) -> Self {
        let webhook = Self::without_secrets(host);
        webhook.use_secrets(Some(secrets));
        webhook
    }

    /// Creates a verifier without secrets, which rejects all deliveries until
    /// [`use_secrets`](Self::use_secrets) sets secrets. For `host`, see [`new`](Self::new).
    #[must_use]
    pub fn without_secrets(host: impl Into<String>) -> Self {
        Self { secrets: Arc::default(), host: host.into() }
    }

    /// Replaces the secrets. The next delivery is checked with the new secrets. With `None`,
    /// deliveries are rejected with [`Rejection::NotConfigured`]. GitHub then records them as
    /// failed, so that they can be sent again later.
    pub fn use_secrets(&self, secrets: Option<Secrets>) {
        let secrets = secrets.map(Arc::new);
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// Returns `true` if no secrets are set. All deliveries are then rejected.
    #[must_use]
    pub fn lacks_secrets(&self) -> bool {
        self.secrets().is_none()
    }

    /// Starts the verification of a body that arrives in parts. Returns `None` if no secrets are set.
    #[cfg(feature = "axum")]
    pub(super) fn verifier(&self, signature: &str) -> Option<Verifier> {
        self.secrets().map(|secrets| Verifier::new(&secrets, signature))
    }

    fn secrets(&self) -> Option<Arc<Secrets>> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks the delivery `raw`, and returns its meaning together with its id, the digest of its
    /// body and its arrival time `now`.
    ///
    /// # Errors
    /// The [`Rejection`] of the first check that fails. The checks follow this order (spec: W3):
    /// size of the body, required headers, presence of secrets, signature, encoding and type of the
    /// body, payload.
    pub fn receive(&self, raw: &RawDelivery<'_>, now: Timestamp) -> Result<Received, Rejection> {
        let (id, meaning) = self.checked(raw)?;
        let delivery =
            || Delivery { id, body_sha256: Sha256::digest(raw.body).into(), received_at: now };
        Ok(match meaning {
            Meaning::Ping => Received::Ping,
            Meaning::Event(event) => Received::Event { delivery: delivery(), event },
            Meaning::Ignored(reason) => Received::Ignored { delivery: delivery(), reason },
        })
    }

    /// Checks the delivery `raw`, and returns only its meaning. Unlike [`receive`](Self::receive),
    /// this method does not compute the digest of the body, because that computation takes as long
    /// as the check of the signature.
    ///
    /// # Errors
    /// The errors of [`receive`](Self::receive).
    pub fn meaning(&self, raw: &RawDelivery<'_>) -> Result<Meaning, Rejection> {
        self.checked(raw).map(|(_, meaning)| meaning)
    }

    fn checked(&self, raw: &RawDelivery<'_>) -> Result<(DeliveryId, Meaning), Rejection> {
        if raw.body.len() > MAX_BODY {
            return Err(Rejection::TooLarge);
        }
        let (event, id, signature) = raw.headers()?;
        let secrets = self.secrets().ok_or(Rejection::NotConfigured)?;
        if !verify(&secrets, raw.body, signature) {
            return Err(Rejection::Signature);
        }
        let json = json_text(raw)?;
        Ok((id, meaning_of(event, &json, &self.host)?))
    }
}

/// Returns the meaning of an event with the name `event` and the payload `json`. `host` becomes the
/// host of its repository.
fn meaning_of(event: &str, json: &str, host: &str) -> Result<Meaning, Rejection> {
    if event == "ping" {
        return Ok(payload::action(json).map(|_| Meaning::Ping)?);
    }
    Ok(match payload::issue_event(event, json, host)? {
        Classified::Relevant(event) => Meaning::Event(event),
        Classified::Irrelevant(reason) => Meaning::Ignored(reason),
    })
}

/// Checks a delivery from GitHub's log of deliveries, and returns its meaning. `raw` has the headers
/// that GitHub sent, and as its body the payload `json` of the log. `host` becomes the host of the
/// repository.
///
/// The checks are those of [`Webhook::receive`], in the same order, except that of the signature: the
/// log comes from GitHub's API, over TLS, and only to the holder of the App's key. GitHub shows a
/// payload as JSON, also if it was sent as a form (spec: W8c).
///
/// # Errors
/// The [`Rejection`] of the first check that fails.
pub(crate) fn logged(
    raw: &RawDelivery<'_>,
    json: &str,
    host: &str,
) -> Result<(DeliveryId, Meaning), Rejection> {
    if raw.body.len() > MAX_BODY {
        return Err(Rejection::TooLarge);
    }
    let (event, id, _) = raw.headers()?;
    check_encoding(raw)?;
    check_media_type(raw)?;
    Ok((id, meaning_of(event, json, host)?))
}

/// Returns the JSON text in the body of `raw`. GitHub sends the text as the whole body, or as the
/// field `payload` of a form, depending on the webhook's content type (GitHub docs, "Creating
/// webhooks": content type).
fn json_text<'a>(raw: &RawDelivery<'a>) -> Result<std::borrow::Cow<'a, str>, Rejection> {
    check_encoding(raw)?;
    let text = |bytes: &'a [u8]| {
        std::str::from_utf8(bytes)
            .map_err(|_| Rejection::Malformed("the body is not UTF-8".to_owned()))
    };
    if check_media_type(raw)? == MediaType::Json {
        return text(raw.body).map(Into::into);
    }
    let mut payloads = url::form_urlencoded::parse(text(raw.body)?.as_bytes())
        .filter_map(|(key, value)| (key == "payload").then_some(value));
    match (payloads.next(), payloads.next()) {
        (Some(payload), None) => Ok(payload),
        _ => Err(Rejection::Malformed("the form must have exactly one field `payload`".to_owned())),
    }
}

/// The form of a delivery's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MediaType {
    Json,
    Form,
}

fn check_encoding(raw: &RawDelivery<'_>) -> Result<(), Rejection> {
    match raw.content_encoding {
        Some(encoding) if !encoding.trim().eq_ignore_ascii_case("identity") => {
            Err(Rejection::MediaType(
                "the Content-Encoding of the delivery is not supported: send the body uncompressed",
            ))
        }
        _ => Ok(()),
    }
}

fn check_media_type(raw: &RawDelivery<'_>) -> Result<MediaType, Rejection> {
    let media_type = raw.content_type.unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(MediaType::Json);
    }
    if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(MediaType::Form);
    }
    Err(Rejection::MediaType(
        "the content type must be application/json or application/x-www-form-urlencoded",
    ))
}
