//! Who is asking, and whether they may.

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::event::Actor;
use ccc_core::vcs::Permission;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;

use super::Inner;
use super::server::Failure;
use super::state::{Repo, State};

/// Who is asking.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    Nobody,
    App,
    /// The token's place in the list.
    Token(usize),
    Person(Actor),
    /// A credential that is not taken, and GitHub's words for that.
    Refused(&'static str),
}

#[derive(Deserialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: serde_json::Value,
}

pub(super) fn identify(inner: &Inner, headers: &HeaderMap) -> Caller {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(login) = text("x-emulator-user") {
        return match inner.state().user(login) {
            Some(user) => Caller::Person(user.clone()),
            None => Caller::Refused("No such user: the emulator has not been told of it"),
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
    let now = inner.now();
    let state = inner.state();
    let found = state.tokens.iter().position(|token| {
        token.secret.expose() == credential.as_bytes()
            && !token.revoked
            && token.info.expires_at > now
    });
    found.map_or(Caller::Refused("Bad credentials"), Caller::Token)
}

/// GitHub's rules for an App's JWT (GitHub docs, "Generating a JSON Web Token (JWT)").
fn jwt(inner: &Inner, token: &str) -> Caller {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let Ok(decoded) = jsonwebtoken::decode::<Claims>(token, &inner.key.0, &validation) else {
        return Caller::Refused("A JSON web token could not be decoded");
    };
    let (claims, now) = (decoded.claims, inner.now().as_second());
    let issuer = claims.iss.as_str().map_or_else(|| claims.iss.to_string(), str::to_owned);
    if issuer != inner.app_id.to_string() {
        Caller::Refused("Integration not found")
    } else if claims.iat > now {
        Caller::Refused("'Issued at' claim ('iat') must be in the past")
    } else if claims.exp <= now {
        Caller::Refused(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    } else if claims.exp > now + 600 {
        Caller::Refused("'Expiration time' claim ('exp') is too far in the future")
    } else {
        Caller::App
    }
}

impl Caller {
    /// How the record of calls names it.
    pub(super) fn describe(&self, state: &State) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::App => "app jwt".to_owned(),
            Self::Person(user) => format!("user {}", user.login),
            Self::Refused(why) => format!("refused: {why}"),
            Self::Token(at) => {
                let info = &state.tokens[*at].info;
                let name = |id: &u64| {
                    let repo = state.repo(*id);
                    repo.map_or_else(|| id.to_string(), |r| format!("{}/{}", r.owner, r.name))
                };
                let scope = info.repositories.as_ref().map_or_else(
                    || "everything".to_owned(),
                    |all| all.iter().map(name).collect::<Vec<_>>().join(","),
                );
                let power: Vec<_> = info
                    .permissions
                    .iter()
                    .map(|(name, level)| format!("{name}:{level}"))
                    .collect();
                format!("token #{} {scope} {}", info.number, power.join(" "))
            }
        }
    }

    pub(super) fn require_app(&self) -> Result<(), Failure> {
        match self {
            Self::App => Ok(()),
            Self::Refused(why) => Err(Failure::new(StatusCode::UNAUTHORIZED, why)),
            _ => {
                Err(Failure::new(StatusCode::UNAUTHORIZED, "A JSON web token could not be decoded"))
            }
        }
    }

    /// Whether this caller may do that in the repository, and in whose name.
    pub(super) fn require(
        &self,
        inner: &Inner,
        state: &State,
        repo: &Repo,
        power: &str,
        write: bool,
    ) -> Result<Actor, Failure> {
        let actor = match self {
            Self::Refused(why) => return Err(Failure::new(StatusCode::UNAUTHORIZED, why)),
            Self::App => {
                let why = "A JSON web token is for the App's own routes";
                return Err(Failure::new(StatusCode::UNAUTHORIZED, why));
            }
            Self::Nobody if write => {
                return Err(Failure::new(StatusCode::UNAUTHORIZED, "Requires authentication"));
            }
            Self::Nobody if repo.public => crate::payload::ghost(),
            Self::Nobody => return Err(Failure::not_found()),
            Self::Person(user) => person(user, repo, power, write)?,
            Self::Token(at) => {
                let token = &state.tokens[*at];
                let installation = state.installations.get(&repo.owner.to_ascii_lowercase());
                let in_scope = installation == Some(&token.installation)
                    && repo.installed
                    && token.info.repositories.as_ref().is_none_or(|all| all.contains(&repo.id));
                // What is public, GitHub shows to every token.
                let in_the_open = repo.public && power == "metadata" && !write;
                if !in_scope && !in_the_open {
                    return Err(Failure::not_found());
                }
                let enough = match token.info.permissions.get(power).map(String::as_str) {
                    Some("write" | "admin") => true,
                    Some("read") => !write,
                    _ => false,
                };
                if !enough {
                    return Err(Failure::forbidden("Resource not accessible by integration"));
                }
                state
                    .user(&format!("{}[bot]", inner.slug))
                    .cloned()
                    .ok_or_else(Failure::not_found)?
            }
        };
        if write && repo.archived {
            return Err(Failure::forbidden("Repository was archived so is read-only."));
        }
        Ok(actor)
    }
}

/// What the emulator lets a signed-in person do.
fn person(user: &Actor, repo: &Repo, power: &str, write: bool) -> Result<Actor, Failure> {
    let known = repo.permissions.get(&user.login.to_ascii_lowercase());
    if !repo.public && known.is_none_or(|permission| *permission < Permission::Read) {
        return Err(Failure::not_found());
    }
    if write && power != "issues" {
        return Err(Failure::forbidden("the emulator lets people write issues only"));
    }
    Ok(user.clone())
}
