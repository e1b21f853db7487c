//! Authentication of callers by their credentials.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::{Algorithm, Validation};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::caller::Caller;
use crate::origin::is_same_origin;
use crate::state::Inner;

#[derive(Deserialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: serde_json::Value,
}

/// Returns the caller that the credential in `headers` belongs to. A credential that is not valid
/// results in [`Caller::Refused`].
pub(crate) fn identify(inner: &Inner, headers: &HeaderMap) -> Caller {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(login) = text("x-emulator-user") {
        // Without this check, a page of another origin could send the header by DNS rebinding.
        if !is_same_origin(inner, headers) {
            return Caller::Refused(
                "The header X-Emulator-User is accepted only if the header Host (and the header \
                 Origin, if present) names the emulator",
            );
        }
        return match inner.state().user(login) {
            Some(user) => Caller::Person(user.clone()),
            None => Caller::Refused(
                "The user in the header X-Emulator-User does not exist: add the user with POST \
                 /_emulator/users",
            ),
        };
    }
    let Some(value) = text(header::AUTHORIZATION.as_str()) else {
        return Caller::Nobody;
    };
    let (scheme, value) = value.split_once(' ').unwrap_or_default();
    let credential = match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => value.trim().to_owned(),
        "basic" => BASE64_STANDARD
            .decode(value.trim())
            .ok()
            .and_then(|pair| String::from_utf8(pair).ok())
            .and_then(|pair| Some(pair.split_once(':')?.1.to_owned()))
            .unwrap_or_default(),
        _ => String::new(),
    };
    if credential.split('.').count() == 3 {
        return jwt(inner, &credential);
    }
    let now = inner.clock.now();
    let state = inner.state();
    let found = state.tokens.iter().position(|token| {
        token.secret.expose_secret() == credential
            && !token.info.revoked
            && token.info.expires_at > now
    });
    found.map_or(Caller::Refused("Bad credentials"), Caller::Token)
}

/// Verifies the signature, the issuer and the times of an App's JWT by GitHub's rules (GitHub docs,
/// "Generating a JSON Web Token (JWT)"). The issuer can be the App's ID or its client ID.
fn jwt(inner: &Inner, token: &str) -> Caller {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let Ok(unverified) = jsonwebtoken::dangerous::insecure_decode::<Claims>(token) else {
        return Caller::Refused("A JSON web token could not be decoded");
    };
    let issuer = &unverified.claims.iss;
    let issuer = issuer.as_str().map_or_else(|| issuer.to_string(), str::to_owned);
    let state = inner.state();
    let named = |id: u64, client: &str| issuer == id.to_string() || issuer == client;
    let Some(app) = state.apps.iter().find(|app| named(app.id, &app.client_id)) else {
        return Caller::Refused("Integration not found");
    };
    let Ok(decoded) = jsonwebtoken::decode::<Claims>(token, &app.key.public, &validation) else {
        return Caller::Refused("A JSON web token could not be decoded");
    };
    let (claims, now) = (decoded.claims, inner.clock.now().as_second());
    if claims.iat > now {
        Caller::Refused(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )
    } else if claims.exp <= now {
        Caller::Refused(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    } else if claims.exp > now + 600 {
        Caller::Refused("'Expiration time' claim ('exp') is too far in the future")
    } else {
        Caller::App(app.id)
    }
}
