//! Reactions to issues and comments.

use axum::http::StatusCode;
use serde_json::Value;

use super::super::answer::{Answer, Failure, nothing, page, reply};
use super::super::render::{self, REACTIONS};
use super::super::routes::{Allowed, Ask};
use super::super::state::Reaction;

/// What is reacted to.
#[derive(Clone, Copy)]
enum Target {
    Issue,
    Comment,
}

impl Target {
    fn allowed<'a>(self, ask: &'a Ask, write: bool) -> Result<(Allowed<'a>, u64), Failure> {
        match self {
            Self::Issue => ask.allowed_at_issue(write),
            Self::Comment => {
                let at = ask.allowed("issues|pull_requests", write)?;
                let number = super::comments::find(ask, &at)?.0.number;
                Ok((at, number))
            }
        }
    }

    fn reactions<'a>(
        self,
        ask: &Ask,
        at: &'a mut Allowed<'_>,
        number: u64,
    ) -> Result<&'a mut Vec<Reaction>, Failure> {
        let issue = at.issue_mut(number)?;
        match self {
            Self::Issue => Ok(&mut issue.reactions),
            Self::Comment => {
                let id = ask.id("comment_id");
                let found = issue.comments.iter_mut().find(|comment| comment.id == id);
                found.map(|found| &mut found.reactions).ok_or_else(Failure::not_found)
            }
        }
    }
}

fn list(ask: &Ask, target: Target) -> Answer {
    let all: Vec<Value> = {
        let (mut at, number) = target.allowed(ask, false)?;
        let wanted = |reaction: &&Reaction| {
            ask.ask("content").is_none_or(|content| content == reaction.content)
        };
        let all = target.reactions(ask, &mut at, number)?.iter().filter(wanted);
        all.map(|found| render::reaction(&ask.inner, found)).collect()
    };
    page(ask, &all)
}

/// 201 for a new one, 200 for one that is there (GitHub docs, "Create reaction for an issue").
fn add(ask: &Ask, target: Target) -> Answer {
    let content = ask.text("content").unwrap_or_default();
    if !REACTIONS.contains(&content) {
        return Err(Failure::field("Reaction", "content", "invalid"));
    }
    let (mut at, number) = target.allowed(ask, true)?;
    let (id, user) = (at.state.next_id(), at.doer.actor.clone());
    let all = target.reactions(ask, &mut at, number)?;
    if let Some(had) = all.iter().find(|had| had.user.id == user.id && had.content == content) {
        return reply(StatusCode::OK, &render::reaction(&ask.inner, had));
    }
    let new = Reaction { id, user, content: content.to_owned(), created_at: ask.inner.now() };
    let body = render::reaction(&ask.inner, &new);
    all.push(new);
    reply(StatusCode::CREATED, &body)
}

fn remove(ask: &Ask, target: Target) -> Answer {
    let (mut at, number) = target.allowed(ask, true)?;
    let id = ask.id("reaction_id");
    let all = target.reactions(ask, &mut at, number)?;
    let index = all.iter().position(|had| had.id == id).ok_or_else(Failure::not_found)?;
    all.remove(index);
    nothing()
}

pub(in super::super) async fn of_issue(ask: Ask) -> Answer {
    list(&ask, Target::Issue)
}

pub(in super::super) async fn to_issue(ask: Ask) -> Answer {
    add(&ask, Target::Issue)
}

pub(in super::super) async fn off_issue(ask: Ask) -> Answer {
    remove(&ask, Target::Issue)
}

pub(in super::super) async fn of_comment(ask: Ask) -> Answer {
    list(&ask, Target::Comment)
}

pub(in super::super) async fn to_comment(ask: Ask) -> Answer {
    add(&ask, Target::Comment)
}

pub(in super::super) async fn off_comment(ask: Ask) -> Answer {
    remove(&ask, Target::Comment)
}
