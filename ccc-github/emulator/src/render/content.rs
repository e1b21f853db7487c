//! JSON of files, refs and commits, in the format of GitHub's API.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::git::{CommitInfo, Person};
use crate::model::Repo;
use crate::render::json::merge;
use crate::state::Inner;

/// Renders a file or a directory as JSON in the format of the response to `GET …/contents/{path}`.
/// `bytes` is the content of the file, or `None` for a directory. As on GitHub, the content of a
/// file above 1 MiB is omitted (GitHub docs, "Get repository content").
pub(crate) fn content(
    inner: &Inner,
    repo: &Repo,
    path: &str,
    sha: &str,
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
            // GitHub's encoder writes lines of 60 characters.
            let text = BASE64_STANDARD.encode(bytes);
            let lines: Vec<_> = text
                .as_bytes()
                .chunks(60)
                .map(|line| String::from_utf8_lossy(line).into_owned() + "\n")
                .collect();
            merge(head, json!({ "encoding": "base64", "content": lines.concat() }))
        }
        Some(_) => merge(head, json!({ "encoding": "none", "content": "" })),
        None => head,
    }
}

/// Renders the ref `name`, which points to the commit `sha`, as JSON in the format of GitHub's API.
pub(crate) fn git_ref(inner: &Inner, repo: &Repo, name: &str, sha: &str) -> Value {
    let api = inner.api(&format!("/repos/{}/git", repo.full_name()));
    json!({
        "ref": name,
        "node_id": format!("REF_{}_{name}", repo.id),
        "url": format!("{api}/{name}"),
        "object": { "type": "commit", "sha": sha, "url": format!("{api}/commits/{sha}") },
    })
}

/// Renders the branch `name`, whose tip is the commit `sha`, as JSON in the format of GitHub's API.
pub(crate) fn branch(inner: &Inner, repo: &Repo, name: &str, sha: &str) -> Value {
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

/// Renders a commit as JSON in the format of the response to `GET …/commits/{ref}`.
pub(crate) fn commit(inner: &Inner, repo: &Repo, commit: &CommitInfo) -> Value {
    let name = repo.full_name();
    let (api, web) = (inner.api(&format!("/repos/{name}")), inner.web(&format!("/{name}")));
    let person = |person: &Person| json!({ "name": person.name, "email": person.email, "date": person.date });
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
