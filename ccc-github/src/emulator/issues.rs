//! Issues, comments, labels, reactions.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{self, Credential};
use super::server::Refusal;
use super::state::{self, Comment, Issue, Shared, now};
use super::{hooks, render};

/// The longest body that GitHub takes, in characters.
const MAX_BODY: usize = 65_536;

type Answer = Result<Response, Refusal>;

pub(super) async fn open(
    shared: &Shared,
    owner: &str,
    name: &str,
    login: &str,
    title: &str,
    body: &str,
) -> ccc_core::Result<u64> {
    let (number, payload) = {
        let mut state = shared.state();
        let (id, author) = (state.id(), state.user(login, "User"));
        let repository = state.repository(owner, name)?;
        let number = repository.next_number();
        repository.issues.push(Issue {
            id,
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            author,
            open: true,
            labels: Vec::new(),
            created_at: now(),
            updated_at: now(),
        });
        (number, payload(shared, &state, owner, name, number, "opened", author))
    };
    hooks::deliver(shared, "issues", "opened", &payload).await;
    Ok(number)
}

pub(super) async fn label(
    shared: &Shared,
    owner: &str,
    name: &str,
    number: u64,
    login: &str,
    label: &str,
) -> ccc_core::Result<()> {
    let mut payload = {
        let mut state = shared.state();
        let sender = state.user(login, "User");
        let issue = state.repository(owner, name)?.issue(number).ok_or_else(|| no_issue(number))?;
        issue.labels.push(label.to_owned());
        issue.updated_at = now();
        payload(shared, &state, owner, name, number, "labeled", sender)
    };
    payload["label"] = render::label(label);
    hooks::deliver(shared, "issues", "labeled", &payload).await;
    Ok(())
}

pub(super) async fn comment(
    shared: &Shared,
    owner: &str,
    name: &str,
    number: u64,
    login: &str,
    body: &str,
) -> ccc_core::Result<u64> {
    let (id, payload) = {
        let mut state = shared.state();
        let author = state.user(login, "User");
        state.repository(owner, name)?.issue(number).ok_or_else(|| no_issue(number))?;
        let comment = add_comment(&mut state, owner, name, number, author, body)?;
        let mut payload = payload(shared, &state, owner, name, number, "created", author);
        if let Some(of) = state.repositories.iter().find(|r| r.owner == owner && r.name == name) {
            payload["comment"] = render::comment(&shared.base, &state, of, &comment);
        }
        (comment.id, payload)
    };
    hooks::deliver(shared, "issue_comment", "created", &payload).await;
    Ok(id)
}

fn no_issue(number: u64) -> ccc_core::Error {
    ccc_core::Error::new(ccc_core::ErrorKind::NotFound, format!("there is no issue {number}"))
}

/// A payload about an issue.
fn payload(
    shared: &Shared,
    state: &state::State,
    owner: &str,
    name: &str,
    number: u64,
    action: &str,
    sender: u64,
) -> Value {
    let Some(repository) = state.repositories.iter().find(|r| r.owner == owner && r.name == name)
    else {
        return Value::Null;
    };
    let mut payload = hooks::envelope(shared, state, repository, action, sender);
    if let Some(issue) = repository.issues.iter().find(|issue| issue.number == number) {
        payload["issue"] = render::issue(&shared.base, state, repository, issue);
    }
    payload
}

fn add_comment(
    state: &mut state::State,
    owner: &str,
    name: &str,
    issue: u64,
    author: u64,
    body: &str,
) -> ccc_core::Result<Comment> {
    let id = state.id();
    let body = body.to_owned();
    let comment = Comment { id, issue, author, body, created_at: now(), updated_at: now() };
    state.repository(owner, name)?.comments.push(comment.clone());
    Ok(comment)
}

#[derive(Deserialize)]
pub(super) struct NewIssue {
    title: String,
    #[serde(default)]
    body: String,
}

/// A person opens an issue: for `curl`.
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    Json(new): Json<NewIssue>,
) -> Answer {
    let Credential::User(login) = Credential::of(&headers) else {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "name a person in the header X-Emulator-User",
        ));
    };
    let number = open(&shared, &owner, &name, &login, &new.title, &new.body).await?;
    Ok((StatusCode::CREATED, Json(json!({ "number": number, "title": new.title }))).into_response())
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, number)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Answer {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("issues", "read"))?;
    let mut state = shared.state();
    state.repository(&owner, &name)?.issue(number).ok_or_else(Refusal::not_found)?;
    let shown = payload(&shared, &state, &owner, &name, number, "", 0);
    Ok(Json(shown["issue"].clone()).into_response())
}

#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(default = "first")]
    page: usize,
    #[serde(default = "thirty")]
    per_page: usize,
}

fn first() -> usize {
    1
}

fn thirty() -> usize {
    30
}

pub(super) async fn list_comments(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, number)): Path<(String, String, u64)>,
    Query(Page { page, per_page }): Query<Page>,
    headers: HeaderMap,
) -> Answer {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("issues", "read"))?;
    let mut state = shared.state();
    state.repository(&owner, &name)?.issue(number).ok_or_else(Refusal::not_found)?;
    let per_page = per_page.clamp(1, 100);
    let state = &*state;
    let of = state.repositories.iter().find(|r| r.owner == owner && r.name == name);
    let of = of.ok_or_else(Refusal::not_found)?;
    let all: Vec<&Comment> = of.comments.iter().filter(|c| c.issue == number).collect();
    let shown: Vec<Value> = all
        .iter()
        .skip((page.max(1) - 1) * per_page)
        .take(per_page)
        .map(|comment| render::comment(&shared.base, state, of, comment))
        .collect();
    let mut response = Json(shown).into_response();
    if page * per_page < all.len() {
        let next = format!(
            "<{}/repos/{owner}/{name}/issues/{number}/comments?per_page={per_page}&page={}>; rel=\"next\"",
            shared.base,
            page + 1
        );
        if let Ok(link) = HeaderValue::from_str(&next) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

#[derive(Deserialize)]
pub(super) struct Body {
    body: String,
}

impl Body {
    fn check(&self) -> Result<(), Refusal> {
        if self.body.chars().count() > MAX_BODY {
            return Err(Refusal::invalid("body is too long (maximum is 65536 characters)"));
        }
        Ok(())
    }
}

pub(super) async fn create_comment(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, number)): Path<(String, String, u64)>,
    headers: HeaderMap,
    Json(new): Json<Body>,
) -> Answer {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("issues", "write"))?;
    new.check()?;
    let mut state = shared.state();
    state.repository(&owner, &name)?.issue(number).ok_or_else(Refusal::not_found)?;
    let bot = state.bot();
    let comment = add_comment(&mut state, &owner, &name, number, bot, &new.body)?;
    Ok((StatusCode::CREATED, shown(&shared, &state, &owner, &name, &comment)).into_response())
}

pub(super) async fn edit_comment(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, id)): Path<(String, String, u64)>,
    headers: HeaderMap,
    Json(new): Json<Body>,
) -> Answer {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("issues", "write"))?;
    new.check()?;
    let mut state = shared.state();
    let comments = &mut state.repository(&owner, &name)?.comments;
    let comment = comments.iter_mut().find(|comment| comment.id == id);
    let comment = comment.ok_or_else(Refusal::not_found)?;
    comment.body = new.body;
    comment.updated_at = now();
    let comment = comment.clone();
    Ok(shown(&shared, &state, &owner, &name, &comment).into_response())
}

fn shown(
    shared: &Shared,
    state: &state::State,
    owner: &str,
    name: &str,
    comment: &Comment,
) -> Json<Value> {
    let of = state.repositories.iter().find(|r| r.owner == owner && r.name == name);
    Json(of.map_or(Value::Null, |of| render::comment(&shared.base, state, of, comment)))
}

#[derive(Deserialize)]
pub(super) struct Reaction {
    content: String,
}

/// One reaction of a kind for each account and thing.
pub(super) async fn react(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, target)): Path<(String, String, u64)>,
    headers: HeaderMap,
    Json(reaction): Json<Reaction>,
) -> Answer {
    auth::require(&shared, &headers, &format!("{owner}/{name}"), ("issues", "write"))?;
    let mut state = shared.state();
    let (id, bot) = (state.id(), state.bot());
    let user = render::user(&state.user_by_id(bot));
    let reactions = &mut state.repository(&owner, &name)?.reactions;
    let new = (reaction.content.clone(), target);
    let status = if reactions.contains(&new) { StatusCode::OK } else { StatusCode::CREATED };
    if status == StatusCode::CREATED {
        reactions.push(new);
    }
    let body = json!({ "id": id, "content": reaction.content, "user": user, "created_at": now() });
    Ok((status, Json(body)).into_response())
}
