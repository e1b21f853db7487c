//! Draining of request bodies that the handler did not read.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use ccc_core::{Clock, SystemClock};
use futures_util::StreamExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;

use crate::http::connection_limits::{DRAIN_DEADLINE, MAX_DRAINED};

/// Wraps the body of `request`, so that the unread part of the body is read and discarded after the
/// handler has ended. If the server closed a connection with unread bytes, the operating system
/// would reset the connection. The client could then lose the response (spec: W1e; RFC 9112, 9.6).
///
/// A request whose body is already wrapped is returned unchanged. The router and the HTTP server
/// both wrap bodies, and two wrappers would double the limits.
pub(crate) fn drain_body(mut request: Request) -> Request {
    if request.extensions_mut().insert(Wrapped).is_some() {
        return request;
    }
    let awaits_continue = request.headers().contains_key(header::EXPECT);
    request.map(|body| Body::new(DrainedBody { body: Some(body), awaits_continue }))
}

/// The mark of a request whose body is wrapped.
#[derive(Clone)]
struct Wrapped;

/// A request body. When the value is dropped, the unread part of the body is read and discarded.
struct DrainedBody {
    /// The wrapped body, or `None` after the body has ended or a read has failed.
    body: Option<Body>,
    /// Whether the client waits for `100 Continue` before it sends the body. The server sends `100
    /// Continue` when the body is first read. Until then there is no body to discard.
    awaits_continue: bool,
}

impl HttpBody for DrainedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.awaits_continue = false;
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Drop for DrainedBody {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !self.awaits_continue && !body.is_end_stream());
        // There is no runtime when the program ends. The body is then not drained.
        if let (Some(body), Ok(runtime)) = (body, Handle::try_current()) {
            runtime.spawn(discard(body));
        }
    }
}

/// Reads and discards `body` until its end, but at most [`MAX_DRAINED`] bytes and for at most
/// [`DRAIN_DEADLINE`].
async fn discard(body: Body) {
    let mut chunks = body.into_data_stream();
    let all = async {
        let mut left = MAX_DRAINED;
        while let Some(Ok(chunk)) = chunks.next().await
            && let Some(less) = left.checked_sub(chunk.len())
        {
            left = less;
        }
    };
    tokio::select! {
        () = all => {}
        () = SystemClock.sleep(DRAIN_DEADLINE) => {}
    }
}

#[cfg(test)]
mod tests;
