//! What a test or a demo looks at from outside.

use ccc_core::Secret;
use ccc_core::event::RepoRef;

use super::Emulator;
use super::apps::App;
use super::records::{Call, Comment, HookDelivery, PullRequest, TokenInfo};
use super::state::{self, Reaction};

fn reactions(all: &[Reaction]) -> Vec<(String, String)> {
    all.iter().map(|one| (one.user.login.clone(), one.content.clone())).collect()
}

fn comment(comment: &state::Comment) -> Comment {
    Comment {
        id: comment.id,
        author: comment.author.clone(),
        body: comment.body.clone(),
        created_at: comment.created_at,
        updated_at: comment.updated_at,
        reactions: reactions(&comment.reactions),
    }
}

impl Emulator {
    /// The App's number.
    #[must_use]
    pub fn app_id(&self) -> u64 {
        self.inner.app_id
    }

    fn app<T>(&self, look: impl FnOnce(&App) -> T) -> Option<T> {
        self.inner.state().app(self.inner.app_id).map(look)
    }

    /// The App's private key, PEM (PKCS#1, as GitHub hands it out).
    #[must_use]
    pub fn private_key_pem(&self) -> Secret {
        self.app(|app| app.key.pem.clone()).unwrap_or_else(nothing)
    }

    /// What webhooks are signed with.
    #[must_use]
    pub fn webhook_secret(&self) -> Secret {
        self.app(|app| app.webhook_secret.clone()).unwrap_or_else(nothing)
    }

    /// Every request so far, in the order in which they came; of very many, the last 20 000.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.inner.state().calls.iter().cloned().collect()
    }

    /// Every token that was minted, without the token itself.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenInfo> {
        self.inner.state().tokens.iter().map(|token| token.info.clone()).collect()
    }

    /// The pull requests of a repository, by number.
    #[must_use]
    pub fn pull_requests(&self, repo: &RepoRef) -> Vec<PullRequest> {
        let state = self.inner.state();
        let Some(found) = state.repo(repo.id) else { return Vec::new() };
        let pulls = found.issues.values().filter_map(|issue| Some((issue, issue.pull.as_ref()?)));
        pulls
            .map(|(issue, pull)| PullRequest {
                number: issue.number,
                title: issue.title.clone(),
                body: issue.body.clone().unwrap_or_default(),
                head: pull.head.clone(),
                head_sha: pull.head_sha.clone(),
                base: pull.base.clone(),
                draft: pull.draft,
                open: issue.open,
                author: issue.author.login.clone(),
                url: self.inner.web(&format!("/{}/pull/{}", found.full_name(), issue.number)),
            })
            .collect()
    }

    /// The comments of an issue or a pull request, oldest first.
    #[must_use]
    pub fn comments(&self, repo: &RepoRef, number: u64) -> Vec<Comment> {
        let state = self.inner.state();
        let issue = state.issue(repo.id, number);
        issue.map(|issue| issue.comments.iter().map(comment).collect()).unwrap_or_default()
    }

    /// Login and content of each reaction on an issue.
    #[must_use]
    pub fn reactions(&self, repo: &RepoRef, number: u64) -> Vec<(String, String)> {
        let state = self.inner.state();
        state.issue(repo.id, number).map(|issue| reactions(&issue.reactions)).unwrap_or_default()
    }

    /// Every attempt to deliver a webhook, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<HookDelivery> {
        self.inner.state().deliveries.clone()
    }
}

/// What stands for a secret of an App that is not there; the first App always is.
fn nothing() -> Secret {
    Secret::from("")
}
