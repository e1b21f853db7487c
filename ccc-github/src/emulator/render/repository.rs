//! Repositories and what git has in them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::super::Inner;
use super::super::git::CommitInfo;
use super::super::state::{Repo, State};
use super::{known_user, with};

/// `full-repository` and `repository` at once: what either requires.
pub(in super::super) fn repository(inner: &Inner, state: &State, repo: &Repo) -> Value {
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
    with(with(whole, more), Value::Object(links(&api)))
}

/// The addresses below a repository, as templates where GitHub has templates.
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

/// A file, as `GET …/contents/{path}` shows it. GitHub leaves the content of files above 1 MiB out
/// (GitHub docs, "Get repository content").
pub(in super::super) fn content(
    inner: &Inner,
    repo: &Repo,
    (path, sha): (&str, &str),
    bytes: Option<&[u8]>,
) -> Value {
    let name = repo.full_name();
    let url = inner.api(&format!("/repos/{name}/contents/{path}"));
    let git = inner.api(&format!("/repos/{name}/git/blobs/{sha}"));
    let html = inner.web(&format!("/{name}/blob/{}/{path}", repo.default_branch));
    let size = bytes.map_or(0, <[u8]>::len);
    let head = json!({
        "type": if bytes.is_some() { "file" } else { "dir" },
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": sha,
        "size": size,
        "url": url,
        "git_url": git,
        "html_url": html,
        "download_url": bytes.map(|_| html.clone()),
        "_links": { "self": url, "git": git, "html": html },
    });
    match bytes {
        Some(bytes) if size <= 1024 * 1024 => {
            // In lines of 60, as GitHub's encoder writes them.
            let text = BASE64_STANDARD.encode(bytes);
            let lines: Vec<_> = text
                .as_bytes()
                .chunks(60)
                .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
                .collect();
            with(head, json!({ "encoding": "base64", "content": lines.concat() }))
        }
        Some(_) => with(head, json!({ "encoding": "none", "content": "" })),
        None => head,
    }
}

pub(in super::super) fn git_ref(inner: &Inner, repo: &Repo, name: &str, sha: &str) -> Value {
    let api = inner.api(&format!("/repos/{}/git", repo.full_name()));
    json!({
        "ref": name,
        "node_id": format!("REF_{}_{name}", repo.id),
        "url": format!("{api}/{name}"),
        "object": { "type": "commit", "sha": sha, "url": format!("{api}/commits/{sha}") },
    })
}

pub(in super::super) fn branch(inner: &Inner, repo: &Repo, name: &str, sha: &str) -> Value {
    let api = inner.api(&format!("/repos/{}", repo.full_name()));
    json!({
        "name": name,
        "commit": { "sha": sha, "url": format!("{api}/commits/{sha}") },
        "protected": false,
        "protection": { "enabled": false },
        "protection_url": format!("{api}/branches/{name}/protection"),
        "_links": {
            "self": format!("{api}/branches/{name}"),
            "html": inner.web(&format!("/{}/tree/{name}", repo.full_name())),
        },
    })
}

pub(in super::super) fn commit(inner: &Inner, repo: &Repo, commit: &CommitInfo) -> Value {
    let name = repo.full_name();
    let (api, web) = (inner.api(&format!("/repos/{name}")), inner.web(&format!("/{name}")));
    let person = |(name, email, date): &(String, String, String)| json!({ "name": name, "email": email, "date": date });
    let sha = &commit.sha;
    json!({
        "sha": sha,
        "node_id": format!("C_{sha}"),
        "url": format!("{api}/commits/{sha}"),
        "html_url": format!("{web}/commit/{sha}"),
        "comments_url": format!("{api}/commits/{sha}/comments"),
        "commit": {
            "url": format!("{api}/git/commits/{sha}"),
            "author": person(&commit.author),
            "committer": person(&commit.committer),
            "message": commit.message,
            "comment_count": 0,
            "tree": { "sha": commit.tree, "url": format!("{api}/git/trees/{}", commit.tree) },
            "verification": {
                "verified": false, "reason": "unsigned",
                "signature": null, "payload": null, "verified_at": null,
            },
        },
        "author": null,
        "committer": null,
        "parents": commit.parents.iter().map(|sha| json!({
            "sha": sha,
            "url": format!("{api}/commits/{sha}"),
            "html_url": format!("{web}/commit/{sha}"),
        })).collect::<Vec<_>>(),
    })
}
