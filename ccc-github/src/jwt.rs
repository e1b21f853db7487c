//! The short-lived JWT that authenticates an App (GitHub docs, "Generating a JSON Web Token (JWT)
//! for a GitHub App").

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

/// Creates the App's JWT. It is dated one minute before `now`, because GitHub refuses a JWT from
/// the future. It expires nine minutes after `now`, because GitHub refuses a lifetime of more than
/// ten.
///
/// # Errors
/// [`ErrorKind::Unexpected`] if signing fails. [`AppKey::from_pem`] accepts only keys that can
/// sign.
pub fn app_jwt(app_id: u64, key: &AppKey, now: Timestamp) -> Result<Secret> {
    let claims =
        Claims { iat: now.as_second() - 60, exp: now.as_second() + 540, iss: app_id.to_string() };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key.0).map(Secret::from).map_err(
        |error| Error::new(ErrorKind::Unexpected, "cannot sign the App's JWT").with_source(error),
    )
}
