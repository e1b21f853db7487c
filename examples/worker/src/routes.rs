//! What the Worker answers to.

use ccc_core::Clock as _;
use ccc_store::durable_object::{DATE, Gate, MAX_ASK, NONCE, SIGNATURE};
use worker::{Context, Env, Method, Request, Response, Result, event};

use crate::bound::{OWN, WorkerClock, post, secret};
use crate::config::config;

#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    let path = request.path();
    match (request.method(), path.as_str()) {
        (Method::Get, "/health") => Response::from_json(&serde_json::json!({ "ok": true })),
        (_, "/config") => config(request, &env).await,
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
    if name == OWN {
        return Response::error("that store is the Worker's own", 404);
    }
    let header = |name| request.headers().get(name).ok().flatten();
    let headers = [DATE, NONCE, SIGNATURE].map(|name| (name, header(name)));
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
    // The client knows how long its message is: nothing is read of one that does not.
    if length.is_none_or(|length| length > MAX_ASK) {
        return Response::error("the message has no length, or is too long", 413);
    }
    let message = request.bytes().await?;
    let secret = secret(env, "CREDENTIALS_SECRET");
    let Some(gate) = secret.and_then(|secret| Gate::new(&secret).ok()) else {
        return Response::error("CREDENTIALS_SECRET has fewer than 32 characters", 500);
    };
    let header = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| *name == wanted);
        found.and_then(|(_, value)| value.as_deref())
    };
    if let Err(denied) = gate.check(&request.path(), header, &message, WorkerClock.now()) {
        return Response::error(denied.to_string(), 401);
    }
    let mut passed = post(message)?;
    for name in [DATE, NONCE] {
        passed.headers_mut()?.set(name, header(name).unwrap_or_default())?;
    }
    let object = env.durable_object("CREDENTIALS")?.get_by_name(&name)?;
    object.fetch_with_request(passed).await
}
