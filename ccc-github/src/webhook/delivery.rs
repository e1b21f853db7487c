//! Webhook deliveries, before and after the verification of their signatures.

use ccc_core::DeliveryId;
use ccc_core::event::{Delivery, IssueEvent};
use http::HeaderMap;

use crate::webhook::rejection::Rejection;

/// The maximum size of a delivery's body, in bytes. GitHub does not send larger payloads (GitHub
/// docs, "Webhook events and payloads"; spec: W1a).
pub const MAX_BODY: usize = 25 * 1024 * 1024;

/// A received webhook delivery whose signature is not checked yet.
///
/// [`new`](Self::new) sets the field of a header to `None` if the header is missing, repeated or
/// not text. Exceptions are documented at the fields.
#[derive(Clone)]
#[non_exhaustive]
pub struct RawDelivery<'a> {
    /// The value of the header `X-GitHub-Event`: the name of the event, such as `issues`.
    pub event: Option<&'a str>,
    /// The value of the header `X-GitHub-Delivery`: the id of the delivery.
    pub delivery: Option<&'a str>,
    /// All values of the header `X-Hub-Signature-256`, in order. A value that is not text becomes
    /// an empty string. A genuine delivery has exactly one value.
    pub signatures: Vec<&'a str>,
    /// The value of the header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The value of the header `Content-Encoding`, or `?` if the header is repeated or not text.
    /// Only a missing header is `None`, because `None` means that the body is not encoded.
    pub content_encoding: Option<&'a str>,
    /// The bytes of the body as received, without any decoding.
    pub body: &'a [u8],
}

impl<'a> RawDelivery<'a> {
    /// Creates a delivery from the headers and the raw body of an HTTP request.
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
            // A repeated or unreadable encoding must not count as a missing one, so it becomes `?`,
            // which is not a supported encoding.
            content_encoding: headers
                .contains_key("content-encoding")
                .then(|| one("content-encoding").unwrap_or("?")),
            body,
        }
    }

    /// Creates a delivery with the body `body` and without headers. The methods `with_…` add
    /// headers.
    #[must_use]
    pub fn from_body(body: &'a [u8]) -> Self {
        let (event, delivery, content_type, content_encoding) = (None, None, None, None);
        Self { event, delivery, signatures: Vec::new(), content_type, content_encoding, body }
    }

    /// Sets the value of the header `X-GitHub-Event`, the name of the event.
    #[must_use]
    pub fn with_event(mut self, event: &'a str) -> Self {
        self.event = Some(event);
        self
    }

    /// Sets the value of the header `X-GitHub-Delivery`, the id of the delivery.
    #[must_use]
    pub fn with_delivery(mut self, delivery: &'a str) -> Self {
        self.delivery = Some(delivery);
        self
    }

    /// Adds a value of the header `X-Hub-Signature-256`. A delivery with several values is
    /// rejected.
    #[must_use]
    pub fn with_signature(mut self, signature: &'a str) -> Self {
        self.signatures.push(signature);
        self
    }

    /// Sets the value of the header `Content-Type`, such as `application/json`.
    #[must_use]
    pub fn with_content_type(mut self, media_type: &'a str) -> Self {
        self.content_type = Some(media_type);
        self
    }

    /// Sets the value of the header `Content-Encoding`. Only `identity` is accepted.
    #[must_use]
    pub fn with_content_encoding(mut self, encoding: &'a str) -> Self {
        self.content_encoding = Some(encoding);
        self
    }

    /// Replaces the body. The headers, including the signature, stay unchanged.
    #[must_use]
    pub fn with_body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// Checks that the headers `X-GitHub-Event`, `X-GitHub-Delivery` and `X-Hub-Signature-256` are
    /// present and well-formed. The body is not used, so this check is possible before the body is
    /// read.
    ///
    /// # Errors
    /// [`Rejection::Header`] with the name of the first header that is missing, repeated or
    /// malformed.
    pub fn check_headers(&self) -> Result<(), Rejection> {
        self.headers().map(drop)
    }

    /// Returns the values of the three required headers: the event's name, the delivery's id and
    /// the signature.
    pub(super) fn headers(&self) -> Result<(&'a str, DeliveryId, &'a str), Rejection> {
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
    /// Formats the delivery without the body, which must not be logged before its signature is
    /// verified (spec: W3).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawDelivery")
            .field("event", &self.event)
            .field("delivery", &self.delivery)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The meaning of a delivery whose signature is valid. Each variant except [`Ping`](Self::Ping)
/// contains the delivery's id, the digest of its body, and the time of its arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A `ping`, with which GitHub tests the webhook address.
    Ping,
    /// An issue event that can start a run.
    Event {
        /// The delivery's id, the digest of its body, and the time of its arrival.
        delivery: Delivery,
        /// The issue event that the payload contains.
        event: Box<IssueEvent>,
    },
    /// An event that starts no run.
    Ignored {
        /// The delivery's id, the digest of its body, and the time of its arrival.
        delivery: Delivery,
        /// The reason, as [`Meaning::Ignored`] lists it.
        reason: &'static str,
    },
}

/// The meaning of a delivery whose signature is valid. Unlike [`Received`], this type does not
/// contain the delivery's id, the digest of its body, or the time of its arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A `ping`, with which GitHub tests the webhook address.
    Ping,
    /// An issue event that can start a run.
    Event(Box<IssueEvent>),
    /// An event that starts no run. The value is the reason:
    ///
    /// - `event`: events with this name start no runs.
    /// - `action`: events with this action start no runs.
    /// - `pull request`: the issue is a pull request.
    /// - `transferred issue`: the issue came from another repository.
    /// - `not the author`: another account than the sender wrote the comment.
    Ignored(&'static str),
}
