//! The route `/config`, which manages the stored GitHub Apps over HTTP. It can be called from any
//! HTTP server.

use ccc_core::{Error, ErrorKind, Result};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app_config::admin_token::Admitted;
use crate::app_config::apps::Apps;
use crate::app_config::request::AppChange;
use crate::errors::{invalid_input, not_found};

/// A response of the route `/config`: a status and a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigResponse {
    /// The HTTP status of the response.
    pub status: StatusCode,
    pub(super) body: Value,
}

impl ConfigResponse {
    fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    fn error(status: StatusCode, why: &str) -> Self {
        Self { status, body: json!({ "error": why }) }
    }

    /// Adds the field `name` to the JSON body. A value that cannot be serialized as JSON becomes
    /// `null`.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: impl Serialize) -> Self {
        self.body[name] = serde_json::to_value(value).unwrap_or_default();
        self
    }

    /// Converts this value to an HTTP response with a JSON body and with headers that forbid
    /// caching.
    #[must_use]
    pub fn into_response(self) -> Response<String> {
        let mut response = Response::new(self.body.to_string());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The response describes the Apps, so no cache may store it.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
        }
        response
    }
}

impl Apps {
    /// Answers a request to `/config`. The argument of the type [`Admitted`] proves that the
    /// request contained the admin token.
    ///
    /// | request | response |
    /// |---|---|
    /// | `GET` | 200, `{"apps": […]}` with an [`AppView`](crate::AppView) for each App, or `{"appId": …, "error": …}` for a corrupt record |
    /// | `POST` with the JSON of [`AppChange::from_json`] | 200, the App after the change as an [`AppView`](crate::AppView) |
    /// | `DELETE` with `?appId=N` | 200, `{"cleared": N}`; 404 if no such App is stored |
    /// | `DELETE` with `?all=true` | 200, `{"cleared": […]}` with the ids of all Apps, which were stored; 404 if none is stored |
    /// | `DELETE` without a parameter | 400 with the ids of the stored Apps, and no App is removed; 404 if none is stored |
    ///
    /// An error response has the body `{"error": "…"}`, which contains no value of the request. The
    /// status is 400 for an invalid request, 413 for a body of more than
    /// [`MAX_CONFIG`](crate::MAX_CONFIG) bytes, 405 for another method, 503 if the credential store
    /// is not available, 507 if the store is full, and 500 for a corrupt record.
    pub async fn answer(
        &self,
        _: Admitted,
        method: &Method,
        query: Option<&str>,
        body: &[u8],
    ) -> ConfigResponse {
        let done = match *method {
            Method::GET => self.all().await,
            Method::POST => match AppChange::from_json(body) {
                Ok(change) => self.change(&change).await.map(|view| json!(view)),
                Err(error) if error.kind() == ErrorKind::LimitExceeded => {
                    return ConfigResponse::error(StatusCode::PAYLOAD_TOO_LARGE, error.message());
                }
                Err(error) => Err(error),
            },
            Method::DELETE => self.remove(query).await,
            _ => {
                let line = "method not allowed: only GET, POST and DELETE are supported";
                return ConfigResponse::error(StatusCode::METHOD_NOT_ALLOWED, line);
            }
        };
        match done {
            Ok(body) => ConfigResponse::ok(body),
            Err(failed) => ConfigResponse::error(status(&failed), failed.message()),
        }
    }

    async fn all(&self) -> Result<Value> {
        let mut apps = Vec::new();
        for app_id in self.list().await? {
            match self.view(app_id).await {
                Ok(Some(view)) => apps.push(json!(view)),
                // The App was removed after the list was read.
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    apps.push(json!({ "appId": app_id, "error": error.message() }));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(json!({ "apps": apps }))
    }

    /// Removes the App or the Apps that `query` names. A request that names none removes none,
    /// because a client can lose the parameter by mistake, for example with an empty variable
    /// (spec: S12e).
    async fn remove(&self, query: Option<&str>) -> Result<Value> {
        let mut named = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let app_id = match (named.next(), named.next()) {
            (Some((name, value)), None) if name == "appId" => value
                .parse()
                .map_err(|_| invalid_input("the query parameter `appId` must be a number"))?,
            (Some((name, value)), None) if name == "all" && value == "true" => {
                let stored = self.stored().await?;
                for app_id in &stored {
                    self.clear(*app_id).await?;
                }
                return Ok(json!({ "cleared": stored }));
            }
            (Some(_), _) => {
                return Err(invalid_input(
                    "the query parameters are not valid: use ?appId=N to remove one GitHub App, or \
                     ?all=true to remove all",
                ));
            }
            (None, _) => {
                let stored: Vec<String> =
                    self.stored().await?.iter().map(ToString::to_string).collect();
                return Err(invalid_input(format!(
                    "the request does not name the GitHub App to remove; the ids of the stored Apps \
                     are {}: use ?appId=N to remove one App, or ?all=true to remove all",
                    stored.join(", ")
                )));
            }
        };
        if self.clear(app_id).await? {
            return Ok(json!({ "cleared": app_id }));
        }
        Err(not_found(format!("no GitHub App with the id {app_id} is stored")))
    }

    /// Returns the ids of the stored Apps, or an error if no App is stored.
    async fn stored(&self) -> Result<Vec<u64>> {
        let stored = self.list().await?;
        if stored.is_empty() {
            return Err(not_found("no GitHub App is stored"));
        }
        Ok(stored)
    }
}

fn status(failed: &Error) -> StatusCode {
    match failed.kind() {
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        // The size of the request was checked before, so this is a limit of the credential store.
        ErrorKind::LimitExceeded | ErrorKind::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::RateLimited => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
