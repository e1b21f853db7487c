//! Calls, each in the name that it takes.

use super::*;
use crate::client::parse;
use crate::jwt::app_jwt;

/// A token that is younger may not be known everywhere yet.
const YOUNG: SignedDuration = SignedDuration::from_secs(10);
/// How often a young token is tried again (spec: G2b).
const YOUNG_TRIES: u32 = 3;

type Sent = Result<http::Response<bytes::Bytes>, ApiError>;

impl Tokens {
    /// Calls with a token of our own: the cached one if there is one. A token that GitHub no longer
    /// takes is replaced once; one that GitHub does not take yet is tried again first (spec: G2a,
    /// G2b).
    pub(crate) async fn send(&self, repo: &RepoRef, grant: Grant, call: &Call) -> Sent {
        let (mut replaced, mut waited) = (false, 0);
        loop {
            let held = self.hold(repo, grant).await?;
            let token = &held.token;
            let error = match self.client.send(call, token.identity(repo.id)).await {
                Err(error) if error.has_status(StatusCode::UNAUTHORIZED) => error,
                Err(error) if is_suspended(&error) => {
                    return Err(suspended(&repo.owner, &error).into());
                }
                answer => return answer,
            };
            let age = self.client.now().duration_since(token.minted_at);
            if age < YOUNG && waited < YOUNG_TRIES {
                self.client.sleep(Duration::from_secs(1 << waited)).await;
                waited += 1;
                continue;
            }
            Self::refuse(&held.entry, &token.secret);
            if replaced {
                return Err(error);
            }
            replaced = true;
        }
    }

    /// Calls as the App itself. Once more when the first answer showed that our clock is off
    /// (spec: G3).
    pub(crate) async fn send_as_app(&self, call: &Call) -> Sent {
        self.send_as(&*self.us()?, call).await
    }

    pub(crate) async fn send_as(&self, us: &Us, call: &Call) -> Sent {
        let skew = self.client.skew();
        let mut corrected = false;
        loop {
            let jwt = app_jwt(us.app_id, &us.key, self.client.now())?;
            let identity =
                Authorization { caller: Caller::App(us.app_id), token: Some(&jwt), repo: None };
            let error = match self.client.send(call, identity).await {
                Err(error) if error.has_status(StatusCode::UNAUTHORIZED) => error,
                answer => return answer,
            };
            let off = (self.client.skew() - skew).abs() > SignedDuration::from_secs(30);
            if off && !corrected {
                corrected = true;
                continue;
            }
            let line = format!(
                "GitHub does not accept the App's JWT: is app id {} the one of this private key, and \
                 is the clock right? ({error})",
                us.app_id,
            );
            return Err(Error::new(ErrorKind::Unauthenticated, line).into());
        }
    }

    /// Calls for something public that belongs to no repository: as nobody, which is enough for the
    /// few such calls that there are. Where GitHub wants to know who asks (a private Enterprise
    /// Server, an address whose hour is used up), with a token that can read metadata and nothing else,
    /// revoked at once.
    pub(crate) async fn send_anywhere(&self, call: &Call) -> Sent {
        let refused = |error: &ApiError| {
            error.rate_limit_wait().is_some()
                || error.has_status(StatusCode::UNAUTHORIZED)
                || error.has_status(StatusCode::FORBIDDEN)
        };
        match self.client.once(call, Authorization::ANONYMOUS).await {
            Err(error) if refused(&error) => {}
            Err(error) if error.is_transient() => {
                return self.client.send(call, Authorization::ANONYMOUS).await;
            }
            answer => return answer,
        }
        let Some((token, installation)) = self.powerless().await? else {
            return self.client.send(call, Authorization::ANONYMOUS).await;
        };
        let caller = Caller::Installation(installation);
        let identity = Authorization { caller, token: Some(&token), repo: None };
        let answer = self.client.send(call, identity).await;
        self.revoke_or_say(&token, caller).await;
        answer
    }

    /// Calls for a repository of which only the name is known, with a token that may read metadata of
    /// the repository of that name alone, revoked at once.
    pub(crate) async fn send_by_name(&self, repo: &RepoRef, call: &Call) -> Sent {
        let (token, installation) = self.for_name(repo).await?;
        let caller = Caller::Installation(installation);
        let identity = Authorization { caller, token: Some(&token), repo: None };
        let answer = self.client.send(call, identity).await;
        self.revoke_or_say(&token, caller).await;
        answer
    }

    /// As [`send_as`](Self::send_as), and reads the answer.
    pub(super) async fn ask_as<T>(&self, us: &Us, call: &Call) -> Result<T, ApiError>
    where
        T: serde::de::DeserializeOwned,
    {
        parse(call, &self.send_as(us, call).await?)
    }
}

pub(super) fn is_suspended(error: &ApiError) -> bool {
    error.has_status(StatusCode::FORBIDDEN) && error.message_contains("suspended")
}

pub(super) fn suspended(account: &str, why: &impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        format!(
            "the App is suspended on {account}: somebody who owns the account lifts that under \
             Settings > GitHub Apps > Configure ({why})"
        ),
    )
}
