//! The routes of the Worker.

use ccc_core::Clock as _;
use ccc_store::durable_object::{
    DATE_HEADER, MAX_MESSAGE_BYTES, MessageAuthenticator, NONCE_HEADER, SIGNATURE_HEADER,
};
use worker::{Context, Env, Method, Request, Response, Result, event};

use crate::clock::WorkerClock;
use crate::config_route::config;
use crate::credentials::OWN_OBJECT;
use crate::object_channel::post;
use crate::secret::secret;

#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    let path = request.path();
    match (request.method(), path.as_str()) {
        (Method::Get, "/health") => Response::from_json(&serde_json::json!({ "ok": true })),
        (_, "/config") => config(request, &env).await,
        (Method::Post, path) if let Some(name) = path.strip_prefix("/credentials/") => {
            forward(name.to_owned(), request, &env).await
        }
        _ => Response::error("the Worker has no route with this path and method", 404),
    }
}

/// Verifies the signature of a message that a client sent to the Worker, and forwards the message
/// to the Durable Object with the name `name`.
async fn forward(name: String, mut request: Request, env: &Env) -> Result<Response> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Response::error(
            "the name of a credential store must consist of 1 to 64 lower-case letters, digits and hyphens",
            404,
        );
    }
    if name == OWN_OBJECT {
        return Response::error(
            "the name `worker` is reserved for the Worker's own credential store",
            404,
        );
    }
    let header = |name| request.headers().get(name).ok().flatten();
    let headers = [DATE_HEADER, NONCE_HEADER, SIGNATURE_HEADER].map(|name| (name, header(name)));
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
    // Every client knows the length of its message. A message without a length is therefore
    // refused, and is not read.
    if length.is_none_or(|length| length > MAX_MESSAGE_BYTES) {
        return Response::error("the message has no Content-Length, or is larger than 6 MiB", 413);
    }
    let message = request.bytes().await?;
    let secret = secret(env, "CREDENTIALS_SECRET");
    let authenticator = secret.and_then(|secret| MessageAuthenticator::new(&secret).ok());
    let Some(authenticator) = authenticator else {
        return Response::error(
            "the Worker has no secret CREDENTIALS_SECRET of at least 32 characters: set it with `npx wrangler secret put CREDENTIALS_SECRET`",
            500,
        );
    };
    let header = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| *name == wanted);
        found.and_then(|(_, value)| value.as_deref())
    };
    let now = WorkerClock.now();
    if let Err(error) = authenticator.verify(&request.path(), header, &message, now) {
        return Response::error(error.to_string(), 401);
    }
    let mut passed = post(message)?;
    for name in [DATE_HEADER, NONCE_HEADER] {
        passed.headers_mut()?.set(name, header(name).unwrap_or_default())?;
    }
    let object = env.durable_object("CREDENTIALS")?.get_by_name(&name)?;
    object.fetch_with_request(passed).await
}
