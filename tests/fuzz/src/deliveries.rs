//! Signed webhook deliveries.

use std::sync::LazyLock;

use ccc_core::Secret;
use ccc_github::webhook::{Meaning, RawDelivery, Rejection, Secrets, Webhook};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The host of all repositories in events.
pub(crate) const HOST: &str = "github.example";
/// The id of all deliveries.
pub(crate) const ID: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

const SECRET: &str = "It's a Secret to Everybody";

pub(crate) static SECRETS: LazyLock<Secrets> =
    LazyLock::new(|| Secrets::new([Secret::from("the new one"), Secret::from(SECRET)]).unwrap());

pub(crate) static WEBHOOK: LazyLock<Webhook> =
    LazyLock::new(|| Webhook::new(SECRETS.clone(), HOST));

/// Returns the hex digits of the signature of `body`.
pub(crate) fn digits(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// Returns the meaning of a delivery with a valid signature.
pub(crate) fn meaning(event: &str, media_type: &str, body: &[u8]) -> Result<Meaning, Rejection> {
    let signature = format!("sha256={}", digits(body));
    let delivery = RawDelivery::from_body(body)
        .with_event(event)
        .with_delivery(ID)
        .with_signature(&signature)
        .with_content_type(media_type);
    let meaning = WEBHOOK.meaning(&delivery);
    assert_ne!(meaning, Err(Rejection::Signature));
    if let Err(Rejection::Malformed(line)) = &meaning {
        // The line contains no part of the payload.
        assert!(line.len() < 200 && line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
    }
    meaning
}
