//! Pages of repositories: files, branches and commits.

use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};

use crate::git::{Entry, Git};
use crate::model::Repo;
use crate::pages::layout::{Page, page};
use crate::state::Inner;

pub(crate) fn of_owner(inner: &Inner, owner: &str) -> Page {
    let state = inner.state();
    let user = state.user(owner)?;
    let mine: Vec<_> = state
        .repos
        .iter()
        .filter(|repo| repo.owner.eq_ignore_ascii_case(owner))
        .map(Repo::full_name)
        .collect();
    let body = html! {
        h1 { (user.login) }
        p { "Account " (user.id) }
        ul { @for name in &mine { li { a href={ "/" (name) } { (name) } } } }
    };
    Some(page(&user.login, &body))
}

/// Maximum number of segments, separated by `/`, in a branch name. The pages do not recognize a
/// branch name with more segments.
const MAX_DEPTH: usize = 12;

/// Returns the heading and the links at the top of every page of the repository `repo`.
pub(crate) fn head(repo: &Repo) -> Markup {
    let name = repo.full_name();
    let open = |pull: bool| {
        repo.issues.values().filter(|issue| issue.open && issue.pull.is_some() == pull).count()
    };
    html! {
        h1 {
            a href={ "/" (repo.owner) } { (repo.owner) } " / " a href={ "/" (name) } { (repo.name) }
            @if !repo.public { " " span.label { "private" } }
            @if repo.archived { " " span.label { "archived" } }
        }
        p {
            a href={ "/" (name) } { "Code" } " · "
            a href={ "/" (name) "/issues" } { "Issues (" (open(false)) ")" } " · "
            a href={ "/" (name) "/pulls" } { "Pull requests (" (open(true)) ")" }
        }
    }
}

pub(crate) fn headed(inner: &Inner, id: u64) -> Option<(Markup, String)> {
    let state = inner.state();
    let repo = state.repo(id)?;
    Some((head(repo), repo.full_name()))
}

/// A path of a page, such as `main/src/lib.rs`.
struct Split {
    /// The name of a branch, a tag or a commit, such as `main`.
    revision: String,
    /// The ID of the commit that `revision` names.
    commit: String,
    /// The path of a file or directory, such as `src/lib.rs`.
    below: String,
}

/// Splits the path of a page. The revision can have several segments, because branch names can contain
/// slashes.
async fn split(git: &Git, path: &str) -> Option<Split> {
    let parts: Vec<_> = path.split('/').collect();
    for end in 1..=parts.len().min(MAX_DEPTH) {
        let revision = parts[..end].join("/");
        if let Some(commit) = git.commit_named(&revision).await {
            return Some(Split { revision, commit, below: parts[end..].join("/") });
        }
    }
    None
}

pub(crate) async fn show(inner: &Inner, id: u64, path: Option<&str>) -> Page {
    let (head, name) = headed(inner, id)?;
    let git = inner.git(id);
    let default = inner.state().repo(id)?.default_branch.clone();
    let found = split(&git, path.unwrap_or(&default)).await;
    let clone = format!("git clone {}", inner.web(&format!("/{name}.git")));
    let Some(Split { revision, commit, below }) = found else {
        let body = html! { (head) p { "This repository is empty." } pre { (clone) } };
        return path.is_none().then(|| page(&name, &body));
    };
    let entries = git.list(&commit, &below).await?;
    let branches = git.refs("refs/heads/").await;
    let readme = match entries.iter().find(|entry| is_readme(&entry.path)) {
        Some(entry) => git.file(&commit, &entry.path).await,
        None => None,
    };
    let body = html! {
        (head)
        p {
            "Branch " strong { (revision) } " of " (branches.len()) " branches: "
            @for (branch, _) in &branches {
                @let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
                a href={ "/" (name) "/tree/" (branch) } { (branch) } " "
            }
        }
        (files(&name, &revision, &entries))
        pre { (clone) }
        @if let Some((_, text)) = readme { pre { (String::from_utf8_lossy(&text)) } }
    };
    Some(page(&name, &body))
}

fn is_readme(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.to_lowercase().starts_with("readme"))
}

fn files(name: &str, revision: &str, entries: &[Entry]) -> Markup {
    html! {
        table {
            @for entry in entries {
                @let (place, path) = (if entry.is_directory { "tree" } else { "blob" }, &entry.path);
                tr { td {
                    a href={ "/" (name) "/" (place) "/" (revision) "/" (path) } {
                        (path.rsplit('/').next().unwrap_or_default()) @if entry.is_directory { "/" }
                    }
                } }
            }
        }
    }
}

pub(crate) async fn file(inner: &Inner, id: u64, path: &str) -> Page {
    let (head, _) = headed(inner, id)?;
    let git = inner.git(id);
    let Split { revision, commit, below } = split(&git, path).await?;
    let (_, bytes) = git.file(&commit, &below).await?;
    let body = html! {
        (head)
        p { code { (below) } " on " strong { (revision) } }
        pre { (String::from_utf8_lossy(&bytes)) }
    };
    Some(page(&below, &body))
}

pub(crate) async fn commit(inner: &Inner, id: u64, sha: &str) -> Page {
    let (head, _) = headed(inner, id)?;
    let git = inner.git(id);
    let info = git.show(sha).await?;
    let base = info.parents.first().cloned();
    let changes = match &base {
        Some(base) => git.diff(base, &info.sha).await,
        None => String::new(),
    };
    let body = html! {
        (head)
        pre { (info.message) }
        p { (info.author.name) " <" (info.author.email) "> " small { (info.author.date) } }
        (diff(&changes))
    };
    Some(page(&info.sha, &body))
}

/// Returns the diff `text` as HTML with colours.
pub(crate) fn diff(text: &str) -> Markup {
    html! {
        pre {
            @for line in text.lines() {
                @let class = match line.as_bytes().first() {
                    Some(b'+') => "add",
                    Some(b'-') => "del",
                    Some(b'@' | b'd' | b'i') => "hunk",
                    _ => "",
                };
                span class=(class) { (line) } "\n"
            }
        }
    }
}

/// Returns a response that contains `text` as plain text, for programs.
pub(crate) fn plain(text: String) -> Response {
    text.into_response()
}
