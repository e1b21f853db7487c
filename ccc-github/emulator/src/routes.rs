//! The table of the REST API's routes, with the paths and parameter names of GitHub's OpenAPI
//! description.

use std::collections::HashMap;

use axum::http::Method;
use futures_util::future::BoxFuture;

use crate::api::{app, comments, contents, hooks, installations, issues, labels, meta};
use crate::api::{pulls, reactions, refs, repositories, tokens, users};
use crate::request::ApiRequest;
use crate::response::Answer;

type Handler = fn(ApiRequest) -> BoxFuture<'static, Answer>;

/// A route of the REST API.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) run: Handler,
}

macro_rules! routes {
    ($($method:ident $path:literal $handler:path;)*) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            run: |request| Box::pin($handler(request)),
        }),*]
    };
}

/// The routes of the REST API. A request uses the first route that matches.
pub(crate) const ROUTES: &[Route] = routes! {
    GET "/app" app::show;
    GET "/apps/{app_slug}" app::show_by_slug;
    POST "/app-manifests/{code}/conversions" app::convert;
    GET "/app/installations" installations::list;
    GET "/app/installations/{installation_id}" installations::show;
    DELETE "/app/installations/{installation_id}" installations::uninstall;
    PUT "/app/installations/{installation_id}/suspended" installations::suspend;
    DELETE "/app/installations/{installation_id}/suspended" installations::unsuspend;
    POST "/app/installations/{installation_id}/access_tokens" tokens::mint;
    GET "/repos/{owner}/{repo}/installation" installations::of_repository;
    GET "/users/{username}/installation" installations::of_account;
    GET "/installation/repositories" tokens::repositories;
    DELETE "/installation/token" tokens::revoke;
    GET "/app/hook/config" hooks::config;
    PATCH "/app/hook/config" hooks::change_config;
    GET "/app/hook/deliveries" hooks::list;
    GET "/app/hook/deliveries/{delivery_id}" hooks::show;
    POST "/app/hook/deliveries/{delivery_id}/attempts" hooks::redeliver;
    GET "/users/{username}" users::show;
    GET "/rate_limit" meta::rate_limit;
    GET "/meta" meta::show;
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

/// The path parameters whose values can contain slashes, because the values are names of files or
/// refs. If such a parameter is the last part of a route, its value extends to the end of the path.
const MULTI_SEGMENT: [&str; 3] = ["path", "ref", "branch"];

/// Matches the segments of `path` with `pattern`, such as `/repos/{owner}/{repo}`. Returns the
/// values that `path` contains for the parameters of `pattern`, or `None` if `path` does not match.
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
        let value = if MULTI_SEGMENT.contains(&name) && pattern.ends_with(part) {
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

/// Returns the route that matches `method` and the segments of `path`, and the values of the path
/// parameters. A HEAD request uses the route for GET.
pub(crate) fn find(
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
