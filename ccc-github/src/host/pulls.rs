//! Pull requests.

use ccc_core::BranchName;
use ccc_core::vcs::{NewPullRequest, PullRequest};
use http::{Method, StatusCode};

use super::*;

#[derive(Deserialize)]
struct RestPull {
    number: u64,
    html_url: String,
    state: String,
    head: Head,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "ref")]
    branch: String,
    /// `None` when the fork is gone.
    repo: Option<HeadRepository>,
}

#[derive(Deserialize)]
struct HeadRepository {
    id: u64,
}

impl GitHub {
    /// Looks first, so that a repeated call finds what an earlier one made; looks again when GitHub
    /// says that it exists, or when it is unclear whether the request was carried out (spec: G7).
    pub(super) async fn find_or_open(
        &self,
        repo: &RepoRef,
        new: &NewPullRequest,
    ) -> Result<PullRequest> {
        if let Some(pull) = self.find_pull(repo, &new.head).await? {
            return Ok(pull);
        }
        let body = serde_json::json!({
            "head": new.head.as_str(),
            "base": new.base,
            "title": new.title,
            "body": new.body,
            "draft": new.draft,
        });
        let call = Call::json(Method::POST, self.url(repo, &["pulls"])?, &body)?;
        let fault = match self.call::<RestPull>(repo, Grant::Publish, &call).await {
            Ok(pull) => return Ok(found(pull, &new.head)),
            Err(fault) => fault,
        };
        let exists = fault.status() == Some(StatusCode::UNPROCESSABLE_ENTITY)
            && fault.message().contains("already exists");
        if (exists || fault.is_unclear())
            && let Ok(Some(pull)) = self.find_pull(repo, &new.head).await
        {
            return Ok(pull);
        }
        Err(fault.into())
    }

    /// The pull request of the branch: an open one rather than a closed one, the newest of several.
    async fn find_pull(&self, repo: &RepoRef, head: &BranchName) -> Result<Option<PullRequest>> {
        let mut url = self.url(repo, &["pulls"])?;
        url.query_pairs_mut()
            .append_pair("head", &format!("{}:{head}", repo.owner))
            .append_pair("state", "all");
        let pulls: Vec<RestPull> = self.pages(repo, Grant::Publish, url).await?;
        // GitHub ignores a filter that it does not understand, and a fork can have a branch of the
        // same name.
        Ok(pulls
            .into_iter()
            .filter(|pull| pull.head.branch == head.as_str())
            .filter(|pull| pull.head.repo.as_ref().is_some_and(|from| from.id == repo.id))
            .max_by_key(|pull| (pull.state == "open", pull.number))
            .map(|pull| found(pull, head)))
    }
}

fn found(pull: RestPull, head: &BranchName) -> PullRequest {
    PullRequest { number: Some(pull.number), url: pull.html_url, head: head.clone() }
}
