//! Getting a token from GitHub, and looking at what it can do before anybody uses it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::send::{is_suspended, suspended};
use super::*;

#[derive(Serialize)]
struct Request {
    repository_ids: [u64; 1],
    permissions: BTreeMap<&'static str, &'static str>,
}

#[derive(Deserialize)]
struct Answer {
    token: String,
    expires_at: Timestamp,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    repository_selection: Option<String>,
    #[serde(default)]
    repositories: Vec<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    id: u64,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
    account: Option<Account>,
    suspended_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    login: String,
}

impl Tokens {
    pub(super) async fn mint(&self, repo: &RepoRef, grant: Grant) -> Result<Token> {
        let us = &self.us()?;
        let (mut installation, cached) = self.installation(us, repo).await?;
        let answer = match self.ask(us, installation, repo, grant).await {
            // The App was taken off and installed again: the number changed (spec: G2c).
            Err(error) if cached && error.has_status(StatusCode::NOT_FOUND) => {
                lock(&us.installations).remove(&repo.id);
                installation = self.installation(us, repo).await?.0;
                self.ask(us, installation, repo, grant).await
            }
            answer => answer,
        };
        let answer = answer.map_err(|error| {
            // Whatever is wrong with it, we look for it anew next time.
            lock(&us.installations).remove(&repo.id);
            explain(error, repo, grant)
        })?;
        let secret = Secret::from(answer.token);
        let wrong = width(
            repo.id,
            grant,
            &answer.permissions,
            answer.repository_selection.as_deref(),
            &answer.repositories,
        );
        if let Some(what) = wrong {
            self.revoke_or_say(&secret, Caller::Installation(installation)).await;
            return Err(Error::new(
                ErrorKind::Refused,
                format!(
                    "GitHub gave a token for {repo} that {what}; it was revoked unused: is the API \
                     URL that of a GitHub?"
                ),
            ));
        }
        Ok(Token {
            secret,
            expires_at: answer.expires_at,
            minted_at: self.client.now(),
            app: us.app_id,
            installation,
            refused: false,
            leases: 0,
        })
    }

    fn tokens_of(&self, installation: u64) -> url::Url {
        let id = installation.to_string();
        self.endpoints.api(&["app", "installations", &id, "access_tokens"])
    }

    /// A token that is lost on the way is one that nobody has, so asking again does no harm.
    async fn ask_for(
        &self,
        us: &Us,
        installation: u64,
        wish: &impl Serialize,
    ) -> Result<Answer, ApiError> {
        let call = Call::json(Method::POST, self.tokens_of(installation), wish)?;
        self.ask_as(us, &call.idempotent().unpaced()).await
    }

    async fn ask(
        &self,
        us: &Us,
        installation: u64,
        repo: &RepoRef,
        grant: Grant,
    ) -> Result<Answer, ApiError> {
        let wish = Request { repository_ids: [repo.id], permissions: permissions(grant) };
        self.ask_for(us, installation, &wish).await
    }

    /// A token of the App's first installation that may read metadata and nothing else.
    pub(super) async fn powerless(&self) -> Result<Option<(Secret, u64)>, ApiError> {
        let mut url = self.endpoints.api(&["app", "installations"]);
        url.query_pairs_mut().append_pair("per_page", "100");
        let us = &self.us()?;
        let all: Vec<Installation> = self.ask_as(us, &Call::get(url)).await?;
        let Some(found) = all.iter().find(|found| found.suspended_at.is_none()) else {
            return Ok(None);
        };
        let wish = json!({ "permissions": { "metadata": "read" } });
        let answer = self.ask_for(us, found.id, &wish).await?;
        Ok(Some((self.metadata_alone(answer, found.id).await?, found.id)))
    }

    /// A token that may read metadata of the repository of that name alone.
    pub(super) async fn for_name(&self, repo: &RepoRef) -> Result<(Secret, u64), ApiError> {
        let us = &self.us()?;
        let found = self.find_installation(us, repo).await?;
        let wish = json!({ "repositories": [repo.name], "permissions": { "metadata": "read" } });
        let answer = self.ask_for(us, found.id, &wish).await?;
        Ok((self.metadata_alone(answer, found.id).await?, found.id))
    }

    /// The token, if all it can do is read metadata (spec: G4).
    async fn metadata_alone(&self, answer: Answer, installation: u64) -> Result<Secret> {
        let token = Secret::from(answer.token);
        let granted = answer.permissions;
        if granted.iter().all(|(name, level)| name == "metadata" && level == "read") {
            return Ok(token);
        }
        self.revoke_or_say(&token, Caller::Installation(installation)).await;
        Err(Error::new(
            ErrorKind::Refused,
            "GitHub gave a token that can do more than read metadata; it was revoked unused: is the \
             API URL that of a GitHub?",
        ))
    }

    /// The App's installation on the repository, and whether it was known already.
    async fn installation(&self, us: &Us, repo: &RepoRef) -> Result<(u64, bool)> {
        if let Some(id) = lock(&us.installations).get(&repo.id) {
            return Ok((*id, true));
        }
        let found = self.find_installation(us, repo).await?;
        lock(&us.installations).insert(repo.id, found.id);
        Ok((found.id, false))
    }

    async fn find_installation(&self, us: &Us, repo: &RepoRef) -> Result<Installation> {
        let call = Call::get(self.endpoints.repo(&self.current(repo), &["installation"])?);
        let found: Installation = self.ask_as(us, &call).await.map_err(|error| {
            if error.has_status(StatusCode::NOT_FOUND) {
                return Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "the App is not installed on {repo}, or there is no such repository: install \
                         it on {}, under Settings > GitHub Apps > Install App, and select that \
                         repository ({error})",
                        self.endpoints.web_url()
                    ),
                );
            }
            error.into()
        })?;
        if let Some(since) = found.suspended_at {
            let account = found.account.as_ref().map_or(repo.owner.as_str(), |on| &on.login);
            return Err(suspended(account, &format!("since {since}")));
        }
        Ok(found)
    }
}

fn explain(error: ApiError, repo: &RepoRef, grant: Grant) -> Error {
    if is_suspended(&error) {
        return suspended(&repo.owner, &error);
    }
    match error.status() {
        Some(StatusCode::UNPROCESSABLE_ENTITY) if error.message_contains("does not exist") => {
            Error::new(
                ErrorKind::NotFound,
                format!(
                    "{repo} was deleted, or the App's installation does not have it: select it under \
                 Settings > GitHub Apps > Configure ({error})"
                ),
            )
        }
        Some(StatusCode::UNPROCESSABLE_ENTITY) => {
            let wanted: Vec<_> =
                permissions(grant).iter().map(|(name, level)| format!("{name}: {level}")).collect();
            Error::new(
                ErrorKind::PermissionDenied,
                format!(
                    "the App's installation does not have what {repo} needs ({}): add it under the \
                     App's Permissions, and accept it on the installation ({error})",
                    wanted.join(", ")
                ),
            )
        }
        Some(StatusCode::NOT_FOUND) => Error::new(
            ErrorKind::NotFound,
            format!("the App is no longer installed on {repo}: install it again ({error})"),
        ),
        _ => error.into(),
    }
}

/// In what way a token is not what was asked for (spec: G4).
fn width(
    repo: u64,
    grant: Grant,
    granted: &BTreeMap<String, String>,
    selection: Option<&str>,
    repositories: &[Repository],
) -> Option<String> {
    if selection != Some("selected") {
        return Some("is not limited to selected repositories".to_owned());
    }
    if !matches!(repositories, [only] if only.id == repo) {
        return Some("is not for that repository alone".to_owned());
    }
    let asked = permissions(grant);
    let wider = granted.iter().find_map(|(name, level)| {
        let narrow = match asked.get(name.as_str()) {
            Some(&"write") => matches!(level.as_str(), "read" | "write"),
            Some(_) => level == "read",
            None => false,
        };
        let shown: String = format!("{name}: {level}").chars().take(80).collect();
        (!narrow).then(|| format!("can do more than was asked for ({})", shown.escape_default()))
    });
    wider.or_else(|| {
        let lacks = |(name, level): &(&&str, &&str)| {
            let had = granted.get(**name).map_or("", String::as_str);
            had != **level && had != "write"
        };
        let (name, level) = asked.iter().find(lacks)?;
        Some(format!("cannot do what was asked for ({name}: {level})"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_neither_wider_nor_narrower_than_asked() {
        // spec: G4
        let granted = |power: &[(&str, &str)]| -> BTreeMap<String, String> {
            power.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
        };
        let publish = [("contents", "write"), ("metadata", "read"), ("pull_requests", "write")];
        let selected = Some("selected");
        for (power, selection, repositories, expected) in [
            (&publish[..], selected, vec![7], None),
            (&publish[..], Some("all"), vec![7], Some("is not limited")),
            (&publish[..], None, vec![7], Some("is not limited")),
            (&publish[..], selected, vec![8], Some("for that repository alone")),
            (&publish[..], selected, vec![7, 8], Some("for that repository alone")),
            (&publish[..], selected, vec![], Some("for that repository alone")),
            (&publish[..2], selected, vec![7], Some("cannot do what was asked for (pull_requests")),
            (
                &[("contents", "read"), publish[1], publish[2]],
                selected,
                vec![7],
                Some("cannot do what was asked for (contents: write)"),
            ),
            (
                &[publish[0], publish[1], publish[2], ("workflows", "write")],
                selected,
                vec![7],
                Some("can do more than was asked for (workflows: write)"),
            ),
            (
                &[("contents", "admin"), publish[1], publish[2]],
                selected,
                vec![7],
                Some("can do more than was asked for (contents: admin)"),
            ),
        ] {
            let repositories: Vec<_> =
                repositories.iter().map(|id| Repository { id: *id }).collect();
            let found = width(7, Grant::Publish, &granted(power), selection, &repositories);
            let fits = match expected {
                None => found.is_none(),
                Some(words) => found.as_deref().is_some_and(|found| found.contains(words)),
            };
            assert!(fits, "{power:?} {selection:?}: {found:?}");
        }
    }
}
