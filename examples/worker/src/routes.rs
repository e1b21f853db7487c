//! What the Worker answers to.

use ccc_core::Secret;
use ccc_store::durable_object::{DATE, Gate, MAX_ASK, NONCE, SIGNATURE};
use jiff::Timestamp;
use worker::{Context, Env, Headers, Method, Request, RequestInit, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    let path = request.path();
    match (request.method(), path.as_str()) {
        (Method::Get, "/health") => Response::from_json(&serde_json::json!({ "ok": true })),
        (Method::Post, path) if let Some(name) = path.strip_prefix("/credentials/") => {
            credentials(name.to_owned(), request, &env).await
        }
        _ => Response::error("there is nothing at this path", 404),
    }
}

/// From far away to one of the objects.
async fn credentials(name: String, mut request: Request, env: &Env) -> Result<Response> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Response::error(
            "a store's name is small letters, digits and hyphens, 64 at most",
            404,
        );
    }
    let header = |name| request.headers().get(name).ok().flatten();
    let headers = [DATE, NONCE, SIGNATURE].map(|name| (name, header(name)));
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
    // The client knows how long its message is: nothing is read of one that does not.
    if length.is_none_or(|length| length > MAX_ASK) {
        return Response::error("the message has no length, or is too long", 413);
    }
    let message = request.bytes().await?;
    let secret = env.secret("CREDENTIALS_SECRET")?.to_string();
    let Ok(gate) = Gate::new(&Secret::from(secret)) else {
        return Response::error("CREDENTIALS_SECRET has fewer than 32 characters", 500);
    };
    let header = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| *name == wanted);
        found.and_then(|(_, value)| value.as_deref())
    };
    let now = i64::try_from(worker::Date::now().as_millis()).ok();
    let now = now.and_then(|now| Timestamp::from_millisecond(now).ok()).unwrap_or_default();
    if let Err(denied) = gate.check(&request.path(), header, &message, now) {
        return Response::error(denied.to_string(), 401);
    }
    let passed = Headers::new();
    for (name, value) in [(DATE, header(DATE)), (NONCE, header(NONCE))] {
        passed.set(name, value.unwrap_or_default())?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(passed).with_body(Some(message.into()));
    let object = env.durable_object("CREDENTIALS")?.get_by_name(&name)?;
    object.fetch_with_request(Request::new_with_init("https://object/", &init)?).await
}
