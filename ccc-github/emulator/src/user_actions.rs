//! User actions, triggered by a test or a demo.

use serde_json::json;

use crate::account::Actor;
use crate::activity::{self, NewIssue};
use crate::caller::Sender;
use crate::emulator::Emulator;
use crate::error::{Error, ErrorKind, Result};
use crate::model::IssueKey;
use crate::repo_ref::RepoRef;
use crate::state::State;
use crate::webhooks::{PendingDelivery, deliver_all};

/// Returns the account with this login.
fn known(state: &State, login: &str) -> Result<Actor> {
    state.user(login).cloned().ok_or_else(|| {
        let line = format!("the emulator has no user {}: add it first", login.escape_default());
        Error::new(ErrorKind::NotFound, line)
    })
}

impl Emulator {
    /// Opens an issue and delivers `issues.opened`. Returns the issue's number after the
    /// attempt to deliver.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the account or the repository does not exist. A failed delivery
    /// is not an error; its result is in [`deliveries`](Self::deliveries).
    pub async fn open_issue(
        &self,
        repo: &RepoRef,
        login: &str,
        title: &str,
        body: &str,
    ) -> Result<u64> {
        let new = NewIssue {
            title: title.to_owned(),
            body: Some(body.to_owned()),
            ..NewIssue::default()
        };
        let opened = self.as_user(login, |state, sender| {
            activity::open_issue(&self.inner, state, repo.id, sender, new)
        });
        let (number, hooks) = opened?;
        deliver_all(&self.inner, hooks).await;
        Ok(number)
    }

    /// Adds a label to an issue and delivers `issues.labeled`.
    ///
    /// # Errors
    /// The same errors as [`open_issue`](Self::open_issue).
    pub async fn label_issue(
        &self,
        repo: &RepoRef,
        number: u64,
        login: &str,
        label: &str,
    ) -> Result<()> {
        let key = IssueKey { repo: repo.id, number };
        let hooks = self.as_user(login, |state, sender| {
            activity::add_label(&self.inner, state, key, sender, label)
        })?;
        deliver_all(&self.inner, hooks).await;
        Ok(())
    }

    /// Adds a comment and delivers `issue_comment.created`; returns the ID of the comment.
    ///
    /// # Errors
    /// The same errors as [`open_issue`](Self::open_issue).
    pub async fn comment(
        &self,
        repo: &RepoRef,
        number: u64,
        login: &str,
        body: &str,
    ) -> Result<u64> {
        let key = IssueKey { repo: repo.id, number };
        let (id, hooks) = self.as_user(login, |state, sender| {
            activity::add_comment(&self.inner, state, key, sender, body)
        })?;
        deliver_all(&self.inner, hooks).await;
        Ok(id)
    }

    fn as_user<T>(
        &self,
        login: &str,
        act: impl FnOnce(&mut State, &Sender) -> Option<T>,
    ) -> Result<T> {
        let mut state = self.inner.state();
        let sender = Sender { actor: known(&state, login)?, via: None };
        act(&mut state, &sender).ok_or_else(Error::not_found)
    }

    /// Delivers an event with any name and payload to the App.
    pub async fn deliver(&self, event: &str, payload: &serde_json::Value) {
        let hook = PendingDelivery::to_app(self.inner.app_id, None, None, event, payload);
        deliver_all(&self.inner, vec![hook]).await;
    }

    /// Delivers a `ping`.
    pub async fn ping(&self) {
        self.deliver("ping", &json!({ "zen": "Keep it logically awesome.", "hook_id": 1 })).await;
    }
}
