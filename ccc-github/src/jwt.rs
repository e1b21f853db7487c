//! The short-lived JWT that an App proves itself with (GitHub docs, "Generating a JSON Web Token (JWT) for
//! a GitHub App").

use ccc_core::{Error, ErrorKind, Result, Secret};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;

use crate::app_key::AppKey;

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

/// Returns the App's JWT: issued a minute ago, because GitHub refuses one from its future, and good for
/// nine minutes from `now`, because it refuses one that lives for more than ten.
///
/// # Errors
/// [`ErrorKind::Unexpected`] when signing fails, which [`AppKey::from_pem`] has ruled out.
pub fn app_jwt(app_id: u64, key: &AppKey, now: Timestamp) -> Result<Secret> {
    let claims =
        Claims { iat: now.as_second() - 60, exp: now.as_second() + 540, iss: app_id.to_string() };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key.0).map(Secret::from).map_err(
        |error| Error::new(ErrorKind::Unexpected, "cannot sign the App's JWT").with_source(error),
    )
}
