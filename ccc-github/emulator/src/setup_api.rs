//! Methods with which a test or a demo changes the emulator's state.

use secrecy::SecretString;

use crate::account::{ActorKind, Permission};
use crate::activity;
use crate::app::{Manifest, default_permissions, usual_events};
use crate::emulator::Emulator;
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::git::FileChange;
use crate::model::{Issue, IssueKey, Place, Repo};
use crate::repo_ref::RepoRef;
use crate::seed;

/// A new App, with its credentials.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewApp {
    /// The App's ID.
    pub id: u64,
    /// The private key, as PEM.
    pub private_key: SecretString,
    /// The secret that signs its webhooks.
    pub webhook_secret: SecretString,
}

impl Emulator {
    /// Closes or reopens an issue or a pull request. Delivers no webhook.
    pub fn set_issue_open(&self, repo: &RepoRef, number: u64, open: bool) {
        let now = self.inner.now();
        self.change_issue(repo, number, |issue| {
            issue.open = open;
            issue.closed_at = (!open).then_some(now);
        });
    }

    /// Locks an issue, so that only accounts with push access can comment, or unlocks it.
    pub fn set_issue_locked(&self, repo: &RepoRef, number: u64, locked: bool) {
        self.change_issue(repo, number, |issue| issue.locked = locked);
    }

    /// Deletes an issue. Requests for it return 410 afterwards.
    pub fn delete_issue(&self, repo: &RepoRef, number: u64) {
        self.change_issue(repo, number, |issue| issue.place = Place::Deleted);
    }

    /// Moves an issue to another repository; returns its number there. The former address
    /// redirects.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the issue or one of the repositories does not
    /// exist.
    pub fn transfer_issue(&self, repo: &RepoRef, number: u64, to: &RepoRef) -> Result<u64> {
        let former = IssueKey { repo: repo.id, number };
        let mut state = self.inner.state();
        let mut issue = state.issue(former).ok_or_else(Error::not_found)?.clone();
        let target = state.repo_mut(to.id).ok_or_else(Error::not_found)?;
        target.last_number += 1;
        let moved = target.last_number;
        issue.number = moved;
        target.issues.insert(moved, issue);
        if let Some(issue) = state.issue_mut(former) {
            issue.place = Place::Moved(IssueKey { repo: to.id, number: moved });
        }
        Ok(moved)
    }

    /// Sets the role of an account in a repository.
    pub fn set_permission(&self, repo: &RepoRef, login: &str, permission: Permission) {
        self.change(repo, |found| {
            found.permissions.insert(login.to_ascii_lowercase(), permission);
        });
    }

    /// Makes a repository read-only or writable.
    pub fn set_archived(&self, repo: &RepoRef, archived: bool) {
        self.change(repo, |found| found.archived = archived);
    }

    /// Makes a repository public or private.
    pub fn set_public(&self, repo: &RepoRef, public: bool) {
        self.change(repo, |found| found.public = public);
    }

    /// Sets the default branch. The branch does not have to exist.
    pub fn set_default_branch(&self, repo: &RepoRef, branch: &str) {
        self.change(repo, |found| branch.clone_into(&mut found.default_branch));
    }

    /// Adds a repository to the first App's installation on its owner, or removes it.
    pub fn set_installed(&self, repo: &RepoRef, installed: bool) {
        let (app, mut state) = (self.inner.app_id, self.inner.state());
        let id = state.installed_on(app, &repo.owner).map_or(0, |found| found.id);
        if let Some(found) = state.installation_mut(id) {
            if installed {
                found.without.remove(&repo.id);
            } else {
                found.without.insert(repo.id);
            }
        }
    }

    /// Renames a repository. The former address redirects, as on GitHub.
    pub fn rename(&self, repo: &RepoRef, name: &str) {
        self.change(repo, |found| {
            found.former.push(found.full_name().to_ascii_lowercase());
            name.clone_into(&mut found.name);
        });
    }

    /// Transfers a repository to another account. The former address redirects. The App has access
    /// only if it is also installed on that account.
    pub fn transfer(&self, repo: &RepoRef, owner: &str) {
        self.add_user(owner, ActorKind::User);
        self.change(repo, |found| {
            found.former.push(found.full_name().to_ascii_lowercase());
            owner.clone_into(&mut found.owner);
        });
    }

    /// Deletes a repository.
    pub fn delete_repository(&self, repo: &RepoRef) {
        self.inner.state().repos.retain(|found| found.id != repo.id);
    }

    fn change_issue(&self, repo: &RepoRef, number: u64, change: impl FnOnce(&mut Issue)) {
        if let Some(found) = self.inner.state().issue_mut(IssueKey { repo: repo.id, number }) {
            change(found);
        }
    }

    fn change(&self, repo: &RepoRef, change: impl FnOnce(&mut Repo)) {
        if let Some(found) = self.inner.state().repo_mut(repo.id) {
            change(found);
        }
    }

    /// Uninstalls the first App from an account and revokes its tokens.
    pub fn uninstall(&self, owner: &str) {
        let mut state = self.inner.state();
        if let Some(id) = state.installed_on(self.inner.app_id, owner).map(|found| found.id) {
            state.uninstall(id);
        }
    }

    /// Uninstalls the first App from an account and installs it again. The ID of the installation
    /// changes, and its tokens are revoked.
    pub fn reinstall(&self, owner: &str) {
        self.uninstall(owner);
        let now = self.inner.now();
        self.inner.state().install(self.inner.app_id, owner, now);
    }

    /// Revokes all tokens that have been issued so far.
    pub fn revoke_tokens(&self) {
        for token in &mut self.inner.state().tokens {
            token.info.revoked = true;
        }
    }

    /// Suspends or resumes the first App's installation on an account.
    pub fn set_suspended(&self, owner: &str, suspended: bool) {
        let (now, mut state) = (self.inner.now(), self.inner.state());
        let id = state.installed_on(self.inner.app_id, owner).map_or(0, |found| found.id);
        if let Some(found) = state.installation_mut(id) {
            found.suspended_at = suspended.then_some(now);
        }
    }

    /// Registers another App with the permissions of the first App, and installs it on `account`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name is already used or is invalid.
    pub async fn add_app(&self, name: &str, account: &str) -> Result<NewApp> {
        let manifest = Manifest {
            name: Some(name.to_owned()),
            url: self.inner.web(""),
            description: None,
            redirect_url: None,
            hook_attributes: None,
            default_permissions: default_permissions(),
            default_events: usual_events(),
        };
        let id = seed::add_app(&self.inner, manifest, "app-owner").await?;
        let now = self.inner.now();
        let mut state = self.inner.state();
        state.install(id, account, now);
        let app = state.app(id).ok_or_else(Error::not_found)?;
        Ok(NewApp {
            id,
            private_key: app.key.pem.clone(),
            webhook_secret: app.webhook_secret.clone(),
        })
    }

    /// Commits a file to a branch; returns the ID of the commit. A missing branch is created from
    /// the default branch.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if git fails.
    pub async fn write_file(
        &self,
        repo: &RepoRef,
        branch: &str,
        path: &str,
        content: &[u8],
    ) -> Result<String> {
        let start = self.inner.state().repo(repo.id).map(|found| found.default_branch.clone());
        let start = start.as_deref().unwrap_or_default();
        let change = FileChange { branch, start, path, content, message: "Change by hand" };
        let (commit, _) = self.inner.git(repo.id).write_file(&change).await?;
        activity::update_pull_requests(&self.inner, repo.id).await;
        Ok(commit)
    }

    /// Deletes a branch.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the branch does not exist, and
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if git fails.
    pub async fn delete_branch(&self, repo: &RepoRef, branch: &str) -> Result<()> {
        let git = self.inner.git(repo.id);
        let old = git.branch(branch).await.ok_or_else(Error::not_found)?;
        git.move_ref(&format!("refs/heads/{branch}"), "", &old).await
    }

    /// Refuses pushes to branches that start with `prefix`, as for a protected branch. The push
    /// fails with `message`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the prefix contains other characters
    /// than letters, digits and `-_./`, or the message has several lines;
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if the rule cannot be written.
    pub async fn refuse_push(&self, repo: &RepoRef, prefix: &str, message: &str) -> Result<()> {
        self.inner.git(repo.id).refuse_push(prefix, message).await
    }

    /// Sets the address that webhooks are sent to. Without an address, no webhooks are sent.
    pub fn set_webhook_url(&self, url: impl Into<String>) {
        let (app, mut state) = (self.inner.app_id, self.inner.state());
        if let Some(app) = state.apps.iter_mut().find(|found| found.id == app) {
            app.webhook_url = Some(url.into());
        }
    }

    /// Adds a fault.
    pub fn inject(&self, fault: Fault) {
        self.inner.state().faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.inner.state().faults.clear();
    }

    /// Fails the next `count` requests that have this method and a path that starts with `path`.
    /// They have no effect, and their response has the status `status`.
    pub fn fail_next(&self, method: &str, path: &str, status: u16, count: usize) {
        self.inject(Fault::on(method, path).status(status).times(count));
    }

    /// Fails requests as [`fail_next`](Self::fail_next) does, but after they have had their effect:
    /// only the response is lost.
    pub fn lose_next(&self, method: &str, path: &str, status: u16, count: usize) {
        self.inject(Fault::on(method, path).status(status).times(count).after_the_effect());
    }

    /// Sets whether new tokens have more permissions than were requested, as with a broken or
    /// hostile host.
    pub fn grant_too_much(&self, too_much: bool) {
        self.inner.state().grant_too_much = too_much;
    }
}
