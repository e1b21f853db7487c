//! Issues and pull requests: pages and user actions.

use std::collections::HashMap;
use std::sync::Arc;

use maud::{Markup, html};

use crate::activity::{self, NewIssue};
use crate::caller::Sender;
use crate::model::{Issue, IssueKey, IssueLocation, Reaction, Repo};
use crate::pages::layout::{Page, page, redirect, user_field};
use crate::pages::markdown::{Names, markdown};
use crate::pages::repository::{diff as coloured, head, headed, plain};
use crate::state::{Inner, State};
use crate::webhooks::deliver_later;

pub(crate) fn list(inner: &Inner, id: u64, pulls: bool, query: &HashMap<String, String>) -> Page {
    let state = inner.state();
    let repo = state.repo(id)?;
    let name = repo.full_name();
    let closed = query.get("state").is_some_and(|state| state == "closed");
    let wanted = |issue: &&Issue| issue.pull.is_some() == pulls && issue.open != closed;
    let place = if pulls { "pulls" } else { "issues" };
    let body = html! {
        (head(repo))
        p {
            a href={ "/" (name) "/" (place) } { "Open" } " · "
            a href={ "/" (name) "/" (place) "?state=closed" } { "Closed" }
            @if !pulls { " · " a href={ "/" (name) "/issues/new" } { "New issue" } }
        }
        table {
            @for issue in repo.issues.values().rev().filter(wanted) {
                @let kind = if pulls { "pull" } else { "issues" };
                tr {
                    td { a href={ "/" (name) "/" (kind) "/" (issue.number) } { (issue.title) } (labels(issue)) }
                    td { small { "#" (issue.number) " by " (issue.author.login) ", " (issue.created_at) } }
                }
            }
        }
    };
    Some(page(&format!("{place} of {name}"), &body))
}

fn labels(issue: &Issue) -> Markup {
    html! { @for label in &issue.labels { " " span.label { (label) } } }
}

fn reacted(all: &[Reaction]) -> Markup {
    html! {
        @if !all.is_empty() {
            p { small { @for one in all { (one.content) " by " (one.user.login) " " } } }
        }
    }
}

pub(crate) fn new(inner: &Inner, id: u64) -> Page {
    let (head, name) = headed(inner, id)?;
    let body = html! {
        (head)
        form method="post" action={ "/" (name) "/issues" } {
            p { input type="text" name="title" placeholder="Title" required maxlength="256"; }
            p { textarea name="body" placeholder="Description" {} }
            (user_field(inner)) " " button { "Open the issue" }
        }
    };
    Some(page("New issue", &body))
}

pub(crate) async fn show(inner: &Inner, id: u64, name: &str, number: u64) -> Page {
    let (top, conversation, pull) = {
        let state = inner.state();
        let repo = state.repo(id)?;
        let issue = repo.issues.get(&number)?;
        match issue.location {
            IssueLocation::Deleted => return None,
            IssueLocation::Moved(IssueKey { repo, number }) => {
                let name = state.repo(repo)?.full_name();
                return Some(redirect(&inner.web(&format!("/{name}/issues/{number}"))));
            }
            IssueLocation::Here => {}
        }
        let names = PageNames { state: &state, repo };
        (html! { (head(repo)) (title(issue)) }, conversation(issue, &names), issue.pull.clone())
    };
    let changes = match &pull {
        Some(pull) => Some(inner.git(id).diff(&pull.base_sha, &pull.head_sha).await),
        None => None,
    };
    let address = format!("/{name}/issues/{number}");
    let body = html! {
        (top)
        (conversation)
        @if let Some(changes) = changes { h2 { "Changes" } (coloured(&changes)) }
        form method="post" action={ (address) "/comments" } {
            p { textarea name="body" placeholder="Comment" required {} }
            (user_field(inner)) " " button { "Comment" }
        }
        form.inline method="post" action={ (address) "/labels" } {
            input name="label" placeholder="label" value="claude"; " "
            (user_field(inner)) " " button { "Add label" }
        }
        " "
        form.inline method="post" action={ (address) "/state" } {
            (user_field(inner)) " " button { "Close or reopen" }
        }
    };
    Some(page(&format!("#{number} of {name}"), &body))
}

fn title(issue: &Issue) -> Markup {
    html! {
        h1 { (issue.title) " " small { "#" (issue.number) } }
        p {
            @if issue.open { span.state { "Open" } } @else { span class="state closed" { "Closed" } }
            (labels(issue))
            @if issue.locked { " " span.label { "locked" } }
            @if let Some(pull) = &issue.pull {
                " " (issue.author.login) " wants to merge " code { (pull.head) } " into " code { (pull.base) }
                @if pull.draft { " " span.label { "draft" } }
            }
            @for person in &issue.assignees { " " span.label { "→ " (person.login) } }
        }
    }
}

/// The names in a text of the repository `repo`.
struct PageNames<'s> {
    state: &'s State,
    repo: &'s Repo,
}

impl Names for PageNames<'_> {
    fn has_account(&self, login: &str) -> bool {
        self.state.user(login).is_some()
    }

    fn issue(&self, repository: Option<&str>, number: u64) -> Option<String> {
        let repo = match repository {
            None => self.repo,
            Some(name) => {
                let (owner, name) = name.split_once('/')?;
                self.state.repo_named(owner, name)?
            }
        };
        let issue = repo.issues.get(&number)?;
        let kind = if issue.pull.is_some() { "pull" } else { "issues" };
        Some(format!("/{}/{kind}/{number}", repo.full_name()))
    }
}

fn conversation(issue: &Issue, names: &PageNames<'_>) -> Markup {
    html! {
        article {
            p { strong { (issue.author.login) } " " small { (issue.created_at) } }
            div.markdown { (markdown(issue.body.as_deref().unwrap_or("*No description.*"), names)) }
            (reacted(&issue.reactions))
        }
        @for comment in &issue.comments {
            article id={ "issuecomment-" (comment.id) } {
                p {
                    strong { (comment.author.login) } " " small { (comment.created_at) }
                    @if comment.updated_at != comment.created_at { small { " · edited" } }
                }
                div.markdown { (markdown(&comment.body, names)) }
                (reacted(&comment.reactions))
            }
        }
    }
}

pub(crate) async fn diff(inner: &Inner, id: u64, number: u64) -> Page {
    let key = IssueKey { repo: id, number };
    let pull = inner.state().issue(key)?.pull.clone()?;
    Some(plain(inner.git(id).diff(&pull.base_sha, &pull.head_sha).await))
}

fn sender(state: &State, form: &HashMap<String, String>) -> Option<Sender> {
    Some(Sender { actor: state.user(form.get("user")?)?.clone(), via: None })
}

pub(crate) fn open(
    inner: &Arc<Inner>,
    owner: &str,
    name: &str,
    form: &HashMap<String, String>,
) -> Page {
    let mut state = inner.state();
    let repo = state.repo_named(owner, name)?;
    let (id, full_name) = (repo.id, repo.full_name());
    let sender = sender(&state, form)?;
    let title = form.get("title").filter(|title| !title.trim().is_empty())?;
    let new =
        NewIssue { title: title.clone(), body: form.get("body").cloned(), ..NewIssue::default() };
    let (number, hooks) = activity::open_issue(inner, &mut state, id, &sender, new)?;
    drop(state);
    deliver_later(inner, hooks);
    Some(redirect(&format!("/{full_name}/issues/{number}")))
}

pub(crate) fn act(
    inner: &Arc<Inner>,
    owner: &str,
    name: &str,
    number: u64,
    what: &str,
    form: &HashMap<String, String>,
) -> Page {
    let mut state = inner.state();
    let repo = state.repo_named(owner, name)?;
    let (key, full_name) = (IssueKey { repo: repo.id, number }, repo.full_name());
    let sender = sender(&state, form)?;
    let hooks = match what {
        "comments" => {
            let body = form.get("body").filter(|body| !body.trim().is_empty())?;
            activity::add_comment(inner, &mut state, key, &sender, body)?.1
        }
        "labels" => {
            let label = form.get("label").filter(|label| !label.is_empty())?;
            activity::add_label(inner, &mut state, key, &sender, label)?
        }
        "state" => {
            let open = !state.issue(key)?.open;
            activity::set_open(inner, &mut state, key, &sender, open, None)?
        }
        _ => return None,
    };
    drop(state);
    deliver_later(inner, hooks);
    Some(redirect(&format!("/{full_name}/issues/{number}")))
}
