//! What nobody wants of a request's body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use ccc_core::{Clock, SystemClock};
use futures_util::StreamExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;

#[cfg(test)]
mod tests;

/// For how long it is read, and how many bytes: more than any body may have that is taken here.
const WITHIN: Duration = Duration::from_secs(5);
const MOST: usize = 32 << 20;

/// Has what its handler leaves of the body read and thrown away. A connection that is closed with bytes unread is
/// reset, and then the other side may never see why it was refused (spec: W1e; RFC 9112, 9.6).
pub(super) fn read_to_the_end(request: Request) -> Request {
    let waits = request.headers().contains_key(header::EXPECT);
    request.map(|body| Body::new(Wanted { body: Some(body), waits }))
}

/// A body for as long as somebody wants it.
struct Wanted {
    /// None when it is at its end.
    body: Option<Body>,
    /// Whether the other side waits to be asked for it, and sends nothing when it is not. Who reads it asks.
    waits: bool,
}

impl HttpBody for Wanted {
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

impl Drop for Wanted {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !self.waits && !body.is_end_stream());
        // There is none when the program ends, and nothing is to be read any more.
        if let (Some(body), Ok(runtime)) = (body, Handle::try_current()) {
            runtime.spawn(discard(body));
        }
    }
}

async fn discard(body: Body) {
    let mut chunks = body.into_data_stream();
    let all = async {
        let mut left = MOST;
        while let Some(Ok(chunk)) = chunks.next().await
            && let Some(less) = left.checked_sub(chunk.len())
        {
            left = less;
        }
    };
    tokio::select! {
        () = all => {}
        () = SystemClock.sleep(WITHIN) => {}
    }
}
