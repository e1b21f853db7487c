//! JSON of repositories, in the format of GitHub's API.

use serde_json::{Value, json};

use crate::model::Repo;
use crate::render::account::known_user;
use crate::render::json::merge;
use crate::state::{Inner, State};

/// Returns the URL of the repository in the REST API, followed by `path`. `path` starts with `/` or
/// is empty.
pub(crate) fn repo_api(inner: &Inner, repo: &Repo, path: &str) -> String {
    inner.api(&format!("/repos/{}{path}", repo.full_name()))
}

/// Returns the URL of the repository's page, followed by `path`. `path` starts with `/` or is
/// empty.
pub(crate) fn repo_web(inner: &Inner, repo: &Repo, path: &str) -> String {
    inner.web(&format!("/{}{path}", repo.full_name()))
}

/// Renders a repository as JSON with the fields of GitHub's schemas `full-repository` and
/// `repository`.
pub(crate) fn repository(inner: &Inner, state: &State, repo: &Repo) -> Value {
    let name = repo.full_name();
    let (api, web) = (inner.api(&format!("/repos/{name}")), inner.web(&format!("/{name}")));
    let open = repo.issues.values().filter(|issue| issue.open).count();
    let place = inner.base_url.split_once("://").map_or("", |(_, place)| place);
    let whole = json!({
        "id": repo.id,
        "node_id": format!("R_{}", repo.id),
        "name": repo.name,
        "full_name": name,
        "owner": known_user(inner, state, &repo.owner),
        "private": !repo.public,
        "visibility": if repo.public { "public" } else { "private" },
        "html_url": web,
        "description": null,
        "fork": false,
        "url": api,
        "clone_url": format!("{web}.git"),
        "git_url": format!("git://{place}/{name}.git"),
        "ssh_url": format!("git@{place}:{name}.git"),
        "svn_url": web,
    });
    let more = json!({
        "mirror_url": null,
        "homepage": null,
        "language": null,
        "license": null,
        "size": 0,
        "default_branch": repo.default_branch,
        "archived": repo.archived,
        "disabled": false,
        "has_issues": true,
        "has_projects": false,
        "has_wiki": false,
        "has_pages": false,
        "has_downloads": true,
        "has_discussions": false,
        "topics": [],
        "forks": 0, "forks_count": 0, "network_count": 0,
        "watchers": 0, "watchers_count": 0, "stargazers_count": 0, "subscribers_count": 0,
        "open_issues": open, "open_issues_count": open,
        "pushed_at": repo.created_at,
        "created_at": repo.created_at,
        "updated_at": repo.created_at,
    });
    merge(merge(whole, more), Value::Object(links(&api)))
}

/// Returns the JSON fields whose values are URLs below `api`, the API URL of a repository. A field
/// that is a URL template on GitHub is also a URL template here.
fn links(api: &str) -> serde_json::Map<String, Value> {
    const LINKS: &[(&str, &str)] = &[
        ("archive_url", "/{archive_format}{/ref}"),
        ("assignees_url", "/assignees{/user}"),
        ("blobs_url", "/git/blobs{/sha}"),
        ("branches_url", "/branches{/branch}"),
        ("collaborators_url", "/collaborators{/collaborator}"),
        ("comments_url", "/comments{/number}"),
        ("commits_url", "/commits{/sha}"),
        ("compare_url", "/compare/{base}...{head}"),
        ("contents_url", "/contents/{+path}"),
        ("contributors_url", "/contributors"),
        ("deployments_url", "/deployments"),
        ("downloads_url", "/downloads"),
        ("events_url", "/events"),
        ("forks_url", "/forks"),
        ("git_commits_url", "/git/commits{/sha}"),
        ("git_refs_url", "/git/refs{/sha}"),
        ("git_tags_url", "/git/tags{/sha}"),
        ("hooks_url", "/hooks"),
        ("issue_comment_url", "/issues/comments{/number}"),
        ("issue_events_url", "/issues/events{/number}"),
        ("issues_url", "/issues{/number}"),
        ("keys_url", "/keys{/key_id}"),
        ("labels_url", "/labels{/name}"),
        ("languages_url", "/languages"),
        ("merges_url", "/merges"),
        ("milestones_url", "/milestones{/number}"),
        ("notifications_url", "/notifications{?since,all,participating}"),
        ("pulls_url", "/pulls{/number}"),
        ("releases_url", "/releases{/id}"),
        ("stargazers_url", "/stargazers"),
        ("statuses_url", "/statuses/{sha}"),
        ("subscribers_url", "/subscribers"),
        ("subscription_url", "/subscription"),
        ("tags_url", "/tags"),
        ("teams_url", "/teams"),
        ("trees_url", "/git/trees{/sha}"),
    ];
    LINKS.iter().map(|(name, path)| ((*name).to_owned(), format!("{api}{path}").into())).collect()
}
