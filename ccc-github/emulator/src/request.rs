//! Parsed calls of the REST API, and their authorization.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard};

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::account::Permission;
use crate::caller::{Caller, Sender};
use crate::failure::Failure;
use crate::git::Git;
use crate::model::{Issue, IssueKey, IssueLocation, Repo, Token};
use crate::state::{Inner, State};

/// A parsed call of the REST API.
#[derive(Debug)]
pub(crate) struct ApiRequest {
    pub(crate) inner: Arc<Inner>,
    pub(crate) method: Method,
    pub(crate) caller: Caller,
    pub(crate) params: HashMap<&'static str, String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    /// The path of the request without `/api/v3`. The links from one page of a list to the next
    /// page contain this path.
    pub(crate) path: String,
    /// The ID of the repository that the path names; 0 if the path names no repository.
    pub(crate) repo: u64,
}

/// The locked state of the emulator. A value of this type proves that the caller is authorized to
/// act in the repository of the request.
pub(crate) struct Authorized<'a> {
    pub(crate) state: MutexGuard<'a, State>,
    pub(crate) sender: Sender,
    id: u64,
}

impl Authorized<'_> {
    /// Returns the repository of the request. Fails with the status 404 if the repository was
    /// deleted.
    pub(crate) fn repo(&self) -> Result<&Repo, Failure> {
        self.state.repo(self.id).ok_or_else(Failure::not_found)
    }

    pub(crate) fn repo_mut(&mut self) -> Result<&mut Repo, Failure> {
        self.state.repo_mut(self.id).ok_or_else(Failure::not_found)
    }

    /// Checks the permission level of a caller that is a signed-in user: in the repository, the
    /// user must have at least the level `least`. A caller of any other kind passes this check,
    /// because [`ApiRequest::authorize`] has already checked its permissions.
    pub(crate) fn require(&self, request: &ApiRequest, least: Permission) -> Result<(), Failure> {
        let Caller::Person(person) = &request.caller else { return Ok(()) };
        let known = self.repo()?.permissions.get(&person.login.to_ascii_lowercase());
        if known.is_some_and(|known| *known >= least) {
            return Ok(());
        }
        Err(Failure::forbidden("Must have admin rights to Repository."))
    }

    pub(crate) fn issue(&self, number: u64) -> Result<&Issue, Failure> {
        self.repo()?.issues.get(&number).ok_or_else(Failure::not_found)
    }

    pub(crate) fn issue_mut(&mut self, number: u64) -> Result<&mut Issue, Failure> {
        self.repo_mut()?.issues.get_mut(&number).ok_or_else(Failure::not_found)
    }
}

impl ApiRequest {
    /// Returns whether the method of the call is GET or HEAD.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// Returns the value of the path parameter `name`, or an empty string if the route has no such
    /// parameter.
    pub(crate) fn path_param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// Returns the path parameter `name` as a number. Returns 0, which is never used as an ID, if
    /// the parameter is not a number.
    pub(crate) fn id(&self, name: &str) -> u64 {
        self.path_param(name).parse().unwrap_or(0)
    }

    /// Returns the value of the query parameter `name`.
    pub(crate) fn query_param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the query parameter `name` as a number, or `or` if the parameter is missing or not a
    /// number.
    pub(crate) fn query_number(&self, name: &str, or: usize) -> usize {
        self.query_param(name).and_then(|value| value.parse().ok()).unwrap_or(or)
    }

    /// Returns the query string of the request, with the parameters in `fields` added or replaced.
    pub(crate) fn query_with(&self, fields: &[(&str, &str)]) -> String {
        let kept = self.query.iter().filter(|(key, _)| fields.iter().all(|(name, _)| key != name));
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .extend_pairs(fields)
            .finish()
    }

    /// Returns the field `name` of the request body, if the field is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    /// Locks the emulator's state if the caller has the permission `permission` in the repository
    /// that the path names. If `write` is true, requires write access instead of read access.
    /// `permission` can name alternatives, such as `issues|pull_requests`.
    pub(crate) fn authorize(
        &self,
        permission: &str,
        write: bool,
    ) -> Result<Authorized<'_>, Failure> {
        let state = self.inner.state();
        let found = state.repo(self.repo).ok_or_else(Failure::not_found)?;
        let sender = self.caller.require(&state, found, permission, write)?;
        Ok(Authorized { state, sender, id: self.repo })
    }

    /// Returns whether the caller may change workflow files. Every caller may do this, except an
    /// installation token without the permission `workflows: write`.
    pub(crate) fn may_change_workflows(&self) -> bool {
        let state = self.inner.state();
        self.caller.require_token(&state).ok().is_none_or(Token::may_change_workflows)
    }

    /// Returns whether the time `changed` is at or after the time in the query parameter `since`.
    /// Returns `true` if the query has no valid `since`.
    pub(crate) fn is_since(&self, changed: Timestamp) -> bool {
        let since = self.query_param("since").and_then(|since| since.parse::<Timestamp>().ok());
        since.is_none_or(|since| changed >= since)
    }

    /// Returns the git repository of the emulated repository that the path names.
    pub(crate) fn git(&self) -> Git {
        self.inner.git(self.repo)
    }

    /// Returns the key of the issue `number` in the repository that the path names.
    pub(crate) fn issue_key(&self, number: u64) -> IssueKey {
        IssueKey { repo: self.repo, number }
    }

    /// Returns GitHub's redirect from the former URL of a repository or an issue to the URL
    /// `target`. The status is 301 for a read and 307 for a write (GitHub docs, "Best practices for
    /// using the REST API").
    pub(crate) fn moved(&self, target: &str) -> Failure {
        let status = if self.is_read() {
            StatusCode::MOVED_PERMANENTLY
        } else {
            StatusCode::TEMPORARY_REDIRECT
        };
        Failure::new(status, "Moved Permanently").header("location", target)
    }

    /// Locks the emulator's state if the caller has access to the issue or pull request that the
    /// path names. If `write` is true, requires write access instead of read access. Also returns
    /// the number of the issue. Fails with the status 410 for a deleted issue, and with a redirect
    /// for a transferred issue.
    pub(crate) fn authorize_issue(&self, write: bool) -> Result<(Authorized<'_>, u64), Failure> {
        let number = self.id("issue_number");
        let is_pull = self
            .inner
            .state()
            .issue(self.issue_key(number))
            .is_some_and(|issue| issue.pull.is_some());
        let permission = if is_pull { "issues|pull_requests" } else { "issues" };
        let access = self.authorize(permission, write)?;
        match access.issue(number)?.location {
            IssueLocation::Here => Ok((access, number)),
            IssueLocation::Deleted => Err(Failure::new(StatusCode::GONE, "This issue was deleted")),
            IssueLocation::Moved(IssueKey { repo, number }) => {
                let rest = self.path.split("/issues/").nth(1).unwrap_or_default();
                let rest = rest.split_once('/').map(|(_, rest)| format!("/{rest}"));
                let rest = rest.unwrap_or_default();
                let target = self.inner.api(&format!("/repositories/{repo}/issues/{number}{rest}"));
                Err(self.moved(&target))
            }
        }
    }
}
