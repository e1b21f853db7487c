//! Labels of a repository, and on its issues.

use axum::http::StatusCode;
use ccc_core::vcs::Permission;
use serde_json::Value;

use super::super::answer::{Answer, Failure, nothing, ok, page, reply};
use super::super::hooks::{Hook, deliver_later};
use super::super::routes::{Allowed, Ask};
use super::super::state::Label;
use super::super::{render, work};
use super::issues::strings;

fn on_issue(ask: &Ask, at: &Allowed<'_>, number: u64) -> Result<Vec<Value>, Failure> {
    let repo = at.repo()?;
    let labels = at.issue(number)?.labels.iter().filter_map(|name| repo.label(name));
    Ok(labels.map(|label| render::label(&ask.inner, repo, label)).collect())
}

pub(in super::super) async fn of_issue(ask: Ask) -> Answer {
    let all = {
        let (at, number) = ask.allowed_at_issue(false)?;
        on_issue(&ask, &at, number)?
    };
    page(&ask, &all)
}

/// The labels that the body asks for: `{"labels": […]}`, or the list alone.
fn wanted(ask: &Ask) -> Result<Vec<String>, Failure> {
    let list = if ask.body.is_array() { &ask.body } else { &ask.body["labels"] };
    let wanted = strings(list, "name");
    if wanted.iter().any(String::is_empty) {
        return Err(Failure::field("Label", "name", "missing_field"));
    }
    Ok(wanted)
}

/// Makes the issue's labels these.
pub(super) fn replace(
    ask: &Ask,
    at: &mut Allowed<'_>,
    number: u64,
    wanted: &[String],
) -> Result<Vec<Hook>, Failure> {
    let (doer, place) = (at.doer.clone(), (ask.repo, number));
    let had = at.issue(number)?.labels.clone();
    let mut hooks = Vec::new();
    for name in had.iter().filter(|name| !wanted.contains(name)) {
        let told = work::unlabel(&ask.inner, &mut at.state, place, &doer, name);
        hooks.extend(told.unwrap_or_default());
    }
    for name in wanted {
        let told = work::label(&ask.inner, &mut at.state, place, &doer, name);
        hooks.extend(told.unwrap_or_default());
    }
    Ok(hooks)
}

fn change(ask: &Ask, keep: bool, wanted: &[String]) -> Result<Vec<Value>, Failure> {
    let (mut at, number) = ask.allowed_at_issue(true)?;
    at.require(ask, Permission::Triage)?;
    let kept = if keep { at.issue(number)?.labels.clone() } else { Vec::new() };
    let hooks = replace(ask, &mut at, number, &[&kept, wanted].concat())?;
    let all = on_issue(ask, &at, number)?;
    drop(at);
    deliver_later(&ask.inner, hooks);
    Ok(all)
}

pub(in super::super) async fn add(ask: Ask) -> Answer {
    ok(&change(&ask, true, &wanted(&ask)?)?.into())
}

pub(in super::super) async fn set(ask: Ask) -> Answer {
    ok(&change(&ask, false, &wanted(&ask)?)?.into())
}

pub(in super::super) async fn clear(ask: Ask) -> Answer {
    change(&ask, false, &[])?;
    nothing()
}

pub(in super::super) async fn remove(ask: Ask) -> Answer {
    let (mut at, number) = ask.allowed_at_issue(true)?;
    let (doer, place) = (at.doer.clone(), (ask.repo, number));
    at.require(&ask, Permission::Triage)?;
    let told = work::unlabel(&ask.inner, &mut at.state, place, &doer, ask.param("name"));
    let missing = || Failure::new(StatusCode::NOT_FOUND, "Label does not exist");
    let hooks = told.ok_or_else(missing)?;
    let all = on_issue(&ask, &at, number)?;
    drop(at);
    deliver_later(&ask.inner, hooks);
    ok(&all.into())
}

pub(in super::super) async fn list(ask: Ask) -> Answer {
    let all: Vec<Value> = {
        let at = ask.allowed("issues|pull_requests", false)?;
        let repo = at.repo()?;
        repo.labels.iter().map(|label| render::label(&ask.inner, repo, label)).collect()
    };
    page(&ask, &all)
}

pub(in super::super) async fn create(ask: Ask) -> Answer {
    let mut at = ask.allowed("issues|pull_requests", true)?;
    at.require(&ask, Permission::Write)?;
    let name = ask.text("name").unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::field("Label", "name", "missing_field"));
    }
    if at.repo()?.label(name).is_some() {
        return Err(Failure::field("Label", "name", "already_exists"));
    }
    let label = Label {
        id: at.state.next_id(),
        name: name.to_owned(),
        color: ask.text("color").unwrap_or("ededed").to_owned(),
        description: ask.text("description").map(str::to_owned),
    };
    let body = render::label(&ask.inner, at.repo()?, &label);
    at.repo_mut()?.labels.push(label);
    reply(StatusCode::CREATED, &body)
}

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let at = ask.allowed("issues|pull_requests", false)?;
    let repo = at.repo()?;
    let label = repo.label(ask.param("name")).ok_or_else(Failure::not_found)?;
    ok(&render::label(&ask.inner, repo, label))
}
