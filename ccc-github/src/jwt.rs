//! The short-lived JWT that authenticates a GitHub App (GitHub docs, "Generating a JSON Web Token
//! (JWT) for a GitHub App").

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

/// Creates the JWT with which the GitHub App `app_id` authenticates, and signs it with `key`. The
/// JWT is dated one minute before `now`, because GitHub refuses a JWT with a future date, and
/// GitHub's clock can be behind the local clock. The JWT expires nine minutes after `now`, because
/// GitHub refuses a JWT that is valid for more than ten minutes.
///
/// # Errors
/// [`ErrorKind::Unexpected`] if signing fails. This is not expected, because [`AppKey::from_pem`]
/// accepts only keys that can sign.
pub fn app_jwt(app_id: u64, key: &AppKey, now: Timestamp) -> Result<Secret> {
    let claims =
        Claims { iat: now.as_second() - 60, exp: now.as_second() + 540, iss: app_id.to_string() };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key.0).map(Secret::from).map_err(
        |error| {
            Error::new(ErrorKind::Unexpected, "cannot sign the JWT of the GitHub App")
                .with_source(error)
        },
    )
}
