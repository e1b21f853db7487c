//! Who asks, and may they?

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::{Error, ErrorKind, Result, Secret};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, EncodeRsaPublicKey, LineEnding};
use rsa::pkcs8::DecodePrivateKey;
use serde::Deserialize;

use super::server::Refusal;
use super::state::{PublicKey, Shared, Token, now};

/// The longest that GitHub lets an App JWT live, in seconds.
const MAX_JWT_LIFE: i64 = 600;

/// The App's private key as PEM, made when there is none, and what verifies its signatures.
pub(super) fn key_pair(given: Option<Secret>) -> Result<(Secret, PublicKey)> {
    let bad = |what: &str| Error::new(ErrorKind::InvalidInput, format!("the private key {what}"));
    let key = match &given {
        Some(pem) => {
            let pem = pem.expose_str()?.replace("\\n", "\n");
            rsa::RsaPrivateKey::from_pkcs1_pem(&pem)
                .or_else(|_| rsa::RsaPrivateKey::from_pkcs8_pem(&pem))
                .map_err(|_| bad("is no RSA private key in PEM"))?
        }
        None => rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2_048)
            .map_err(|e| bad("could not be made").with_source(e))?,
    };
    let pem = key.to_pkcs1_pem(LineEnding::LF).map_err(|e| bad("has no PEM").with_source(e))?;
    let public = key
        .to_public_key()
        .to_pkcs1_der()
        .map_err(|e| bad("has no public part").with_source(e))?;
    Ok((Secret::from(pem.as_str()), PublicKey(DecodingKey::from_rsa_der(public.as_bytes()))))
}

/// What a request carries.
pub(super) enum Credential {
    None,
    User(String),
    Bearer(Secret),
}

impl Credential {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
        let Some(value) = text(header::AUTHORIZATION.as_str()) else {
            return text("x-emulator-user").map_or(Self::None, |login| Self::User(login.to_owned()));
        };
        if let Some(token) = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("token ")) {
            return Self::Bearer(Secret::from(token));
        }
        // What git sends: `x-access-token:TOKEN`, or the token as the user's name.
        let basic = value.strip_prefix("Basic ").and_then(|text| BASE64_STANDARD.decode(text).ok());
        match basic.and_then(|pair| String::from_utf8(pair).ok()) {
            Some(pair) => {
                let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
                Self::Bearer(Secret::from(if password.is_empty() { user } else { password }))
            }
            None => Self::Bearer(Secret::from("")),
        }
    }
}

/// Runs `with` on the token that the request carries, if it is good.
pub(super) fn with_token<T>(
    shared: &Shared,
    headers: &HeaderMap,
    with: impl FnOnce(usize, &mut Token) -> T,
) -> Result<T, Refusal> {
    let Credential::Bearer(given) = Credential::of(headers) else {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Requires authentication"));
    };
    let mut state = shared.state();
    let found = state
        .tokens
        .iter_mut()
        .enumerate()
        .find(|(_, token)| token.secret.expose() == given.expose());
    match found {
        Some((at, token)) if !token.revoked && now() < token.expires_at => Ok(with(at, token)),
        _ => Err(Refusal::new(StatusCode::UNAUTHORIZED, "Bad credentials")),
    }
}

/// Whether the request's token is for this repository and has this power.
pub(super) fn require(
    shared: &Shared,
    headers: &HeaderMap,
    repository: &str,
    (area, level): (&str, &str),
) -> Result<(), Refusal> {
    with_token(shared, headers, |_, token| {
        if !token.repository.eq_ignore_ascii_case(repository) {
            // What a token may not see is not there.
            return Err(Refusal::new(StatusCode::NOT_FOUND, "Not Found"));
        }
        let has = token.permissions.get(area).map(String::as_str);
        match (has, level) {
            (Some("write"), _) | (Some("read"), "read") => Ok(()),
            _ => Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "Resource not accessible by integration",
            )),
        }
    })?
}

/// Whether the request carries a JWT of the App (GitHub docs, "Generating a JSON Web Token (JWT) for
/// a GitHub App").
pub(super) fn require_app(shared: &Shared, headers: &HeaderMap) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Claims {
        iss: serde_json::Value,
        iat: i64,
        exp: i64,
    }
    let refused = |why: &str| Refusal::new(StatusCode::UNAUTHORIZED, why);
    let Credential::Bearer(jwt) = Credential::of(headers) else {
        return Err(refused("A JSON web token could not be decoded"));
    };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(jwt.expose(), &shared.public_key.0, &validation)
        .map_err(|_| refused("A JSON web token could not be decoded"))?
        .claims;
    let seconds = now().as_second();
    let issuer = claims.iss.as_str().map_or_else(|| claims.iss.to_string(), str::to_owned);
    if issuer != shared.app_id.to_string() {
        return Err(refused("'Issuer' claim ('iss') must be the App's ID"));
    }
    if claims.exp <= seconds {
        return Err(refused("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"));
    }
    if claims.exp > seconds + MAX_JWT_LIFE {
        return Err(refused("'Expiration time' claim ('exp') is too far in the future"));
    }
    if claims.iat > seconds {
        return Err(refused("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"));
    }
    Ok(())
}

/// Who asked, for the record.
pub(super) fn who(shared: &Shared, headers: &HeaderMap) -> String {
    match Credential::of(headers) {
        Credential::None => "nobody".to_owned(),
        Credential::User(login) => format!("user {login}"),
        Credential::Bearer(_) => with_token(shared, headers, |at, token| {
            let powers: Vec<String> =
                token.permissions.iter().map(|(area, level)| format!("{area} {level}")).collect();
            format!("token {} ({}: {})", at + 1, token.repository, powers.join(", "))
        })
        .unwrap_or_else(|_| match require_app(shared, headers) {
            Ok(()) => "app".to_owned(),
            Err(_) => "nobody that we know".to_owned(),
        }),
    }
}
