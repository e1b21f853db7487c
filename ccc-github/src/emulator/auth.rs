//! Who is asking, and whether they may.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::event::Actor;
use ccc_core::vcs::Permission;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;

use super::Inner;
use super::answer::Failure;
use super::control::is_from_here;
use super::state::{Repo, State, Token};

/// Who is asking.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    Nobody,
    /// An App by its JWT.
    App(u64),
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
        // A page of somebody else's could take the place of this address (DNS rebinding).
        if !is_from_here(inner, headers) {
            return Caller::Refused("X-Emulator-User is taken at the emulator's own address only");
        }
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
    let now = inner.clock.now();
    let state = inner.state();
    let found = state.tokens.iter().position(|token| {
        token.secret.expose() == credential.as_bytes()
            && !token.info.revoked
            && token.info.expires_at > now
    });
    found.map_or(Caller::Refused("Bad credentials"), Caller::Token)
}

/// GitHub's rules for an App's JWT (GitHub docs, "Generating a JSON Web Token (JWT)"). The issuer may
/// be the App's number or its client id.
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

/// Who does something, and through which App.
#[derive(Clone, Debug)]
pub(super) struct Doer {
    pub(super) actor: Actor,
    pub(super) via: Option<u64>,
}

impl Caller {
    /// How the record of calls names it.
    pub(super) fn describe(&self, state: &State) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::App(_) => "app jwt".to_owned(),
            Self::Person(user) => format!("user {}", user.login),
            Self::Refused(why) => format!("refused: {why}"),
            Self::Token(at) => {
                let info = &state.tokens[*at].info;
                let name =
                    |id: &u64| state.repo(*id).map_or_else(|| id.to_string(), Repo::full_name);
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

    /// Whose hour a request is counted in, and how many that hour has (GitHub docs, "Rate limits for
    /// the REST API").
    pub(super) fn budget(&self, state: &State, limit: u64) -> (String, u64) {
        match self {
            Self::Nobody | Self::Refused(_) => ("nobody".to_owned(), limit.min(60)),
            Self::App(id) => (format!("app {id}"), limit),
            Self::Token(at) => {
                (format!("installation {}", state.tokens[*at].info.installation), limit)
            }
            Self::Person(user) => (format!("user {}", user.id), limit),
        }
    }

    pub(super) fn require_app(&self) -> Result<u64, Failure> {
        match self {
            Self::App(id) => Ok(*id),
            Self::Refused(why) => Err(Failure::unauthorized(why)),
            _ => Err(Failure::unauthorized("A JSON web token could not be decoded")),
        }
    }

    /// An installation's token, as it is.
    pub(super) fn require_token<'a>(&self, state: &'a State) -> Result<&'a Token, Failure> {
        match self {
            Self::Token(at) => standing(state, *at),
            Self::Refused(why) => Err(Failure::unauthorized(why)),
            Self::Nobody => Err(Failure::unauthorized("Requires authentication")),
            Self::App(_) | Self::Person(_) => {
                Err(Failure::forbidden("Resource not accessible: an installation's token is"))
            }
        }
    }

    /// Whether this caller may do that in the repository, and in whose name.
    pub(super) fn require(
        &self,
        state: &State,
        repo: &Repo,
        power: &str,
        write: bool,
    ) -> Result<Doer, Failure> {
        let alone = |actor| Doer { actor, via: None };
        let doer = match self {
            Self::Refused(why) => return Err(Failure::unauthorized(why)),
            Self::App(_) => {
                let why = "A JSON web token is for the App's own routes";
                return Err(Failure::unauthorized(why));
            }
            Self::Nobody if write => return Err(Failure::unauthorized("Requires authentication")),
            Self::Nobody if repo.public => alone(crate::accounts::ghost()),
            Self::Nobody => return Err(Failure::not_found()),
            Self::Person(user) => alone(person(user, repo, power, write)?),
            Self::Token(at) => installed(state, standing(state, *at)?, repo, power, write)?,
        };
        if write && repo.archived {
            return Err(Failure::forbidden("Repository was archived so is read-only."));
        }
        Ok(doer)
    }
}

/// The token, unless its installation is suspended.
fn standing(state: &State, at: usize) -> Result<&Token, Failure> {
    let token = &state.tokens[at];
    match state.installation(token.info.installation) {
        None => Err(Failure::unauthorized("Bad credentials")),
        Some(found) if found.suspended_at.is_some() => Err(suspended()),
        Some(_) => Ok(token),
    }
}

pub(super) fn suspended() -> Failure {
    Failure::forbidden("This installation has been suspended")
}

/// What a token may do: its repositories, its power. `pull_requests` is enough for the conversation
/// of a pull request, which is why `power` may name two.
fn installed(
    state: &State,
    token: &Token,
    repo: &Repo,
    power: &str,
    write: bool,
) -> Result<Doer, Failure> {
    let info = &token.info;
    let here = state.installed_at(info.app, repo).map(|found| found.id);
    let in_scope = here == Some(info.installation)
        && info.repositories.as_ref().is_none_or(|all| all.contains(&repo.id));
    // What is public, GitHub shows to every token.
    let in_the_open = repo.public && power == "metadata" && !write;
    if !in_scope && !in_the_open {
        return Err(Failure::not_found());
    }
    let enough =
        power.split('|').any(|power| match info.permissions.get(power).map(String::as_str) {
            Some("write" | "admin") => true,
            Some("read") => !write,
            _ => false,
        });
    if !enough {
        let level = if write { "write" } else { "read" };
        let wanted: Vec<_> = power.split('|').map(|power| format!("{power}={level}")).collect();
        return Err(Failure::forbidden("Resource not accessible by integration")
            .header("x-accepted-github-permissions", &wanted.join("; ")));
    }
    let app = state.app(info.app).ok_or_else(Failure::not_found)?;
    let actor = state.user(&format!("{}[bot]", app.slug)).cloned();
    Ok(Doer { actor: actor.ok_or_else(Failure::not_found)?, via: Some(app.id) })
}

/// What a signed-in person may do: anybody writes issues, and who may push pushes.
fn person(user: &Actor, repo: &Repo, power: &str, write: bool) -> Result<Actor, Failure> {
    let known = repo.permissions.get(&user.login.to_ascii_lowercase()).copied();
    let known = known.unwrap_or(Permission::None);
    if !repo.public && known < Permission::Read {
        return Err(Failure::not_found());
    }
    if write && !power.contains("issues") && known < Permission::Write {
        return Err(Failure::forbidden("Must have push access to repository"));
    }
    Ok(user.clone())
}
