//! Creation of reactions on issues and comments.

use ccc_core::Result;
use ccc_core::event::RepoRef;
use ccc_core::vcs::{Grant, ReactionTarget};
use http::Method;

use crate::client::Call;
use crate::host::github::GitHub;
use crate::host::issue_error;

impl GitHub {
    /// Adds the reaction `eyes` to `target`. If the GitHub App already reacted, GitHub returns 200
    /// and adds no second reaction.
    pub(super) async fn write_reaction(
        &self,
        repo: &RepoRef,
        target: ReactionTarget,
    ) -> Result<()> {
        let (url, issue) = match target {
            ReactionTarget::Issue(number) => {
                (self.url(repo, &["issues", &number.to_string(), "reactions"])?, Some(number))
            }
            ReactionTarget::Comment(id) => {
                (self.url(repo, &["issues", "comments", &id.to_string(), "reactions"])?, None)
            }
        };
        let body = serde_json::json!({ "content": "eyes" });
        let call = Call::json(Method::POST, url, &body)?.idempotent();
        match (self.tokens.send(repo, Grant::Discuss, &call).await, issue) {
            (Ok(_), _) => Ok(()),
            (Err(error), Some(number)) => Err(issue_error::explain(error, repo, number)),
            (Err(error), None) => Err(error.into()),
        }
    }
}
