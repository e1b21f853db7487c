//! The table of routes, in the words and names of GitHub's OpenAPI description.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard};

use axum::http::Method;
use ccc_core::vcs::Permission;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::Inner;
use super::answer::{Answer, Failure, moved};
use super::api::{app, comments, contents, hooks, installations, issues, labels, misc};
use super::api::{pulls, reactions, refs, repositories};
use super::auth::{Caller, Doer};
use super::state::{Issue, Place, Repo, State};

/// A request of the REST API, taken apart.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) inner: Arc<Inner>,
    pub(super) method: Method,
    pub(super) caller: Caller,
    pub(super) params: HashMap<&'static str, String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
    /// The path without `/api/v3`, for links.
    pub(super) path: String,
    /// The repository, where the path names one.
    pub(super) repo: u64,
}

/// A repository that the caller may do something in, while nobody else changes it.
pub(super) struct Allowed<'a> {
    pub(super) state: MutexGuard<'a, State>,
    pub(super) doer: Doer,
    id: u64,
}

impl Allowed<'_> {
    pub(super) fn repo(&self) -> Result<&Repo, Failure> {
        self.state.repo(self.id).ok_or_else(Failure::not_found)
    }

    pub(super) fn repo_mut(&mut self) -> Result<&mut Repo, Failure> {
        self.state.repo_mut(self.id).ok_or_else(Failure::not_found)
    }

    /// Whether a signed-in person may do that much; what an App may is in its token.
    pub(super) fn require(&self, ask: &Ask, least: Permission) -> Result<(), Failure> {
        let Caller::Person(person) = &ask.caller else { return Ok(()) };
        let known = self.repo()?.permissions.get(&person.login.to_ascii_lowercase());
        if known.is_some_and(|known| *known >= least) {
            return Ok(());
        }
        Err(Failure::forbidden("Must have admin rights to Repository."))
    }

    pub(super) fn issue(&self, number: u64) -> Result<&Issue, Failure> {
        self.repo()?.issues.get(&number).ok_or_else(Failure::not_found)
    }

    pub(super) fn issue_mut(&mut self, number: u64) -> Result<&mut Issue, Failure> {
        self.repo_mut()?.issues.get_mut(&number).ok_or_else(Failure::not_found)
    }
}

impl Ask {
    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// A part of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// A part of the path that is a number; 0, which nothing has, where it is none.
    pub(super) fn id(&self, name: &str) -> u64 {
        self.param(name).parse().unwrap_or(0)
    }

    /// A field of the query.
    pub(super) fn ask(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str, or: usize) -> usize {
        self.ask(name).and_then(|value| value.parse().ok()).unwrap_or(or)
    }

    /// The query with some fields replaced.
    pub(super) fn query_with(&self, fields: &[(&str, &str)]) -> String {
        let kept = self.query.iter().filter(|(key, _)| fields.iter().all(|(name, _)| key != name));
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .extend_pairs(fields)
            .finish()
    }

    /// A field of the body that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    /// The repository of the path, once the caller has that power in it.
    pub(super) fn allowed(&self, power: &str, write: bool) -> Result<Allowed<'_>, Failure> {
        let state = self.inner.state();
        let found = state.repo(self.repo).ok_or_else(Failure::not_found)?;
        let doer = self.caller.require(&state, found, power, write)?;
        Ok(Allowed { state, doer, id: self.repo })
    }

    /// Whether the caller may change what runs in the project's automation.
    pub(super) fn may_change_workflows(&self) -> bool {
        let state = self.inner.state();
        let Ok(token) = self.caller.require_token(&state) else { return true };
        token.info.permissions.get("workflows").is_some_and(|level| level == "write")
    }

    /// As [`allowed`](Self::allowed), for the conversation of the issue or pull request in the path.
    pub(super) fn allowed_at_issue(&self, write: bool) -> Result<(Allowed<'_>, u64), Failure> {
        let number = self.id("issue_number");
        let is_pull =
            self.inner.state().issue(self.repo, number).is_some_and(|issue| issue.pull.is_some());
        let power = if is_pull { "issues|pull_requests" } else { "issues" };
        let allowed = self.allowed(power, write)?;
        match allowed.issue(number)?.place {
            Place::Here => Ok((allowed, number)),
            Place::Deleted => {
                let gone = axum::http::StatusCode::GONE;
                Err(Failure::new(gone, "This issue was deleted"))
            }
            Place::Moved(repo, number) => {
                let rest = self.path.split("/issues/").nth(1).unwrap_or_default();
                let rest = rest.split_once('/').map(|(_, rest)| format!("/{rest}"));
                let rest = rest.unwrap_or_default();
                let target = self.inner.api(&format!("/repositories/{repo}/issues/{number}{rest}"));
                Err(moved(self, &target).err().unwrap_or_else(Failure::not_found))
            }
        }
    }
}

type Handler = fn(Ask) -> BoxFuture<'static, Answer>;

/// One route.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) run: Handler,
}

macro_rules! routes {
    ($($method:ident $path:literal $handler:path;)*) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            run: |ask| Box::pin($handler(ask)),
        }),*]
    };
}

/// Everything that is offered. What is above wins.
pub(super) const ROUTES: &[Route] = routes! {
    GET "/app" app::show;
    GET "/apps/{app_slug}" app::show_by_slug;
    POST "/app-manifests/{code}/conversions" app::convert;
    GET "/app/installations" installations::list;
    GET "/app/installations/{installation_id}" installations::show;
    DELETE "/app/installations/{installation_id}" installations::uninstall;
    PUT "/app/installations/{installation_id}/suspended" installations::suspend;
    DELETE "/app/installations/{installation_id}/suspended" installations::unsuspend;
    POST "/app/installations/{installation_id}/access_tokens" installations::mint;
    GET "/repos/{owner}/{repo}/installation" installations::of_repository;
    GET "/users/{username}/installation" installations::of_account;
    GET "/installation/repositories" installations::repositories;
    DELETE "/installation/token" installations::revoke;
    GET "/app/hook/config" hooks::config;
    PATCH "/app/hook/config" hooks::change_config;
    GET "/app/hook/deliveries" hooks::list;
    GET "/app/hook/deliveries/{delivery_id}" hooks::show;
    POST "/app/hook/deliveries/{delivery_id}/attempts" hooks::redeliver;
    GET "/users/{username}" misc::user;
    GET "/rate_limit" misc::rate_limit;
    GET "/meta" misc::meta;
    GET "/repos/{owner}/{repo}" repositories::show;
    GET "/repos/{owner}/{repo}/collaborators/{username}" repositories::is_collaborator;
    GET "/repos/{owner}/{repo}/collaborators/{username}/permission" repositories::permission;
    GET "/repos/{owner}/{repo}/contents/{path}" contents::show;
    PUT "/repos/{owner}/{repo}/contents/{path}" contents::write;
    GET "/repos/{owner}/{repo}/branches" refs::branches;
    GET "/repos/{owner}/{repo}/branches/{branch}" refs::branch;
    GET "/repos/{owner}/{repo}/commits/{ref}" refs::commit;
    GET "/repos/{owner}/{repo}/git/ref/{ref}" refs::show;
    GET "/repos/{owner}/{repo}/git/matching-refs/{ref}" refs::matching;
    POST "/repos/{owner}/{repo}/git/refs" refs::create;
    PATCH "/repos/{owner}/{repo}/git/refs/{ref}" refs::update;
    DELETE "/repos/{owner}/{repo}/git/refs/{ref}" refs::delete;
    GET "/repos/{owner}/{repo}/issues" issues::list;
    POST "/repos/{owner}/{repo}/issues" issues::open;
    GET "/repos/{owner}/{repo}/issues/comments" comments::of_repository;
    GET "/repos/{owner}/{repo}/issues/comments/{comment_id}" comments::show;
    PATCH "/repos/{owner}/{repo}/issues/comments/{comment_id}" comments::change;
    DELETE "/repos/{owner}/{repo}/issues/comments/{comment_id}" comments::delete;
    GET "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions" reactions::of_comment;
    POST "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions" reactions::to_comment;
    DELETE "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}" reactions::off_comment;
    GET "/repos/{owner}/{repo}/issues/{issue_number}" issues::show;
    PATCH "/repos/{owner}/{repo}/issues/{issue_number}" issues::change;
    GET "/repos/{owner}/{repo}/issues/{issue_number}/comments" comments::list;
    POST "/repos/{owner}/{repo}/issues/{issue_number}/comments" comments::write;
    GET "/repos/{owner}/{repo}/issues/{issue_number}/reactions" reactions::of_issue;
    POST "/repos/{owner}/{repo}/issues/{issue_number}/reactions" reactions::to_issue;
    DELETE "/repos/{owner}/{repo}/issues/{issue_number}/reactions/{reaction_id}" reactions::off_issue;
    GET "/repos/{owner}/{repo}/issues/{issue_number}/labels" labels::of_issue;
    POST "/repos/{owner}/{repo}/issues/{issue_number}/labels" labels::add;
    PUT "/repos/{owner}/{repo}/issues/{issue_number}/labels" labels::set;
    DELETE "/repos/{owner}/{repo}/issues/{issue_number}/labels" labels::clear;
    DELETE "/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}" labels::remove;
    POST "/repos/{owner}/{repo}/issues/{issue_number}/assignees" issues::assign;
    DELETE "/repos/{owner}/{repo}/issues/{issue_number}/assignees" issues::unassign;
    PUT "/repos/{owner}/{repo}/issues/{issue_number}/lock" issues::lock;
    DELETE "/repos/{owner}/{repo}/issues/{issue_number}/lock" issues::unlock;
    GET "/repos/{owner}/{repo}/labels" labels::list;
    POST "/repos/{owner}/{repo}/labels" labels::create;
    GET "/repos/{owner}/{repo}/labels/{name}" labels::show;
    GET "/repos/{owner}/{repo}/pulls" pulls::list;
    POST "/repos/{owner}/{repo}/pulls" pulls::open;
    GET "/repos/{owner}/{repo}/pulls/{pull_number}" pulls::show;
    PATCH "/repos/{owner}/{repo}/pulls/{pull_number}" pulls::change;
    GET "/repos/{owner}/{repo}/pulls/{pull_number}/files" pulls::files;
};

/// Parameters that go on to the end of the path: files and refs have slashes in their names.
const LONG: [&str; 3] = ["path", "ref", "branch"];

/// What the path says under this pattern, if it is of it.
fn params(pattern: &'static str, path: &[&str]) -> Option<HashMap<&'static str, String>> {
    let mut found = HashMap::new();
    let mut actual = path.iter();
    for part in pattern.split('/').skip(1) {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            if actual.next() != Some(&part) {
                return None;
            }
            continue;
        };
        let value = if LONG.contains(&name) && pattern.ends_with(part) {
            actual.by_ref().copied().collect::<Vec<_>>().join("/")
        } else {
            (*actual.next()?).to_owned()
        };
        if value.is_empty() {
            return None;
        }
        found.insert(name, value);
    }
    actual.next().is_none().then_some(found)
}

/// The route for this request, and what its path says.
pub(super) fn find(
    method: &Method,
    path: &[&str],
) -> Option<(&'static Route, HashMap<&'static str, String>)> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .find_map(|route| Some((route, params(route.path, path)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_its_route() {
        for (method, path, expected) in [
            ("GET", "/repos/o/r", Some("/repos/{owner}/{repo}")),
            ("GET", "/repos/o/r/issues/comments", Some("/repos/{owner}/{repo}/issues/comments")),
            ("GET", "/repos/o/r/issues/7", Some("/repos/{owner}/{repo}/issues/{issue_number}")),
            ("GET", "/repos/o/r/contents/a/b/c", Some("/repos/{owner}/{repo}/contents/{path}")),
            ("HEAD", "/app", Some("/app")),
            ("POST", "/app", None),
            ("GET", "/repos/o", None),
            ("GET", "/repos/o/r/issues/7/x", None),
        ] {
            let parts: Vec<_> = path.split('/').skip(1).collect();
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let found = find(&method, &parts).map(|(route, _)| route.path);
            assert_eq!(found, expected, "{method} {path}");
        }
        let parts = ["repos", "o", "r", "git", "ref", "heads", "a", "b"];
        let (_, params) = find(&Method::GET, &parts).unwrap();
        assert_eq!(params["ref"], "heads/a/b");
    }
}
