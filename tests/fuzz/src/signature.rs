//! The header with the signature of a delivery.

use ccc_github::http_types::{HeaderMap, HeaderValue};
use ccc_github::webhook::{RawDelivery, Rejection, verify};

use crate::deliveries::{ID, SECRETS, WEBHOOK, digits};

/// Checks that a signature is accepted if and only if it consists of `sha256=` and the digits of
/// the body's HMAC.
///
/// The first line of the input is the header, and the rest is the body. `{}` in the header stands
/// for the valid digits, because the engine cannot compute them.
pub(crate) fn run(data: &[u8]) {
    let (header, body) = split_line(data);
    let valid = digits(body);
    let header = String::from_utf8_lossy(header).replace("{}", &valid);
    let expected =
        header.strip_prefix("sha256=").is_some_and(|digits| digits.eq_ignore_ascii_case(&valid));
    assert_eq!(verify(&SECRETS, body, &header), expected);

    // The same header in an HTTP request.
    let Ok(value) = HeaderValue::from_bytes(header.as_bytes()) else { return };
    let mut headers = HeaderMap::new();
    headers.insert("x-github-event", HeaderValue::from_static("ping"));
    headers.insert("x-github-delivery", HeaderValue::from_static(ID));
    headers.insert("x-hub-signature-256", value.clone());
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let found = WEBHOOK.meaning(&RawDelivery::new(&headers, body));
    assert_eq!(found != Err(Rejection::Signature), expected, "{found:?}");
    headers.append("x-hub-signature-256", value);
    let found = WEBHOOK.meaning(&RawDelivery::new(&headers, body));
    assert_eq!(found, Err(Rejection::Header("X-Hub-Signature-256")));
}

/// Splits `data` after its first line. Neither part contains the line break.
pub(crate) fn split_line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}
