//! The body of a delivery as a form.

use ccc_github::webhook::Rejection;

use crate::deliveries::meaning;

/// Checks that a form has the same meaning as the JSON in its only field `payload`, and that any
/// other form is refused. The input is the body.
pub(crate) fn run(body: &[u8]) {
    let found = meaning("issues", "application/x-www-form-urlencoded", body);
    match payload(body) {
        Some(json) => {
            assert!(json.len() <= 3 * body.len());
            assert_eq!(found, meaning("issues", "application/json", json.as_bytes()));
        }
        None => assert!(matches!(found, Err(Rejection::Malformed(_))), "{found:?}"),
    }
}

/// Returns the only field `payload` of the form `body`.
/// <https://url.spec.whatwg.org/#urlencoded-parsing> defines the form.
fn payload(body: &[u8]) -> Option<String> {
    std::str::from_utf8(body).ok()?;
    let fields = body.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    let mut payloads = fields.filter_map(|field| {
        let mut parts = field.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next()?, parts.next().unwrap_or_default());
        (decoded(name) == "payload").then(|| decoded(value))
    });
    payloads.next().filter(|_| payloads.next().is_none())
}

fn decoded(part: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part;
    while let [byte, after @ ..] = rest {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let code = if *byte == b'%' { digit(0).zip(digit(1)) } else { None };
        rest = match code {
            Some((high, low)) => {
                bytes.extend(u8::try_from(16 * high + low));
                &after[2..]
            }
            None => {
                bytes.push(if *byte == b'+' { b' ' } else { *byte });
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
