//! The API's count of a request's input tokens.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::proxy::response_body::read_response;
use crate::model::proxy::state::{Gate, Shared};

/// Time limit for one count. Other requests of the run wait meanwhile.
const COUNT_WITHIN: Duration = Duration::from_secs(30);
/// Maximum length of the response, in bytes.
const MAX_RESPONSE: usize = 64 << 10;

/// The fields of a request whose tokens the API counts.
#[derive(Debug, Deserialize, Serialize)]
struct Counted<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
    #[serde(borrow)]
    messages: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    system: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    tools: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Count {
    input_tokens: u64,
}

/// Asks the API for the number of input tokens of the request with this body. `headers` and `query`
/// are those of the request. Each byte of a field that is not counted adds a token to the result,
/// because the API can charge for such a field too. Returns `None` if the API returns no count.
pub(crate) async fn count_tokens(
    shared: &Shared,
    gate: &Gate,
    headers: &HeaderMap,
    query: Option<&str>,
    body: Bytes,
) -> Option<u64> {
    let counted = async {
        let split = tokio::task::spawn_blocking(move || counted_fields(&body));
        let (body, uncounted) = split.await.ok()??;
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("/v1/messages/count_tokens{query}");
        let sent = shared.upstream.send(Method::POST, &path, headers, body, &gate.credential);
        let response = sent.await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let body = read_response(shared, response, MAX_RESPONSE).await.ok()?;
        let count: Count = serde_json::from_slice(&body).ok()?;
        Some(count.input_tokens.saturating_add(uncounted))
    };
    tokio::select! {
        biased;
        count = counted => count,
        () = shared.clock.sleep(COUNT_WITHIN) => None,
    }
}

/// Returns a body with those fields of `body` whose tokens the API counts, and the number of bytes in
/// all other fields.
fn counted_fields(body: &[u8]) -> Option<(Bytes, u64)> {
    let fields: Counted<'_> = serde_json::from_slice(body).ok()?;
    let counted = serde_json::to_vec(&fields).ok()?;
    let uncounted = body.len().saturating_sub(counted.len()) as u64;
    Some((counted.into(), uncounted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::proxy::harmless_fields::HARMLESS_FIELDS;

    #[test]
    fn a_field_that_is_not_counted_adds_its_bytes() {
        // spec: X3d
        let large = "x".repeat(10_000);
        for field in HARMLESS_FIELDS.iter().chain(&["system", "tools", "anything"]) {
            let body = format!(r#"{{"model":"m","messages":[],"{field}":"{large}"}}"#);
            let (sent, uncounted) = counted_fields(body.as_bytes()).unwrap_or_default();
            let in_count = String::from_utf8_lossy(&sent).contains(&large);
            assert_eq!(uncounted >= 10_000, !in_count, "{field}: {uncounted}");
        }
    }

    #[test]
    fn only_the_fields_that_determine_the_count_are_sent() {
        // spec: X3d
        for (body, expected) in [
            (
                r#"{"model":"m","max_tokens":1,"stream":true,"messages":[{"a" : 1}],"metadata":{}}"#,
                Some(r#"{"model":"m","messages":[{"a" : 1}]}"#),
            ),
            (
                r#"{"thinking":{"b":2},"tools":[],"tool_choice":{},"system":"s","messages":[],"model":"m"}"#,
                Some(
                    r#"{"model":"m","messages":[],"system":"s","tools":[],"tool_choice":{},"thinking":{"b":2}}"#,
                ),
            ),
            (r#"{"model":"m","messages":[],"thinking":1,"thinking":2}"#, None),
            (r#"{"model":"m"}"#, None),
            ("[]", None),
            ("", None),
        ] {
            let sent = counted_fields(body.as_bytes()).map(|(sent, _)| sent);
            assert_eq!(sent.as_deref(), expected.map(str::as_bytes), "{body}");
        }
    }
}
