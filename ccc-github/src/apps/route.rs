//! `/config`: the Apps over HTTP, whatever carries it.

use ccc_core::{Error, ErrorKind, Result};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::change::MAX;
use super::{AppChange, Apps};

/// The most bytes of a body that is sent to `/config`.
pub const MAX_CONFIG: usize = MAX;

impl Apps {
    /// Answers a request to `/config`, of somebody who has been let in ([`AdminToken`](crate::AdminToken)):
    ///
    /// | request | answer |
    /// |---|---|
    /// | `GET` | 200, `{"apps": […]}`, each as an [`AppView`](super::AppView) |
    /// | `POST`, with what [`AppChange::from_json`] reads | 200, the App as an [`AppView`](super::AppView) |
    /// | `DELETE`, with `?appId=N` where several are kept | 200, `{"cleared": N}`; 404 when there is none |
    ///
    /// Errors are `{"error": "…"}` and show no value of what was sent: 400 for what is wrong with it, 413 for more
    /// than [`MAX_CONFIG`], 405 for another method, 503 when the store does not answer, and 500 when what is kept does
    /// not read.
    pub async fn answer(
        &self,
        method: &Method,
        query: Option<&str>,
        body: &[u8],
    ) -> Response<String> {
        let done = match *method {
            Method::GET => self.all().await,
            Method::POST => self.store(body).await,
            Method::DELETE => self.remove(query).await,
            _ => {
                let mut response =
                    error(StatusCode::METHOD_NOT_ALLOWED, "GET, POST and DELETE are answered here");
                let allow = HeaderValue::from_static("GET, POST, DELETE");
                response.headers_mut().insert(ALLOW, allow);
                return response;
            }
        };
        done.unwrap_or_else(|failed| error(status(&failed), failed.message()))
    }

    async fn all(&self) -> Result<Response<String>> {
        let mut apps = Vec::new();
        for app_id in self.list().await? {
            // One that was cleared meanwhile is not there.
            apps.extend(self.view(app_id).await?);
        }
        Ok(answer(StatusCode::OK, &json!({ "apps": apps })))
    }

    async fn store(&self, body: &[u8]) -> Result<Response<String>> {
        let view = self.change(&AppChange::from_json(body)?).await?;
        Ok(answer(StatusCode::OK, &json!(view)))
    }

    async fn remove(&self, query: Option<&str>) -> Result<Response<String>> {
        let invalid = |line: &str| Error::new(ErrorKind::InvalidInput, line);
        let mut named = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let app_id = match (named.next(), named.next()) {
            (Some((name, value)), None) if name == "appId" => {
                value.parse().map_err(|_| invalid("appId must be a number"))?
            }
            (Some(_), _) => return Err(invalid("the only thing to say here is ?appId=N")),
            (None, _) => match self.list().await?[..] {
                [] => return Ok(error(StatusCode::NOT_FOUND, "no App is kept")),
                [only] => only,
                _ => return Err(invalid("several Apps are kept: say which with ?appId=N")),
            },
        };
        Ok(match self.clear(app_id).await? {
            true => answer(StatusCode::OK, &json!({ "cleared": app_id })),
            false => error(StatusCode::NOT_FOUND, &format!("no App {app_id} is kept")),
        })
    }
}

fn status(failed: &Error) -> StatusCode {
    match failed.kind() {
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::RateLimited => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn error(status: StatusCode, why: &str) -> Response<String> {
    answer(status, &json!({ "error": why }))
}

fn answer(status: StatusCode, body: &Value) -> Response<String> {
    let mut response = Response::new(body.to_string());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // It tells who may do what here: nobody between us keeps it.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
