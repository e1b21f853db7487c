//! What a test or a demo changes from outside.

use ccc_core::event::RepoRef;
use ccc_core::vcs::Permission;
use ccc_core::{Result, Secret};

use super::apps::Manifest;
use super::git::Git;
use super::people::missing;
use super::state::{Place, Repo};
use super::{Emulator, Fault, seeding, work};

/// What a new App signs and is signed with.
#[derive(Clone, Debug)]
pub struct NewApp {
    /// Its number.
    pub id: u64,
    /// Its private key, PEM.
    pub private_key: Secret,
    /// What its webhooks are signed with.
    pub webhook_secret: Secret,
}

impl Emulator {
    /// Closes an issue or pull request, or opens it again; delivers nothing.
    pub fn set_issue_open(&self, repo: &RepoRef, number: u64, open: bool) {
        let now = self.inner.now();
        if let Some(issue) = self.inner.state().issue_mut(repo.id, number) {
            issue.open = open;
            issue.closed_at = (!open).then_some(now);
        }
    }

    /// Lets only who may write comment on it from now on.
    pub fn set_issue_locked(&self, repo: &RepoRef, number: u64, locked: bool) {
        if let Some(issue) = self.inner.state().issue_mut(repo.id, number) {
            issue.locked = locked;
        }
    }

    /// Deletes an issue: it answers 410 from now on.
    pub fn delete_issue(&self, repo: &RepoRef, number: u64) {
        if let Some(issue) = self.inner.state().issue_mut(repo.id, number) {
            issue.place = Place::Deleted;
        }
    }

    /// Moves an issue to another repository; the former place redirects. Gives its number there.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) when one of them is not there.
    pub fn transfer_issue(&self, repo: &RepoRef, number: u64, to: &RepoRef) -> Result<u64> {
        let mut state = self.inner.state();
        let mut issue = state.issue(repo.id, number).ok_or_else(missing)?.clone();
        let target = state.repo_mut(to.id).ok_or_else(missing)?;
        target.last_number += 1;
        let moved = target.last_number;
        issue.number = moved;
        target.issues.insert(moved, issue);
        if let Some(issue) = state.issue_mut(repo.id, number) {
            issue.place = Place::Moved(to.id, moved);
        }
        Ok(moved)
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

    /// Which branch is the default one, whether it is there or not.
    pub fn set_default_branch(&self, repo: &RepoRef, branch: &str) {
        self.change(repo, |found| branch.clone_into(&mut found.default_branch));
    }

    /// Whether the App is installed on it.
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

    /// Gives it another name; the former one redirects, as on GitHub.
    pub fn rename(&self, repo: &RepoRef, name: &str) {
        self.change(repo, |found| {
            found.former.push(found.full_name().to_ascii_lowercase());
            name.clone_into(&mut found.name);
        });
    }

    /// Gives it to another account; the former address redirects. Whether the App is there is another
    /// matter.
    pub fn transfer(&self, repo: &RepoRef, owner: &str) {
        self.add_user(owner, ccc_core::event::ActorKind::User);
        self.change(repo, |found| {
            found.former.push(found.full_name().to_ascii_lowercase());
            owner.clone_into(&mut found.owner);
        });
    }

    /// Deletes a repository.
    pub fn delete_repository(&self, repo: &RepoRef) {
        self.inner.state().repos.retain(|found| found.id != repo.id);
    }

    fn change(&self, repo: &RepoRef, change: impl FnOnce(&mut Repo)) {
        if let Some(found) = self.inner.state().repo_mut(repo.id) {
            change(found);
        }
    }

    /// Takes the App off an account: its tokens end.
    pub fn uninstall(&self, owner: &str) {
        let mut state = self.inner.state();
        if let Some(id) = state.installed_on(self.inner.app_id, owner).map(|found| found.id) {
            state.uninstall(id);
        }
    }

    /// Takes the App off an account and puts it on again: the installation's number changes, and its
    /// tokens end.
    pub fn reinstall(&self, owner: &str) {
        self.uninstall(owner);
        let now = self.inner.now();
        self.inner.state().install(self.inner.app_id, owner, now);
    }

    /// Ends every token that was minted so far.
    pub fn end_tokens(&self) {
        for token in &mut self.inner.state().tokens {
            token.info.revoked = true;
        }
    }

    /// Suspends the App on an account, or lets it work again.
    pub fn set_suspended(&self, owner: &str, suspended: bool) {
        let (now, mut state) = (self.inner.now(), self.inner.state());
        let id = state.installed_on(self.inner.app_id, owner).map_or(0, |found| found.id);
        if let Some(found) = state.installation_mut(id) {
            found.suspended_at = suspended.then_some(now);
        }
    }

    /// Another App with the usual permissions, and an installation of it on `account`.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) for a name that is taken or none.
    pub async fn add_app(&self, name: &str, account: &str) -> Result<NewApp> {
        let manifest = Manifest {
            name: Some(name.to_owned()),
            url: self.inner.web(""),
            description: None,
            redirect_url: None,
            hook_attributes: None,
            default_permissions: super::apps::usual_permissions(),
            default_events: super::apps::usual_events(),
        };
        let id = seeding::add_app(&self.inner, manifest, "app-owner").await?;
        let now = self.inner.now();
        let mut state = self.inner.state();
        state.install(id, account, now);
        let app = state.app(id).ok_or_else(missing)?;
        Ok(NewApp {
            id,
            private_key: app.key.pem.clone(),
            webhook_secret: app.webhook_secret.clone(),
        })
    }

    /// Puts a file on a branch, which begins at the default one if need be; gives the commit.
    ///
    /// # Errors
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) when git does not take it.
    pub async fn write_file(
        &self,
        repo: &RepoRef,
        branch: &str,
        (path, content): (&str, &[u8]),
    ) -> Result<String> {
        let git = Git::of(&self.inner, repo.id);
        let start = self.inner.state().repo(repo.id).map(|found| found.default_branch.clone());
        let place = (branch, start.as_deref().unwrap_or_default());
        let (commit, _) = git.write_file(place, (path, content), "Change by hand").await?;
        work::branches_moved(&self.inner, repo.id).await;
        Ok(commit)
    }

    /// Deletes a branch.
    ///
    /// # Errors
    /// [`NotFound`](ccc_core::ErrorKind::NotFound) when it is not there.
    pub async fn delete_branch(&self, repo: &RepoRef, branch: &str) -> Result<()> {
        let git = Git::of(&self.inner, repo.id);
        let old = git.branch(branch).await.ok_or_else(missing)?;
        git.move_ref(&format!("refs/heads/{branch}"), "", &old).await
    }

    /// Refuses pushes to branches that start with `prefix`, as a protected branch does.
    ///
    /// # Errors
    /// [`Unavailable`](ccc_core::ErrorKind::Unavailable) when that cannot be written down.
    pub async fn refuse_push(&self, repo: &RepoRef, prefix: &str, message: &str) -> Result<()> {
        Git::of(&self.inner, repo.id).refuse_push(prefix, message).await
    }

    /// Sends webhooks there from now on; nothing is sent while there is no address.
    pub fn set_webhook_url(&self, url: impl Into<String>) {
        let (app, mut state) = (self.inner.app_id, self.inner.state());
        if let Some(app) = state.apps.iter_mut().find(|found| found.id == app) {
            app.webhook_url = Some(url.into());
        }
    }

    /// From now on, this happens to the requests that it is about.
    pub fn inject(&self, fault: Fault) {
        self.inner.state().faults.push(fault);
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.inner.state().faults.clear();
    }

    /// Answers the next `count` requests of this method whose path starts so with `status`, and does
    /// nothing else about them.
    pub fn fail_next(&self, method: &str, path: &str, status: u16, count: usize) {
        self.inject(Fault::on(method, path).status(status).times(count));
    }

    /// As [`fail_next`](Self::fail_next), after carrying the requests out: the answer gets lost.
    pub fn lose_next(&self, method: &str, path: &str, status: u16, count: usize) {
        self.inject(Fault::on(method, path).status(status).times(count).after_the_effect());
    }

    /// Grants every token more than it was asked for from now on, as a broken or hostile host would.
    pub fn grant_too_much(&self, too_much: bool) {
        self.inner.state().grant_too_much = too_much;
    }
}
