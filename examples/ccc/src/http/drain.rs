//! Drains request bodies that the handler did not read.

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

/// Arranges that the rest of the body is read and discarded after the handler. A connection that is
/// closed with unread bytes is reset, and then the client may never see the answer (spec: W1e; RFC
/// 9112, 9.6).
pub(super) fn drain_body(request: Request) -> Request {
    let waits = request.headers().contains_key(header::EXPECT);
    request.map(|body| Body::new(DrainedBody { body: Some(body), waits }))
}

/// A body whose rest is drained when it is dropped.
struct DrainedBody {
    /// The body; `None` at its end.
    body: Option<Body>,
    /// Whether the client waits for `100 Continue` before it sends the body. Reading the body sends
    /// that.
    waits: bool,
}

impl HttpBody for DrainedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
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
        let body = self.body.take().filter(|body| !self.waits && !body.is_end_stream());
        // There is no runtime when the program ends, and nothing is drained then.
        if let (Some(body), Ok(runtime)) = (body, Handle::try_current()) {
            runtime.spawn(discard(body));
        }
    }
}

/// Reads a body up to its end or the limits.
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
