//! Getting a token from GitHub, and looking at what it can do before anybody uses it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;
use crate::client::parse;

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
}

impl Tokens {
    pub(super) async fn mint(&self, repo: &RepoRef, grant: Grant) -> Result<(Secret, Timestamp)> {
        let (installation, cached) = self.installation(repo).await?;
        let answer = match self.ask(installation, repo, grant).await {
            // The App was taken off and installed again: the number changed (spec: G2c).
            Err(fault) if cached && fault.status() == Some(StatusCode::NOT_FOUND) => {
                lock(&self.installations).remove(&repo.id);
                let (installation, _) = self.installation(repo).await?;
                self.ask(installation, repo, grant).await
            }
            answer => answer,
        };
        let answer = answer.map_err(|fault| explain(fault, repo, grant))?;
        let secret = Secret::from(answer.token);
        let wider = width(
            repo.id,
            grant,
            &answer.permissions,
            answer.repository_selection.as_deref(),
            &answer.repositories,
        );
        if let Some(what) = wider {
            if let Err(error) = self.revoke(&secret).await {
                tracing::warn!(%error, "a token that can do too much could not be revoked");
            }
            return Err(Error::new(
                ErrorKind::Refused,
                format!(
                    "GitHub gave a token for {repo} that {what}; it was revoked unused: is the API \
                     URL that of a GitHub?"
                ),
            ));
        }
        Ok((secret, answer.expires_at))
    }

    /// A token of the App's first installation that may read metadata and nothing else.
    pub(super) async fn powerless(&self) -> Result<Option<Secret>, Fault> {
        let mut url = self.endpoints.api(&["app", "installations"]);
        url.query_pairs_mut().append_pair("per_page", "1");
        let call = Call::get(url);
        let all: Vec<Installation> = parse(&call, &self.send_as_app(&call).await?)?;
        let Some(installation) = all.first() else {
            return Ok(None);
        };
        let id = installation.id.to_string();
        let url = self.endpoints.api(&["app", "installations", &id, "access_tokens"]);
        let body = serde_json::json!({ "permissions": { "metadata": "read" } });
        let call = Call::json(Method::POST, url, &body)?;
        let answer: Answer = parse(&call, &self.send_as_app(&call).await?)?;
        Ok(Some(self.metadata_alone(answer).await?))
    }

    /// Calls for a repository of which only the name is known, with a token that may read metadata of
    /// the repository of that name alone, revoked at once.
    pub(crate) async fn send_by_name(
        &self,
        repo: &RepoRef,
        call: &Call,
    ) -> Result<http::Response<bytes::Bytes>> {
        let found = self.find_installation(repo).await?;
        let id = found.id.to_string();
        let url = self.endpoints.api(&["app", "installations", &id, "access_tokens"]);
        let body = serde_json::json!({
            "repositories": [repo.name],
            "permissions": { "metadata": "read" },
        });
        let mint = Call::json(Method::POST, url, &body)?;
        let answer: Answer = parse(&mint, &self.send_as_app(&mint).await?)?;
        let token = self.metadata_alone(answer).await?;
        let answer = self.client.send(call, &token).await;
        if let Err(error) = self.revoke(&token).await {
            tracing::warn!(%error, "a token could not be revoked; it expires within the hour");
        }
        Ok(answer?)
    }

    /// The token, if all it can do is read metadata (spec: G4).
    async fn metadata_alone(&self, answer: Answer) -> Result<Secret> {
        let token = Secret::from(answer.token);
        let granted = answer.permissions;
        if granted.iter().all(|(name, level)| name == "metadata" && level == "read") {
            return Ok(token);
        }
        if let Err(error) = self.revoke(&token).await {
            tracing::warn!(%error, "a token that can do too much could not be revoked");
        }
        Err(Error::new(
            ErrorKind::Refused,
            "GitHub gave a token that can do more than read metadata; it was revoked unused: is the \
             API URL that of a GitHub?",
        ))
    }

    async fn ask(&self, installation: u64, repo: &RepoRef, grant: Grant) -> Result<Answer, Fault> {
        let id = installation.to_string();
        let url = self.endpoints.api(&["app", "installations", &id, "access_tokens"]);
        let body = Request { repository_ids: [repo.id], permissions: permissions(grant) };
        let call = Call::json(Method::POST, url, &body)?;
        parse(&call, &self.send_as_app(&call).await?)
    }

    /// The App's installation on the repository, and whether it was known already.
    async fn installation(&self, repo: &RepoRef) -> Result<(u64, bool)> {
        if let Some(id) = lock(&self.installations).get(&repo.id) {
            return Ok((*id, true));
        }
        let installation = self.find_installation(repo).await?;
        lock(&self.installations).insert(repo.id, installation.id);
        Ok((installation.id, false))
    }

    async fn find_installation(&self, repo: &RepoRef) -> Result<Installation> {
        let call = Call::get(self.endpoints.repo(repo, &["installation"])?);
        let found = match self.send_as_app(&call).await {
            Ok(response) => parse::<Installation>(&call, &response),
            Err(fault) => Err(fault),
        };
        found.map_err(|fault| match fault.status() {
            Some(StatusCode::NOT_FOUND) => Error::new(
                ErrorKind::NotFound,
                format!(
                    "the App is not installed on {repo}: install it on {}, under Settings > GitHub \
                     Apps > Install App, and select that repository ({fault})",
                    self.endpoints.web_url()
                ),
            ),
            _ => fault.into(),
        })
    }
}

fn explain(fault: Fault, repo: &RepoRef, grant: Grant) -> Error {
    match fault.status() {
        Some(StatusCode::UNPROCESSABLE_ENTITY) => {
            let wanted: Vec<_> =
                permissions(grant).iter().map(|(name, level)| format!("{name}: {level}")).collect();
            Error::new(
                ErrorKind::PermissionDenied,
                format!(
                    "the App's installation does not have what {repo} needs ({}): add it under the \
                     App's Permissions, accept it on the installation, and select the repository \
                     there ({fault})",
                    wanted.join(", ")
                ),
            )
        }
        Some(StatusCode::NOT_FOUND) => Error::new(
            ErrorKind::NotFound,
            format!("the App is no longer installed on {repo}: install it again ({fault})"),
        ),
        _ => fault.into(),
    }
}

/// In what way a token can do more than was asked for (spec: G4).
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
    granted.iter().find_map(|(name, level)| {
        let narrow = match asked.get(name.as_str()) {
            Some(&"write") => matches!(level.as_str(), "read" | "write"),
            Some(_) => level == "read",
            None => false,
        };
        let shown: String = format!("{name}: {level}").chars().take(80).collect();
        (!narrow).then(|| format!("can do more than was asked for ({})", shown.escape_default()))
    })
}
