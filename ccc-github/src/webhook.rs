//! Webhook deliveries: whether GitHub sent them, and what they mean.

use std::sync::{Arc, PoisonError, RwLock};

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::{DeliveryId, Error, ErrorKind, Result, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::payload;

#[cfg(test)]
mod tests;

/// The largest body that GitHub sends, in bytes: a larger event is not delivered at all
/// (GitHub docs, "Webhook events and payloads"; spec: W1a).
pub const MAX_BODY: usize = 25 * 1024 * 1024;

/// The secrets that a delivery may be signed with: the present one, and while it is being replaced
/// the one or two before it (spec: W2c).
#[derive(Clone, Debug)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Takes one to three secrets.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for none, more than three, or an empty one: anybody can sign with
    /// an empty secret.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self> {
        let secrets: Vec<_> = secrets.into_iter().collect();
        if !(1..=3).contains(&secrets.len()) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{} webhook secrets: give the present one, and at most two former ones",
                    secrets.len()
                ),
            ));
        }
        if secrets.iter().any(|secret| secret.expose().is_empty()) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "a webhook secret is empty: set the one from the GitHub App's settings page",
            ));
        }
        Ok(Self(secrets))
    }
}

/// Whether `signature`, the value of `X-Hub-Signature-256`, was made from exactly these bytes with
/// one of the secrets (GitHub docs, "Validating webhook deliveries"; spec: W2a).
///
/// Takes the same time whichever secret fits, or none: every one is tried, and compared in constant
/// time.
#[must_use]
pub fn verify(secrets: &Secrets, body: &[u8], signature: &str) -> bool {
    let Some(digits) = signature.strip_prefix("sha256=") else {
        return false;
    };
    let mut claimed = [0_u8; 32];
    if hex::decode_to_slice(digits, &mut claimed).is_err() {
        return false;
    }
    let mut genuine = false;
    for secret in &secrets.0 {
        // A key of any length is fine for HMAC; the error type exists for other algorithms.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose()) {
            mac.update(body);
            genuine |= mac.verify_slice(&claimed).is_ok();
        }
    }
    genuine
}

/// What came over the wire, before anything in it is believed.
///
/// A header that was missing, repeated or not text is `None`.
#[derive(Clone)]
pub struct RawDelivery<'a> {
    /// `X-GitHub-Event`.
    pub event: Option<&'a str>,
    /// `X-GitHub-Delivery`.
    pub delivery: Option<&'a str>,
    /// Every value of `X-Hub-Signature-256`, in order; one that is not text as the empty string.
    pub signatures: Vec<&'a str>,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// The bytes as they were received, not decoded in any way.
    pub body: &'a [u8],
}

impl<'a> RawDelivery<'a> {
    /// Picks the headers out.
    #[must_use]
    pub fn new(headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        let one = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let value = values.next()?.to_str().ok()?;
            values.next().is_none().then_some(value)
        };
        Self {
            event: one("x-github-event"),
            delivery: one("x-github-delivery"),
            signatures: headers
                .get_all("x-hub-signature-256")
                .iter()
                .map(|value| value.to_str().unwrap_or_default())
                .collect(),
            content_type: one("content-type"),
            // A repeated or unreadable one must not pass for none.
            content_encoding: headers
                .contains_key("content-encoding")
                .then(|| one("content-encoding").unwrap_or("?")),
            body,
        }
    }

    /// Whether the headers that every delivery has are there, before anything of the body is.
    ///
    /// # Errors
    /// [`Rejection::Header`] names the one that is missing, doubled or malformed.
    pub fn check_headers(&self) -> Result<(), Rejection> {
        self.headers().map(drop)
    }

    fn headers(&self) -> Result<(&'a str, DeliveryId, &'a str), Rejection> {
        let event = self.event.ok_or(Rejection::Header("X-GitHub-Event"))?;
        let id = self
            .delivery
            .and_then(|id| DeliveryId::new(id).ok())
            .ok_or(Rejection::Header("X-GitHub-Delivery"))?;
        let [signature] = self.signatures[..] else {
            return Err(Rejection::Header("X-Hub-Signature-256"));
        };
        Ok((event, id, signature))
    }
}

impl std::fmt::Debug for RawDelivery<'_> {
    /// Leaves the body out: it is not to be logged before its signature has passed (spec: W3).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawDelivery")
            .field("event", &self.event)
            .field("delivery", &self.delivery)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What a genuine delivery means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// GitHub tries the address out.
    Ping,
    /// Somebody did something to an issue.
    Event {
        /// Which POST it was.
        delivery: Delivery,
        /// What happened.
        event: Box<IssueEvent>,
    },
    /// Genuine, and nothing that we act on.
    Ignored {
        /// Which POST it was.
        delivery: Delivery,
        /// Why it is ignored.
        reason: &'static str,
    },
}

/// What a genuine delivery means, whichever POST it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// GitHub tries the address out.
    Ping,
    /// Somebody did something to an issue.
    Event(Box<IssueEvent>),
    /// Nothing that we act on; why it is ignored.
    Ignored(&'static str),
}

/// Why a delivery is refused. Says nothing of the body unless the signature has passed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A header is missing, repeated or unreadable.
    #[error("missing, repeated or unreadable header {0}")]
    Header(&'static str),
    /// The signature is malformed, or made with another secret or over other bytes.
    #[error("bad signature: is the webhook secret the one of the GitHub App's settings page?")]
    Signature,
    /// A body in a form that we do not read.
    #[error("{0}")]
    MediaType(&'static str),
    /// Signed, and not what GitHub documents.
    #[error("malformed payload: {0}")]
    Malformed(String),
    /// More than [`MAX_BODY`].
    #[error("the body is larger than 25 MiB")]
    TooLarge,
    /// There is no secret yet to check it with.
    #[error("no GitHub App is configured here yet: send it again later")]
    Waiting,
}

impl Rejection {
    /// The HTTP status to answer with (spec: W4a).
    #[must_use]
    pub fn status(&self) -> http::StatusCode {
        match self {
            Self::Header(_) | Self::Malformed(_) => http::StatusCode::BAD_REQUEST,
            Self::Signature => http::StatusCode::UNAUTHORIZED,
            Self::MediaType(_) => http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::Waiting => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Turns deliveries into events. Does no I/O: safe to share, and a clone is the same one.
#[derive(Clone, Debug)]
pub struct Webhook {
    secrets: Arc<RwLock<Option<Arc<Secrets>>>>,
    host: String,
}

impl Webhook {
    /// `host` is what [`RepoRef::host`](ccc_core::event::RepoRef::host) of every event will say, such
    /// as `github.com`: the operator's word, never the payload's (spec: G8a). Take
    /// [`GitHub::host`](crate::GitHub::host).
    #[must_use]
    pub fn new(secrets: Secrets, host: impl Into<String>) -> Self {
        let webhook = Self::waiting(host);
        webhook.use_secrets(Some(secrets));
        webhook
    }

    /// One that takes nothing until [`use_secrets`](Self::use_secrets).
    #[must_use]
    pub fn waiting(host: impl Into<String>) -> Self {
        Self { secrets: Arc::default(), host: host.into() }
    }

    /// From the next delivery on these are the secrets; with none, deliveries are put off.
    pub fn use_secrets(&self, secrets: Option<Secrets>) {
        let secrets = secrets.map(Arc::new);
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.secrets().is_none()
    }

    fn secrets(&self) -> Option<Arc<Secrets>> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks one delivery and says what it means, and which POST it was; `now` is when it came.
    ///
    /// # Errors
    /// The [`Rejection`], which knows its HTTP status. The order of the checks is that of spec: W3.
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

    /// The same for those who keep nothing of a delivery: the POST gets no digest, which costs as much
    /// as the signature.
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive).
    pub fn meaning(&self, raw: &RawDelivery<'_>) -> Result<Meaning, Rejection> {
        self.checked(raw).map(|(_, meaning)| meaning)
    }

    fn checked(&self, raw: &RawDelivery<'_>) -> Result<(DeliveryId, Meaning), Rejection> {
        if raw.body.len() > MAX_BODY {
            return Err(Rejection::TooLarge);
        }
        let (event, id, signature) = raw.headers()?;
        let secrets = self.secrets().ok_or(Rejection::Waiting)?;
        if !verify(&secrets, raw.body, signature) {
            return Err(Rejection::Signature);
        }
        let json = json_text(raw)?;
        let meaning = if event == "ping" {
            payload::action(&json).map(|_| Meaning::Ping)?
        } else {
            match payload::issue_event(event, &json, &self.host)? {
                Ok(event) => Meaning::Event(Box::new(event)),
                Err(reason) => Meaning::Ignored(reason),
            }
        };
        Ok((id, meaning))
    }
}

/// The JSON of the body, out of the form that GitHub may wrap it in (GitHub docs, "Creating
/// webhooks": content type).
fn json_text<'a>(raw: &RawDelivery<'a>) -> Result<std::borrow::Cow<'a, str>, Rejection> {
    if raw
        .content_encoding
        .is_some_and(|encoding| !encoding.trim().eq_ignore_ascii_case("identity"))
    {
        return Err(Rejection::MediaType("compressed bodies are not read"));
    }
    let text = |bytes: &'a [u8]| {
        std::str::from_utf8(bytes).map_err(|_| Rejection::Malformed("not UTF-8".to_owned()))
    };
    let media_type = raw.content_type.unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return text(raw.body).map(Into::into);
    }
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Rejection::MediaType(
            "the content type must be application/json or application/x-www-form-urlencoded",
        ));
    }
    let mut payloads = url::form_urlencoded::parse(text(raw.body)?.as_bytes())
        .filter_map(|(key, value)| (key == "payload").then_some(value));
    match (payloads.next(), payloads.next()) {
        (Some(payload), None) => Ok(payload),
        _ => Err(Rejection::Malformed("the form must have one field `payload`".to_owned())),
    }
}
