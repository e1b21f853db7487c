//! Error responses of the REST API.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// An error response of the REST API, in GitHub's JSON format.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    message: String,
    error: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), error: None, headers: Vec::new() }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// Returns an error response with the status 422 for the field `field` of an object of the type
    /// `resource`, such as `Issue`. `code` is GitHub's error code, such as `missing_field`,
    /// `invalid` or `already_exists`.
    pub(crate) fn field(resource: &str, field: &str, code: &str) -> Self {
        Self {
            error: Some(json!({ "resource": resource, "field": field, "code": code })),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed")
        }
    }

    /// Returns an error response with the status 422, the error code `custom` and the text
    /// `message` for an object of the type `resource`.
    pub(crate) fn custom(resource: &str, message: &str) -> Self {
        let error = json!({ "resource": resource, "code": "custom", "message": message });
        Self {
            error: Some(error),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed")
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl From<Failure> for Response {
    fn from(failure: Failure) -> Self {
        let status = failure.status;
        let mut body = json!({
            "message": failure.message,
            "documentation_url": DOCUMENTATION,
            "status": status.as_u16().to_string(),
        });
        if let Some(error) = failure.error {
            body["errors"] = json!([error]);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &failure.headers {
            insert(&mut headers, header::HeaderName::from_static(name), value);
        }
        insert(&mut headers, header::CONTENT_TYPE, "application/json; charset=utf-8");
        (status, headers, body.to_string()).into_response()
    }
}

/// Sets the header `name` to `value`. Does nothing if `value` is not a valid header value.
pub(crate) fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
