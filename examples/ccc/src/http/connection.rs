//! One connection: its requests are classified when their heads have arrived.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::{Json, Router};
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::json;

use crate::config::Network;
use crate::http::client_address::{Client, client_address};
use crate::http::drain::drain_body;
use crate::http::exchange::{Exchange, RequestBody, ResponseBody};
use crate::http::head_reader::BodyLength;
use crate::http::places::{Class, Peer, Place};

/// The end of the path of the webhook's route. An embedding program can mount the routes under a
/// path of its own.
const WEBHOOK: &str = "/webhook/github";

/// Returns whether the headers of a request contain the admin token.
type AdmitsAdmin = Arc<dyn Fn(&HeaderMap) -> bool + Send + Sync>;

/// The rules by which the server classifies requests.
#[derive(Clone)]
pub(crate) struct Clients {
    /// The networks whose requests may name another client.
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) admits_admin: AdmitsAdmin,
}

impl Default for Clients {
    /// Returns rules without trusted proxies and without an admin.
    fn default() -> Self {
        Self { trusted_proxies: Vec::new(), admits_admin: Arc::new(|_: &HeaderMap| false) }
    }
}

impl Clients {
    fn class(&self, head: &Parts) -> Class {
        if head.method == Method::POST && head.uri.path().ends_with(WEBHOOK) {
            Class::Delivery
        } else if (self.admits_admin)(&head.headers) {
            Class::Admin
        } else {
            Class::Other
        }
    }
}

/// The state of one connection.
pub(super) struct Connection {
    pub(super) clients: Arc<Clients>,
    pub(super) app: TowerToHyperService<Router>,
    pub(super) address: IpAddr,
    pub(super) place: Arc<Place>,
    pub(super) body_length: BodyLength,
}

impl Connection {
    /// Answers a request. The part before the returned future must be executed before the body of
    /// the request is read, because it reports the length of the body.
    pub(super) fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<ResponseBody<Body>>, Infallible>> + use<> {
        let (head, body) = request.into_parts();
        let length = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
        self.body_length.report(length);
        let class = self.clients.class(&head);
        let client = client_address(&self.clients.trusted_proxies, self.address, &head.headers);
        let peer = match client {
            Client::Known(address) => Peer::new(address),
            Client::Unverified(proxy) => Peer::unverified(proxy),
        };
        let accepted = self.place.begin(class, peer);
        // The end of a body without a known length is not visible to the reader of the connection. A
        // place for the admin is not for other requests of the connection.
        let last = !accepted || length.is_none() || class == Class::Admin;
        let exchange = Exchange::new(&self.place);
        let body = Body::new(RequestBody::new(body, &exchange));
        let request = drain_body(Request::from_parts(head, body));
        let app = self.app.clone();
        async move {
            let mut response = match accepted {
                true => app.call(request).await?,
                false => too_many(),
            };
            if last {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok(response.map(|body| ResponseBody::new(body, exchange)))
        }
    }
}

/// Returns the response to a request for which no place is left.
fn too_many() -> Response<Body> {
    let line = "too many requests are in progress: send this one again later";
    let wait = [(header::RETRY_AFTER, "10")];
    (StatusCode::SERVICE_UNAVAILABLE, wait, Json(json!({ "error": line }))).into_response()
}
