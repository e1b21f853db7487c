//! Methods with which a test or a demo inspects the emulator's state.

use secrecy::SecretString;

use crate::app::App;
use crate::emulator::Emulator;
use crate::model::{self, IssueKey, Reaction};
use crate::records::{Call, Comment, HookDelivery, PullRequest, TokenInfo};
use crate::repo_ref::RepoRef;

fn reactions(all: &[Reaction]) -> Vec<(String, String)> {
    all.iter().map(|one| (one.user.login.clone(), one.content.clone())).collect()
}

fn comment(comment: &model::Comment) -> Comment {
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
    /// Returns the ID of the first GitHub App, as configured with
    /// [`EmulatorConfig::with_app`](crate::EmulatorConfig::with_app).
    #[must_use]
    pub fn app_id(&self) -> u64 {
        self.inner.app_id
    }

    fn app<T>(&self, read: impl FnOnce(&App) -> T) -> Option<T> {
        self.inner.state().app(self.inner.app_id).map(read)
    }

    /// Returns the private key of the first GitHub App in PEM format (PKCS#1, which GitHub also
    /// uses).
    #[must_use]
    pub fn private_key_pem(&self) -> SecretString {
        self.app(|app| app.key.pem.clone()).unwrap_or_else(empty_secret)
    }

    /// Returns the webhook secret of the first GitHub App. The emulator signs the App's webhook
    /// deliveries with this secret.
    #[must_use]
    pub fn webhook_secret(&self) -> SecretString {
        self.app(|app| app.webhook_secret.clone()).unwrap_or_else(empty_secret)
    }

    /// Returns the requests that the emulator has received, oldest first. Only the last 20 000
    /// requests are recorded. Requests for paths below `/_emulator/` are not recorded.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.inner.state().calls.iter().cloned().collect()
    }

    /// Returns all installation tokens that have been issued, without their secrets.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenInfo> {
        self.inner.state().tokens.iter().map(|token| token.info.clone()).collect()
    }

    /// Returns the pull requests of a repository, sorted by number.
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

    /// Returns the comments on the issue or pull request `number`, oldest first.
    #[must_use]
    pub fn comments(&self, repo: &RepoRef, number: u64) -> Vec<Comment> {
        let state = self.inner.state();
        let issue = state.issue(IssueKey { repo: repo.id, number });
        issue.map(|issue| issue.comments.iter().map(comment).collect()).unwrap_or_default()
    }

    /// Returns each reaction to the issue `number`: the login of the account, and the content, such
    /// as `eyes`.
    #[must_use]
    pub fn reactions(&self, repo: &RepoRef, number: u64) -> Vec<(String, String)> {
        let state = self.inner.state();
        state
            .issue(IssueKey { repo: repo.id, number })
            .map(|issue| reactions(&issue.reactions))
            .unwrap_or_default()
    }

    /// Returns the attempts to deliver a webhook, oldest first. Only the last 20 000 attempts are
    /// recorded.
    #[must_use]
    pub fn deliveries(&self) -> Vec<HookDelivery> {
        self.inner.state().deliveries.clone()
    }
}

/// Returns an empty secret, for the case that the first GitHub App does not exist. This case cannot
/// happen, because Apps are never removed.
fn empty_secret() -> SecretString {
    SecretString::default()
}
