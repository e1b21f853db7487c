//! What a test or a demo changes and looks at from outside.

use ccc_core::Result;
use ccc_core::event::RepoRef;
use ccc_core::vcs::Permission;

use super::state::{self, Call, Comment, HookDelivery, PullRequest, TokenInfo};
use super::{Emulator, git};

impl Emulator {
    /// Closes an issue, or opens it again; delivers nothing.
    pub fn set_issue_open(&self, repo: &RepoRef, number: u64, open: bool) {
        if let Some(issue) = self.inner.state().issue_mut(repo.id, number) {
            issue.open = open;
        }
    }

    /// What an account may do in a repository from now on.
    pub fn set_permission(&self, repo: &RepoRef, login: &str, permission: Permission) {
        self.change(repo, |found| {
            found.permissions.insert(login.to_ascii_lowercase(), permission);
        });
    }

    /// Makes a repository read-only, or writable again.
    pub fn set_archived(&self, repo: &RepoRef, archived: bool) {
        self.change(repo, |found| found.archived = archived);
    }

    /// Whether anybody may read it.
    pub fn set_public(&self, repo: &RepoRef, public: bool) {
        self.change(repo, |found| found.public = public);
    }

    /// Whether the App is installed on it.
    pub fn set_installed(&self, repo: &RepoRef, installed: bool) {
        self.change(repo, |found| found.installed = installed);
    }

    /// Gives it another name; the former one redirects, as on GitHub.
    pub fn rename(&self, repo: &RepoRef, name: &str) {
        self.change(repo, |found| {
            let former = std::mem::replace(&mut found.name, name.to_owned());
            found.former.push(former);
        });
    }

    /// Takes the App off an account and puts it on again: the installation's number changes, and all
    /// tokens end.
    pub fn reinstall(&self, owner: &str) {
        let mut state = self.inner.state();
        let id = state.next_id();
        state.installations.insert(owner.to_ascii_lowercase(), id);
        for token in &mut state.tokens {
            token.revoked = true;
        }
    }

    fn change(&self, repo: &RepoRef, change: impl FnOnce(&mut state::Repo)) {
        if let Some(found) = self.inner.state().repo_mut(repo.id) {
            change(found);
        }
    }

    /// Every request so far, in the order in which they came.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.inner.state().calls.clone()
    }

    /// Every token that was minted, without the token itself.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenInfo> {
        let state = self.inner.state();
        state.tokens.iter().map(|token| token.info.clone().revoked(token.revoked)).collect()
    }

    /// The pull requests of a repository, by number.
    #[must_use]
    pub fn pull_requests(&self, repo: &RepoRef) -> Vec<PullRequest> {
        let state = self.inner.state();
        let found = state.repo(repo.id);
        found.map(|found| found.pulls.values().cloned().collect()).unwrap_or_default()
    }

    /// The comments of an issue, oldest first.
    #[must_use]
    pub fn comments(&self, repo: &RepoRef, number: u64) -> Vec<Comment> {
        let state = self.inner.state();
        let issue = state.repo(repo.id).and_then(|repo| repo.issues.get(&number));
        issue.map(|issue| issue.comments.clone()).unwrap_or_default()
    }

    /// Login and content of each reaction on an issue.
    #[must_use]
    pub fn reactions(&self, repo: &RepoRef, number: u64) -> Vec<(String, String)> {
        let state = self.inner.state();
        let issue = state.repo(repo.id).and_then(|repo| repo.issues.get(&number));
        issue.map(|issue| issue.reactions.clone()).unwrap_or_default()
    }

    /// Every attempt to deliver a webhook, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<HookDelivery> {
        self.inner.state().deliveries.clone()
    }

    /// Refuses pushes to branches that start with `prefix`, as a protected branch does.
    ///
    /// # Errors
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) when the hook cannot be written.
    pub async fn refuse_push(&self, repo: &RepoRef, prefix: &str, message: &str) -> Result<()> {
        git::refuse_push(&self.inner, repo.id, prefix, message).await
    }

    /// Answers the next `count` requests of this method whose path starts so with `status`, and does
    /// nothing else about them.
    pub fn fail_next(&self, method: &str, path_prefix: &str, status: u16, count: usize) {
        self.inner.state().fail(method, path_prefix, status, count, false);
    }

    /// As [`fail_next`](Self::fail_next), after carrying the requests out: the answer gets lost.
    pub fn lose_next(&self, method: &str, path_prefix: &str, status: u16, count: usize) {
        self.inner.state().fail(method, path_prefix, status, count, true);
    }

    /// Grants every token more than it was asked for from now on, as a broken or hostile host would.
    pub fn grant_too_much(&self, too_much: bool) {
        self.inner.state().grant_too_much = too_much;
    }
}
