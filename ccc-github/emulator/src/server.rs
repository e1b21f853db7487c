//! The HTTP server: accepts connections, records requests, and dispatches them.
//!
//! `axum::serve` is not used because its services must always return a response, but a fault can
//! end a connection without a response.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use crate::auth::identify;
use crate::control_http;
use crate::failure::insert;
use crate::fault::due;
use crate::records::Call;
use crate::server::inject::Cut;
use crate::state::Inner;

mod dispatch;
mod inject;
mod rest;

/// Accepts connections at `listener` until the emulator stops. Then refuses new connections, and
/// waits until the responses to all open requests are complete.
pub(crate) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = inner.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            inner.clock.sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Small responses must not wait for acknowledgements (Nagle's algorithm).
        let _ = stream.set_nodelay(true);
        let context = Arc::clone(&inner);
        let service = service_fn(move |request| entry(Arc::clone(&context), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        inner.tasks.spawn(graceful.watch(connection));
    }
    // New connections are refused immediately instead of waiting for open requests.
    drop(listener);
    graceful.shutdown().await;
}

/// Records `request` and returns the response, with the headers `Date` and `X-GitHub-Request-Id`.
/// If an injected fault matches the request, applies the fault. Returns [`Cut`] if the fault closes
/// the connection.
async fn entry(inner: Arc<Inner>, request: Request<Incoming>) -> Result<Response, Cut> {
    let request = request.map(Body::new);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    if let Some(path) = uri.path().strip_prefix("/_emulator/") {
        return Ok(control_http::answer(&inner, path, request).await);
    }
    let caller = identify(&inner, request.headers());
    let (number, fault) = {
        let mut state = inner.state();
        let caller = caller.describe(&state);
        let number = state.record_call(Call {
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            status: None,
            caller,
            at: inner.clock.now(),
        });
        let path = uri.path().strip_prefix("/api/v3").unwrap_or(uri.path());
        let fault = due(&mut state.faults, method.as_str(), path);
        (number, fault)
    };
    let answered = dispatch::answer(&inner, &method, &uri, caller, request);
    let mut response = match fault {
        None => answered.await,
        Some(fault) => inject::inject(&inner, fault, answered).await?,
    };
    let headers = response.headers_mut();
    let date = jiff::fmt::rfc2822::DateTimePrinter::new();
    let has_date = headers.contains_key(header::DATE);
    if let Ok(date) = date.timestamp_to_rfc9110_string(&inner.clock.now())
        && !has_date
    {
        insert(headers, header::DATE, &date);
    }
    headers.insert("x-github-request-id", HeaderValue::from(number));
    inner.state().record_answer(number, response.status().as_u16());
    Ok(response)
}
