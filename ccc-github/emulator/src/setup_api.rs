//! Methods with which a test or a demo changes the emulator's state.

use secrecy::SecretString;

use crate::account::{ActorKind, Permission};
use crate::activity;
use crate::app::{Manifest, default_events, default_permissions};
use crate::emulator::Emulator;
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::git::FileChange;
use crate::model::{Issue, IssueKey, IssueLocation, Repo};
use crate::repo_ref::RepoRef;
use crate::seed;

/// A GitHub App that [`Emulator::add_app`] has registered, with its credentials.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewApp {
    /// The App's ID.
    pub id: u64,
    /// The App's private key, as PEM.
    pub private_key: SecretString,
    /// The App's webhook secret. The emulator signs the App's webhook deliveries with this secret.
    pub webhook_secret: SecretString,
}

impl Emulator {
    /// Reopens the issue or pull request `number` if `open` is true, and otherwise closes it.
    /// Delivers no webhook.
    pub fn set_issue_open(&self, repo: &RepoRef, number: u64, open: bool) {
        let now = self.inner.now();
        self.change_issue(repo, number, |issue| {
            issue.open = open;
            issue.closed_at = (!open).then_some(now);
        });
    }

    /// Locks the issue `number` if `locked` is true, and otherwise unlocks it. Only accounts with
    /// push access can comment on a locked issue.
    pub fn set_issue_locked(&self, repo: &RepoRef, number: u64, locked: bool) {
        self.change_issue(repo, number, |issue| issue.locked = locked);
    }

    /// Deletes the issue `number`. Later requests for the issue fail with the status 410.
    pub fn delete_issue(&self, repo: &RepoRef, number: u64) {
        self.change_issue(repo, number, |issue| issue.location = IssueLocation::Deleted);
    }

    /// Transfers the issue `number` from the repository `repo` to the repository `to`. Returns the
    /// number of the issue in `to`. The former URL of the issue redirects to the new URL.
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
            issue.location = IssueLocation::Moved(IssueKey { repo: to.id, number: moved });
        }
        Ok(moved)
    }

    /// Sets the permission level of the account `login` in the repository `repo`. The owner of a
    /// repository has [`Permission::Admin`] in it. Other accounts have [`Permission::None`] until
    /// this method is called. In a public repository, every account can open issues.
    pub fn set_permission(&self, repo: &RepoRef, login: &str, permission: Permission) {
        self.change(repo, |found| {
            found.permissions.insert(login.to_ascii_lowercase(), permission);
        });
    }

    /// Makes a repository read-only if `archived` is true, and otherwise writable.
    pub fn set_archived(&self, repo: &RepoRef, archived: bool) {
        self.change(repo, |found| found.archived = archived);
    }

    /// Makes a repository public if `public` is true, and otherwise private.
    pub fn set_public(&self, repo: &RepoRef, public: bool) {
        self.change(repo, |found| found.public = public);
    }

    /// Sets the default branch of a repository to `branch`, which does not have to exist.
    pub fn set_default_branch(&self, repo: &RepoRef, branch: &str) {
        self.change(repo, |found| branch.clone_into(&mut found.default_branch));
    }

    /// Adds a repository to the installation of the first GitHub App if `installed` is true, and
    /// otherwise removes the repository from this installation. The installation is on the account
    /// that owns the repository.
    pub fn set_installed(&self, repo: &RepoRef, installed: bool) {
        let (app, mut state) = (self.inner.app_id, self.inner.state());
        let id = state.installed_on(app, &repo.owner).map_or(0, |found| found.id);
        if let Some(found) = state.installation_mut(id) {
            if installed {
                found.excluded_repositories.remove(&repo.id);
            } else {
                found.excluded_repositories.insert(repo.id);
            }
        }
    }

    /// Changes the name of a repository to `name`. URLs with the former name redirect, as on
    /// GitHub.
    pub fn rename(&self, repo: &RepoRef, name: &str) {
        self.change(repo, |found| {
            found.former.push(found.full_name().to_ascii_lowercase());
            name.clone_into(&mut found.name);
        });
    }

    /// Transfers a repository to the account `owner`. Creates this account if it does not exist.
    /// URLs with the former owner redirect. The first GitHub App retains access only if it is also
    /// installed on `owner`.
    pub fn transfer(&self, repo: &RepoRef, owner: &str) {
        self.add_user(owner, ActorKind::User);
        self.change(repo, |found| {
            found.former.push(found.full_name().to_ascii_lowercase());
            owner.clone_into(&mut found.owner);
        });
    }

    /// Deletes a repository with its issues and pull requests. The git repository on the disk is
    /// not removed.
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

    /// Uninstalls the first GitHub App from the account `owner`, and revokes the tokens of the
    /// installation.
    pub fn uninstall(&self, owner: &str) {
        let mut state = self.inner.state();
        if let Some(id) = state.installed_on(self.inner.app_id, owner).map(|found| found.id) {
            state.uninstall(id);
        }
    }

    /// Uninstalls the first GitHub App from the account `owner` and installs it again. The new
    /// installation has a different ID, and the tokens of the old installation are revoked.
    pub fn reinstall(&self, owner: &str) {
        self.uninstall(owner);
        let now = self.inner.now();
        self.inner.state().install(self.inner.app_id, owner, now);
    }

    /// Revokes all installation tokens that have been issued so far.
    pub fn revoke_tokens(&self) {
        for token in &mut self.inner.state().tokens {
            token.info.revoked = true;
        }
    }

    /// Suspends the first GitHub App's installation on the account `owner` if `suspended` is true,
    /// and otherwise ends the suspension.
    pub fn set_suspended(&self, owner: &str, suspended: bool) {
        let (now, mut state) = (self.inner.now(), self.inner.state());
        let id = state.installed_on(self.inner.app_id, owner).map_or(0, |found| found.id);
        if let Some(found) = state.installation_mut(id) {
            found.suspended_at = suspended.then_some(now);
        }
    }

    /// Registers a GitHub App called `name` with the permissions of the first App, and installs the
    /// new App on `account`.
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
            default_events: default_events(),
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

    /// Creates a commit on `branch` that sets the file `path` to `content`. Returns the ID of the
    /// commit. A branch that does not exist is created from the default branch.
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

    /// Deletes the branch `branch` of a repository.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the branch does not exist, and
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if git fails.
    pub async fn delete_branch(&self, repo: &RepoRef, branch: &str) -> Result<()> {
        let git = self.inner.git(repo.id);
        let old = git.branch(branch).await.ok_or_else(Error::not_found)?;
        git.move_ref(&format!("refs/heads/{branch}"), "", &old).await
    }

    /// Refuses later pushes to branches whose name starts with `prefix`, as GitHub does for a
    /// protected branch. git prints `message` when such a push fails.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `prefix` is empty or contains characters
    /// other than letters, digits and `-_./`, or if `message` has several lines;
    /// [`Unavailable`](crate::ErrorKind::Unavailable) if the rule cannot be written to the disk.
    pub async fn refuse_push(&self, repo: &RepoRef, prefix: &str, message: &str) -> Result<()> {
        self.inner.git(repo.id).refuse_push(prefix, message).await
    }

    /// Sets the URL that the first GitHub App's webhooks are sent to. The emulator sends no webhooks
    /// until a URL is set, by this method or in the configuration.
    pub fn set_webhook_url(&self, url: impl Into<String>) {
        let (app, mut state) = (self.inner.app_id, self.inner.state());
        if let Some(app) = state.apps.iter_mut().find(|found| found.id == app) {
            app.webhook_url = Some(url.into());
        }
    }

    /// Adds `fault`, which then changes the responses to matching requests.
    pub fn inject(&self, fault: Fault) {
        self.inner.state().faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.inner.state().faults.clear();
    }

    /// Injects a fault into the next `count` requests that have the method `method` and a path that
    /// starts with `path`. These requests have no effect, and their responses have the status
    /// `status`.
    pub fn fail_next(&self, method: &str, path: &str, status: u16, count: usize) {
        self.inject(Fault::on(method, path).status(status).times(count));
    }

    /// Injects a fault into the next `count` requests that have the method `method` and a path that
    /// starts with `path`. These requests have their usual effect, but their ordinary responses are
    /// lost: the client receives responses with the status `status`.
    pub fn lose_next(&self, method: &str, path: &str, status: u16, count: usize) {
        self.inject(Fault::on(method, path).status(status).times(count).after_the_effect());
    }

    /// Sets whether each new installation token also has the permission `administration: write`,
    /// even if the request for the token did not contain this permission. This imitates a faulty or
    /// hostile GitHub.
    pub fn grant_too_much(&self, too_much: bool) {
        self.inner.state().grant_too_much = too_much;
    }
}
