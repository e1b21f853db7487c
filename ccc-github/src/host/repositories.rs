//! Repository lookup.

use ccc_core::Result;
use ccc_core::event::RepoRef;
use ccc_core::vcs::{Grant, Repository};
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{User, is_name};
use crate::client::{Call, parse};
use crate::errors::not_found;
use crate::host::github::GitHub;

#[derive(Deserialize)]
struct RestRepository {
    id: u64,
    name: String,
    owner: User,
    default_branch: String,
    #[serde(default)]
    archived: bool,
}

impl GitHub {
    /// Reads the current state of `repo`. The request contains the repository's name. After a
    /// rename, this name can belong to another repository. Therefore, the id in the response is
    /// checked. If the id differs, or if no repository has this name, the repository is found by
    /// its id.
    pub(super) async fn read_repository(&self, repo: &RepoRef) -> Result<Repository> {
        let call = Call::get(self.url(repo, &[])?);
        let found = match self.call::<RestRepository>(repo, Grant::Read, &call).await {
            Ok(found) if found.id == repo.id => found,
            Err(error) if !error.has_status(StatusCode::NOT_FOUND) && !error.is_redirect() => {
                return Err(error.into());
            }
            _ => self.find_by_id(repo).await?,
        };
        if !is_name(&found.owner.login) || !is_name(&found.name) {
            return Err(not_found(format!(
                "GitHub returned an invalid owner or an invalid name for the repository {repo}"
            )));
        }
        self.tokens.learn_name(repo, &found.owner.login, &found.name);
        let current = RepoRef {
            host: repo.host.clone(),
            id: found.id,
            owner: found.owner.login,
            name: found.name,
        };
        Ok(Repository::new(current, found.default_branch).with_archived(found.archived))
    }

    /// Finds `repo` by its id, in the list of repositories that the leased token can access.
    async fn find_by_id(&self, repo: &RepoRef) -> Result<RestRepository> {
        #[derive(Deserialize)]
        struct Answer {
            repositories: Vec<RestRepository>,
        }
        let call = Call::get(self.tokens.endpoints.api(&["installation", "repositories"]));
        let answer: Answer = self.call(repo, Grant::Read, &call).await?;
        answer.repositories.into_iter().find(|found| found.id == repo.id).ok_or_else(|| {
            not_found(format!(
                "the repository {repo} (id {}) is not accessible: it was deleted, or removed from \
                 the GitHub App's installation",
                repo.id
            ))
        })
    }

    /// Finds the repository `owner`/`name` on this host, and returns the repository's id and
    /// current name.
    pub(super) async fn find(&self, owner: &str, name: &str) -> Result<RepoRef> {
        let mut repo = RepoRef {
            host: self.host().to_owned(),
            id: 0,
            owner: owner.to_owned(),
            name: name.to_owned(),
        };
        let call = Call::get(self.url(&repo, &[])?);
        let found: RestRepository = parse(&call, &self.tokens.send_by_name(&repo, &call).await?)?;
        repo.id = found.id;
        self.read_repository(&repo).await.map(|found| found.repo)
    }
}
