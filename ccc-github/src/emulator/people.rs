//! What people do, as a test or a demo has them do it.

use ccc_core::event::{Actor, RepoRef};
use ccc_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::auth::Doer;
use super::hooks::{Hook, deliver_all};
use super::state::State;
use super::{Emulator, work};

fn known(state: &State, login: &str) -> Result<Actor> {
    state.user(login).cloned().ok_or_else(|| {
        let line = format!("the emulator knows no user {}: add it first", login.escape_default());
        Error::new(ErrorKind::NotFound, line)
    })
}

pub(super) fn missing() -> Error {
    Error::new(ErrorKind::NotFound, "the emulator has no such repository or issue")
}

impl Emulator {
    /// Opens an issue and delivers `issues.opened`; ends when the delivery was answered.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an account or repository that is not there. What became of the
    /// delivery is in [`deliveries`](Self::deliveries).
    pub async fn open_issue(
        &self,
        repo: &RepoRef,
        login: &str,
        title: &str,
        body: &str,
    ) -> Result<u64> {
        let new = work::New {
            title: title.to_owned(),
            body: Some(body.to_owned()),
            ..work::New::default()
        };
        let opened =
            self.as_user(login, |state, doer| work::open(&self.inner, state, repo.id, doer, new));
        let (number, hooks) = opened?;
        deliver_all(&self.inner, hooks).await;
        Ok(number)
    }

    /// Puts a label on an issue and delivers `issues.labeled`.
    ///
    /// # Errors
    /// As [`open_issue`](Self::open_issue).
    pub async fn label_issue(
        &self,
        repo: &RepoRef,
        number: u64,
        login: &str,
        label: &str,
    ) -> Result<()> {
        let at = (repo.id, number);
        let hooks =
            self.as_user(login, |state, doer| work::label(&self.inner, state, at, doer, label))?;
        deliver_all(&self.inner, hooks).await;
        Ok(())
    }

    /// Writes a comment and delivers `issue_comment.created`; gives its id.
    ///
    /// # Errors
    /// As [`open_issue`](Self::open_issue).
    pub async fn comment(
        &self,
        repo: &RepoRef,
        number: u64,
        login: &str,
        body: &str,
    ) -> Result<u64> {
        let at = (repo.id, number);
        let (id, hooks) =
            self.as_user(login, |state, doer| work::comment(&self.inner, state, at, doer, body))?;
        deliver_all(&self.inner, hooks).await;
        Ok(id)
    }

    fn as_user<T>(
        &self,
        login: &str,
        act: impl FnOnce(&mut State, &Doer) -> Option<T>,
    ) -> Result<T> {
        let mut state = self.inner.state();
        let doer = Doer { actor: known(&state, login)?, via: None };
        act(&mut state, &doer).ok_or_else(missing)
    }

    /// Delivers an event of your own making to the App: the event's name, and its payload.
    pub async fn deliver(&self, event: &str, payload: &serde_json::Value) {
        let hook = Hook::to_app(self.inner.app_id, None, None, event, payload);
        deliver_all(&self.inner, vec![hook]).await;
    }

    /// Delivers a `ping`.
    pub async fn ping(&self) {
        self.deliver("ping", &json!({ "zen": "Keep it logically awesome.", "hook_id": 1 })).await;
    }
}
