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

/// The fields of a request that determine the number of its input tokens. The route that counts
/// tokens refuses the other fields.
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
/// are those of the request. Returns `None` if the API returns no count.
pub(crate) async fn count_tokens(
    shared: &Shared,
    gate: &Gate,
    headers: &HeaderMap,
    query: Option<&str>,
    body: Bytes,
) -> Option<u64> {
    let counted = async {
        let body = tokio::task::spawn_blocking(move || counted_fields(&body)).await.ok()??;
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("/v1/messages/count_tokens{query}");
        let sent = shared.upstream.send(Method::POST, &path, headers, body, &gate.credential);
        let response = sent.await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let body = read_response(shared, response, MAX_RESPONSE).await.ok()?;
        Some(serde_json::from_slice::<Count>(&body).ok()?.input_tokens)
    };
    tokio::select! {
        biased;
        count = counted => count,
        () = shared.clock.sleep(COUNT_WITHIN) => None,
    }
}

/// Returns a body with those fields of `body` that determine the number of input tokens.
fn counted_fields(body: &[u8]) -> Option<Bytes> {
    let fields: Counted<'_> = serde_json::from_slice(body).ok()?;
    serde_json::to_vec(&fields).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let sent = counted_fields(body.as_bytes());
            assert_eq!(sent.as_deref(), expected.map(str::as_bytes), "{body}");
        }
    }
}
