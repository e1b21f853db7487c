//! Deliveries, before and after their verification.

use ccc_core::DeliveryId;
use ccc_core::event::{Delivery, IssueEvent};
use http::HeaderMap;

use crate::webhook::rejection::Rejection;

/// The maximum size of a body, in bytes. GitHub does not deliver larger events (GitHub docs,
/// "Webhook events and payloads"; spec: W1a).
pub const MAX_BODY: usize = 25 * 1024 * 1024;

/// A received delivery whose signature is not checked yet.
///
/// A header that is missing, repeated or not text is `None`.
#[derive(Clone)]
#[non_exhaustive]
pub struct RawDelivery<'a> {
    /// The value of the header `X-GitHub-Event`.
    pub event: Option<&'a str>,
    /// The value of the header `X-GitHub-Delivery`.
    pub delivery: Option<&'a str>,
    /// All values of the header `X-Hub-Signature-256`, in order. A value that is not text is an
    /// empty string.
    pub signatures: Vec<&'a str>,
    /// The value of the header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The value of the header `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// The bytes of the body as received, without any decoding.
    pub body: &'a [u8],
}

impl<'a> RawDelivery<'a> {
    /// Creates a delivery from the headers and the body of a request.
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
            // A repeated or unreadable encoding must not count as a missing one, so it becomes `?`.
            content_encoding: headers
                .contains_key("content-encoding")
                .then(|| one("content-encoding").unwrap_or("?")),
            body,
        }
    }

    /// Creates a delivery without headers.
    #[must_use]
    pub fn from_body(body: &'a [u8]) -> Self {
        let (event, delivery, content_type, content_encoding) = (None, None, None, None);
        Self { event, delivery, signatures: Vec::new(), content_type, content_encoding, body }
    }

    /// Sets the value of `X-GitHub-Event`.
    #[must_use]
    pub fn with_event(mut self, event: &'a str) -> Self {
        self.event = Some(event);
        self
    }

    /// Sets the value of `X-GitHub-Delivery`.
    #[must_use]
    pub fn with_delivery(mut self, delivery: &'a str) -> Self {
        self.delivery = Some(delivery);
        self
    }

    /// Adds a value of `X-Hub-Signature-256`.
    #[must_use]
    pub fn with_signature(mut self, signature: &'a str) -> Self {
        self.signatures.push(signature);
        self
    }

    /// Sets the value of `Content-Type`.
    #[must_use]
    pub fn with_content_type(mut self, media_type: &'a str) -> Self {
        self.content_type = Some(media_type);
        self
    }

    /// Sets the value of `Content-Encoding`.
    #[must_use]
    pub fn with_content_encoding(mut self, encoding: &'a str) -> Self {
        self.content_encoding = Some(encoding);
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn with_body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// Checks the headers that each delivery must have. It does not use the body.
    ///
    /// # Errors
    /// [`Rejection::Header`] with the name of a header that is missing, repeated or malformed.
    pub fn check_headers(&self) -> Result<(), Rejection> {
        self.headers().map(drop)
    }

    /// Returns the event's name, the delivery's id and the signature.
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
    /// Omits the body, which must not be logged before its signature is verified (spec: W3).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawDelivery")
            .field("event", &self.event)
            .field("delivery", &self.delivery)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The meaning of a genuine delivery, with its id, digest and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// GitHub's test of the webhook address.
    Ping,
    /// An event of an issue that can start a run.
    Event {
        /// The delivery's id, the digest of its body, and the time of its arrival.
        delivery: Delivery,
        /// The event.
        event: Box<IssueEvent>,
    },
    /// An event that starts no run.
    Ignored {
        /// The delivery's id, the digest of its body, and the time of its arrival.
        delivery: Delivery,
        /// The part of the delivery that makes the event irrelevant, such as `event` or `action`.
        reason: &'static str,
    },
}

/// The meaning of a genuine delivery, without its id, digest and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// GitHub's test of the webhook address.
    Ping,
    /// An event of an issue that can start a run.
    Event(Box<IssueEvent>),
    /// An event that starts no run, with the part that makes it irrelevant, such as `action`.
    Ignored(&'static str),
}
