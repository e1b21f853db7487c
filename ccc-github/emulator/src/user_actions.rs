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

/// Returns the account `login`. Fails with [`ErrorKind::NotFound`] if the account does not exist.
fn known(state: &State, login: &str) -> Result<Actor> {
    state.user(login).cloned().ok_or_else(|| {
        let line = format!(
            "the emulator has no user {}: call `Emulator::add_user` first",
            login.escape_default()
        );
        Error::new(ErrorKind::NotFound, line)
    })
}

impl Emulator {
    /// Opens an issue as the user `login`, and delivers the webhook event `issues.opened`. Returns
    /// the issue's number after the delivery has succeeded or failed.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the user or the repository does not exist. A failed delivery is
    /// not an error; [`deliveries`](Self::deliveries) contains the result of the delivery.
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

    /// Adds `label` to the issue `number` as the user `login`, and delivers the webhook event
    /// `issues.labeled`. Creates the label if the repository does not have it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the user, the repository or the issue does not exist.
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

    /// Adds a comment to the issue or pull request `number` as the user `login`, and delivers the
    /// webhook event `issue_comment.created`. Returns the ID of the comment.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the user, the repository or the issue does not exist.
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

    /// Delivers a webhook with the event name `event` and the payload `payload` to the first GitHub
    /// App, even if the App is not subscribed to this event.
    pub async fn deliver(&self, event: &str, payload: &serde_json::Value) {
        let hook = PendingDelivery::to_app(self.inner.app_id, None, None, event, payload);
        deliver_all(&self.inner, vec![hook]).await;
    }

    /// Delivers the webhook event `ping` to the first GitHub App. GitHub uses this event to test a
    /// webhook URL.
    pub async fn ping(&self) {
        self.deliver("ping", &json!({ "zen": "Keep it logically awesome.", "hook_id": 1 })).await;
    }
}
