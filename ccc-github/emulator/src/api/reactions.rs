//! Reactions to issues and comments.

use axum::http::StatusCode;
use serde_json::Value;

use crate::api::comments;
use crate::failure::Failure;
use crate::model::Reaction;
use crate::render::{self, REACTIONS};
use crate::request::{ApiRequest, Authorized};
use crate::response::{Answer, nothing, page, reply};

/// The kind of object that a reaction belongs to: an issue (or pull request) or a comment.
#[derive(Clone, Copy)]
enum Target {
    Issue,
    Comment,
}

impl Target {
    fn authorize<'a>(
        self,
        request: &'a ApiRequest,
        write: bool,
    ) -> Result<(Authorized<'a>, u64), Failure> {
        match self {
            Self::Issue => request.authorize_issue(write),
            Self::Comment => {
                let access = request.authorize("issues|pull_requests", write)?;
                let number = comments::find(request, &access)?.0.number;
                Ok((access, number))
            }
        }
    }

    fn reactions<'a>(
        self,
        request: &ApiRequest,
        access: &'a mut Authorized<'_>,
        number: u64,
    ) -> Result<&'a mut Vec<Reaction>, Failure> {
        let issue = access.issue_mut(number)?;
        match self {
            Self::Issue => Ok(&mut issue.reactions),
            Self::Comment => {
                let id = request.id("comment_id");
                let found = issue.comments.iter_mut().find(|comment| comment.id == id);
                found.map(|found| &mut found.reactions).ok_or_else(Failure::not_found)
            }
        }
    }
}

fn list(request: &ApiRequest, target: Target) -> Answer {
    let all: Vec<Value> = {
        let (mut access, number) = target.authorize(request, false)?;
        let wanted = |reaction: &&Reaction| {
            request.query_param("content").is_none_or(|content| content == reaction.content)
        };
        let all = target.reactions(request, &mut access, number)?.iter().filter(wanted);
        all.map(|found| render::reaction(&request.inner, found)).collect()
    };
    page(request, &all)
}

/// Adds the caller's reaction. Responds with the status 201, or with 200 if the caller had already
/// added this reaction (GitHub docs, "Create reaction for an issue").
fn add(request: &ApiRequest, target: Target) -> Answer {
    let content = request.text("content").unwrap_or_default();
    if !REACTIONS.contains(&content) {
        return Err(Failure::field("Reaction", "content", "invalid"));
    }
    let (mut access, number) = target.authorize(request, true)?;
    let (id, user) = (access.state.next_id(), access.sender.actor.clone());
    let all = target.reactions(request, &mut access, number)?;
    if let Some(had) = all.iter().find(|had| had.user.id == user.id && had.content == content) {
        return reply(StatusCode::OK, &render::reaction(&request.inner, had));
    }
    let new = Reaction { id, user, content: content.to_owned(), created_at: request.inner.now() };
    let body = render::reaction(&request.inner, &new);
    all.push(new);
    reply(StatusCode::CREATED, &body)
}

fn remove(request: &ApiRequest, target: Target) -> Answer {
    let (mut access, number) = target.authorize(request, true)?;
    let id = request.id("reaction_id");
    let all = target.reactions(request, &mut access, number)?;
    let index = all.iter().position(|had| had.id == id).ok_or_else(Failure::not_found)?;
    all.remove(index);
    nothing()
}

pub(crate) async fn of_issue(request: ApiRequest) -> Answer {
    list(&request, Target::Issue)
}

pub(crate) async fn to_issue(request: ApiRequest) -> Answer {
    add(&request, Target::Issue)
}

pub(crate) async fn off_issue(request: ApiRequest) -> Answer {
    remove(&request, Target::Issue)
}

pub(crate) async fn of_comment(request: ApiRequest) -> Answer {
    list(&request, Target::Comment)
}

pub(crate) async fn to_comment(request: ApiRequest) -> Answer {
    add(&request, Target::Comment)
}

pub(crate) async fn off_comment(request: ApiRequest) -> Answer {
    remove(&request, Target::Comment)
}
