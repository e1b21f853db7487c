//! `/config`: the Apps over HTTP, whatever carries it.

use ccc_core::{Error, ErrorKind, Result};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::change::MAX;
use super::{AppChange, Apps};
use crate::admin::Admitted;

/// The most bytes of a body that is sent to `/config`.
pub const MAX_CONFIG: usize = MAX;

/// An answer of `/config`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigAnswer {
    /// How it went.
    pub status: StatusCode,
    /// What there is to say: an object, to which its carrier may add. The service adds `usedAppId`.
    pub body: Value,
}

impl ConfigAnswer {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    fn error(status: StatusCode, why: &str) -> Self {
        Self { status, body: json!({ "error": why }) }
    }

    /// With the headers that it needs.
    #[must_use]
    pub fn into_response(self) -> Response<String> {
        let mut response = Response::new(self.body.to_string());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // It tells who may do what here: nobody between us keeps it.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
        }
        response
    }
}

impl Apps {
    /// Answers a request to `/config`, of somebody whom an [`AdminToken`](crate::AdminToken) admits:
    ///
    /// | request | answer |
    /// |---|---|
    /// | `GET` | 200, `{"apps": […]}`, each as an [`AppView`](super::AppView); of one that does not read, `{"appId": …, "error": …}` |
    /// | `POST`, with what [`AppChange::from_json`] reads | 200, the App as an [`AppView`](super::AppView) |
    /// | `DELETE`, with `?appId=N` where several are kept | 200, `{"cleared": N}`; 404 when there is none |
    ///
    /// Errors are `{"error": "…"}` and show no value of what was sent: 400 for what is wrong with it, 413 for more
    /// than [`MAX_CONFIG`], 405 for another method, 503 when the store does not answer, 507 when it is full, and 500
    /// when what is kept does not read.
    pub async fn answer(
        &self,
        _: Admitted,
        method: &Method,
        query: Option<&str>,
        body: &[u8],
    ) -> ConfigAnswer {
        let done = match *method {
            Method::GET => self.all().await,
            Method::POST => match AppChange::from_json(body) {
                Ok(change) => self.change(&change).await.map(|view| json!(view)),
                Err(error) if error.kind() == ErrorKind::LimitExceeded => {
                    return ConfigAnswer::error(StatusCode::PAYLOAD_TOO_LARGE, error.message());
                }
                Err(error) => Err(error),
            },
            Method::DELETE => self.remove(query).await,
            _ => {
                let line = "GET, POST and DELETE are answered here";
                return ConfigAnswer::error(StatusCode::METHOD_NOT_ALLOWED, line);
            }
        };
        match done {
            Ok(body) => ConfigAnswer::ok(body),
            Err(failed) => ConfigAnswer::error(status(&failed), failed.message()),
        }
    }

    async fn all(&self) -> Result<Value> {
        let mut apps = Vec::new();
        for app_id in self.list().await? {
            match self.view(app_id).await {
                Ok(Some(view)) => apps.push(json!(view)),
                // It was cleared meanwhile.
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    apps.push(json!({ "appId": app_id, "error": error.message() }));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(json!({ "apps": apps }))
    }

    async fn remove(&self, query: Option<&str>) -> Result<Value> {
        let invalid = |line: &str| Error::new(ErrorKind::InvalidInput, line);
        let mut named = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let app_id = match (named.next(), named.next()) {
            (Some((name, value)), None) if name == "appId" => {
                value.parse().map_err(|_| invalid("appId must be a number"))?
            }
            (Some(_), _) => return Err(invalid("the only thing to say here is ?appId=N")),
            (None, _) => match self.list().await?[..] {
                [] => return Err(Error::new(ErrorKind::NotFound, "no App is kept")),
                [only] => only,
                _ => return Err(invalid("several Apps are kept: say which with ?appId=N")),
            },
        };
        if self.clear(app_id).await? {
            return Ok(json!({ "cleared": app_id }));
        }
        Err(Error::new(ErrorKind::NotFound, format!("no App {app_id} is kept")))
    }
}

fn status(failed: &Error) -> StatusCode {
    match failed.kind() {
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        // What was sent is small enough: it is the store that takes no more.
        ErrorKind::LimitExceeded => StatusCode::INSUFFICIENT_STORAGE,
        ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::RateLimited => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
