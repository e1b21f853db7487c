//! One request of a connection and its response, as the places of the server count them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::http::places::Place;

/// A request and its response. The exchange ends when its last reference is dropped.
#[derive(Debug)]
pub(super) struct Exchange(Arc<Place>);

impl Exchange {
    pub(super) fn new(place: &Arc<Place>) -> Arc<Self> {
        Arc::new(Self(Arc::clone(place)))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct RequestBody<B>(B, Arc<Exchange>);

impl<B: HttpBody> RequestBody<B> {
    pub(super) fn new(body: B, exchange: &Arc<Exchange>) -> Self {
        if body.is_end_stream() {
            exchange.0.body_arrived();
        }
        Self(body, Arc::clone(exchange))
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.0).poll_frame(context));
        if frame.is_none() || self.0.is_end_stream() {
            self.1.0.body_arrived();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// The body of a response. The exchange does not end before the body was sent.
#[derive(Debug)]
pub(super) struct ResponseBody<B> {
    body: B,
    _exchange: Arc<Exchange>,
}

impl<B> ResponseBody<B> {
    pub(super) fn new(body: B, exchange: Arc<Exchange>) -> Self {
        Self { body, _exchange: exchange }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
