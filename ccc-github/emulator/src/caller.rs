//! The caller of a route, and the authorization of the caller.

use crate::account::{Actor, Permission};
use crate::failure::Failure;
use crate::model::{Repo, Token};
use crate::rate_limit::UNAUTHENTICATED_LIMIT;
use crate::state::State;

/// The caller of a route, identified by the credential in the request.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// A caller that sent no credential.
    Nobody,
    /// The GitHub App with this ID, which sent a valid JWT.
    App(u64),
    /// An installation that sent its token. The number is the index of this token in the state's
    /// list of tokens.
    Token(usize),
    /// A signed-in user of the emulator.
    Person(Actor),
    /// A caller whose credential was refused. The text is the message of the error response.
    Refused(&'static str),
}

/// The account that an action is attributed to. `via` is the ID of the GitHub App that performs the
/// action, or `None` if no App performs the action.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) actor: Actor,
    pub(crate) via: Option<u64>,
}

impl Caller {
    /// Returns the text that describes the caller in
    /// [`Call::caller`](crate::records::Call::caller).
    pub(crate) fn describe(&self, state: &State) -> String {
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
                let permissions: Vec<_> = info
                    .permissions
                    .iter()
                    .map(|(name, level)| format!("{name}:{level}"))
                    .collect();
                format!("token #{} {scope} {}", info.number, permissions.join(" "))
            }
        }
    }

    /// Returns the name and the size of the caller's rate limit budget (GitHub docs, "Rate limits
    /// for the REST API"). The size is the maximum number of requests per hour. It is `limit` for a
    /// caller with valid credentials, and at most 60 for any other caller.
    pub(crate) fn budget(&self, state: &State, limit: u64) -> (String, u64) {
        match self {
            Self::Nobody | Self::Refused(_) => {
                ("nobody".to_owned(), limit.min(UNAUTHENTICATED_LIMIT))
            }
            Self::App(id) => (format!("app {id}"), limit),
            Self::Token(at) => {
                (format!("installation {}", state.tokens[*at].info.installation), limit)
            }
            Self::Person(user) => (format!("user {}", user.id), limit),
        }
    }

    /// Returns the ID of the calling GitHub App. Fails if the caller did not use an App's JWT.
    pub(crate) fn require_app(&self) -> Result<u64, Failure> {
        match self {
            Self::App(id) => Ok(*id),
            Self::Refused(why) => Err(Failure::unauthorized(why)),
            _ => Err(Failure::unauthorized("A JSON web token could not be decoded")),
        }
    }

    /// Returns the caller's installation token. Fails if the caller did not use an installation
    /// token, or if the installation was removed or is suspended.
    pub(crate) fn require_token<'a>(&self, state: &'a State) -> Result<&'a Token, Failure> {
        match self {
            Self::Token(at) => active_token(state, *at),
            Self::Refused(why) => Err(Failure::unauthorized(why)),
            Self::Nobody => Err(Failure::unauthorized("Requires authentication")),
            Self::App(_) | Self::Person(_) => {
                Err(Failure::forbidden("Resource not accessible: use an installation access token"))
            }
        }
    }

    /// Checks that the caller has the permission `permission`, such as `contents`, in the
    /// repository `repo`. Requires write access if `write` is true. Returns the account that the
    /// caller's actions are attributed to.
    pub(crate) fn require(
        &self,
        state: &State,
        repo: &Repo,
        permission: &str,
        write: bool,
    ) -> Result<Sender, Failure> {
        let alone = |actor| Sender { actor, via: None };
        let sender = match self {
            Self::Refused(why) => return Err(Failure::unauthorized(why)),
            Self::App(_) => {
                let why = "This route does not accept the JSON web token of a GitHub App: use an \
                           installation access token";
                return Err(Failure::unauthorized(why));
            }
            Self::Nobody if write => return Err(Failure::unauthorized("Requires authentication")),
            Self::Nobody if repo.public => alone(Actor::ghost()),
            Self::Nobody => return Err(Failure::not_found()),
            Self::Person(user) => alone(authorize_user(user, repo, permission, write)?),
            Self::Token(at) => {
                authorize_token(state, active_token(state, *at)?, repo, permission, write)?
            }
        };
        if write && repo.archived {
            return Err(Failure::forbidden("Repository was archived so is read-only."));
        }
        Ok(sender)
    }
}

/// Returns the installation token at the index `at` in the state's list of tokens. Fails if the
/// token's installation was removed or is suspended.
fn active_token(state: &State, at: usize) -> Result<&Token, Failure> {
    let token = &state.tokens[at];
    match state.installation(token.info.installation) {
        None => Err(Failure::unauthorized("Bad credentials")),
        Some(found) if found.suspended_at.is_some() => Err(suspended()),
        Some(_) => Ok(token),
    }
}

/// Returns the error response to a request with a token of a suspended installation.
pub(crate) fn suspended() -> Failure {
    Failure::forbidden("This installation has been suspended")
}

/// Checks that the scope of `token` includes `repo`, and that the token's permissions include
/// `permission`. Returns the bot account of the token's App. `permission` can name alternatives,
/// separated by `|`. For example, `issues|pull_requests` requires only one of these two
/// permissions.
fn authorize_token(
    state: &State,
    token: &Token,
    repo: &Repo,
    permission: &str,
    write: bool,
) -> Result<Sender, Failure> {
    let info = &token.info;
    let here = state.installed_at(info.app, repo).map(|found| found.id);
    let in_scope = here == Some(info.installation)
        && info.repositories.as_ref().is_none_or(|all| all.contains(&repo.id));
    // GitHub shows the metadata of a public repository to every token.
    let in_the_open = repo.public && permission == "metadata" && !write;
    if !in_scope && !in_the_open {
        return Err(Failure::not_found());
    }
    let enough = permission.split('|').any(|permission| {
        match info.permissions.get(permission).map(String::as_str) {
            Some("write" | "admin") => true,
            Some("read") => !write,
            _ => false,
        }
    });
    if !enough {
        let level = if write { "write" } else { "read" };
        let wanted: Vec<_> =
            permission.split('|').map(|permission| format!("{permission}={level}")).collect();
        return Err(Failure::forbidden("Resource not accessible by integration")
            .header("x-accepted-github-permissions", &wanted.join("; ")));
    }
    let app = state.app(info.app).ok_or_else(Failure::not_found)?;
    let actor = state.user(&format!("{}[bot]", app.slug)).cloned();
    Ok(Sender { actor: actor.ok_or_else(Failure::not_found)?, via: Some(app.id) })
}

/// Checks that the signed-in user `user` may read `repo`. If `write` is true, also checks that the
/// user may change the objects that `permission` names, such as `issues`. To read a private
/// repository, the user needs read access. Every user that may read a repository may also
/// change its issues. Any other change requires push access.
fn authorize_user(
    user: &Actor,
    repo: &Repo,
    permission: &str,
    write: bool,
) -> Result<Actor, Failure> {
    let known = repo.permissions.get(&user.login.to_ascii_lowercase()).copied();
    let known = known.unwrap_or(Permission::None);
    if !repo.public && known < Permission::Read {
        return Err(Failure::not_found());
    }
    if write && !permission.contains("issues") && known < Permission::Write {
        return Err(Failure::forbidden("Must have push access to repository"));
    }
    Ok(user.clone())
}
