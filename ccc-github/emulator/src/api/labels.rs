//! Labels of a repository and of its issues.

use axum::http::StatusCode;
use serde_json::Value;

use crate::account::Permission;
use crate::activity;
use crate::api::fields::strings;
use crate::failure::Failure;
use crate::model::Label;
use crate::render;
use crate::request::{ApiRequest, Authorized};
use crate::response::{Answer, nothing, ok, page, reply};
use crate::webhooks::{PendingDelivery, deliver_later};

fn on_issue(
    request: &ApiRequest,
    access: &Authorized<'_>,
    number: u64,
) -> Result<Vec<Value>, Failure> {
    let repo = access.repo()?;
    let labels = access.issue(number)?.labels.iter().filter_map(|name| repo.label(name));
    Ok(labels.map(|label| render::label(&request.inner, repo, label)).collect())
}

pub(crate) async fn of_issue(request: ApiRequest) -> Answer {
    let all = {
        let (access, number) = request.authorize_issue(false)?;
        on_issue(&request, &access, number)?
    };
    page(&request, &all)
}

/// Returns the names of the labels in the request body, which is `{"labels": […]}` or only the
/// array. Fails if a name is empty.
fn wanted(request: &ApiRequest) -> Result<Vec<String>, Failure> {
    let list = if request.body.is_array() { &request.body } else { &request.body["labels"] };
    let wanted = strings(list, "name");
    if wanted.iter().any(String::is_empty) {
        return Err(Failure::field("Label", "name", "missing_field"));
    }
    Ok(wanted)
}

/// Replaces the labels of the issue `number` with `wanted`. Returns the webhook deliveries to send.
pub(crate) fn replace(
    request: &ApiRequest,
    access: &mut Authorized<'_>,
    number: u64,
    wanted: &[String],
) -> Result<Vec<PendingDelivery>, Failure> {
    let (sender, key) = (access.sender.clone(), request.issue_key(number));
    let had = access.issue(number)?.labels.clone();
    let mut hooks = Vec::new();
    for name in had.iter().filter(|name| !wanted.contains(name)) {
        let changed = activity::remove_label(&request.inner, &mut access.state, key, &sender, name);
        hooks.extend(changed.unwrap_or_default());
    }
    for name in wanted {
        let changed = activity::add_label(&request.inner, &mut access.state, key, &sender, name);
        hooks.extend(changed.unwrap_or_default());
    }
    Ok(hooks)
}

fn change(request: &ApiRequest, add: bool, wanted: &[String]) -> Result<Vec<Value>, Failure> {
    let (mut access, number) = request.authorize_issue(true)?;
    access.require(request, Permission::Triage)?;
    let present = if add { access.issue(number)?.labels.clone() } else { Vec::new() };
    let hooks = replace(request, &mut access, number, &[&present, wanted].concat())?;
    let all = on_issue(request, &access, number)?;
    drop(access);
    deliver_later(&request.inner, hooks);
    Ok(all)
}

pub(crate) async fn add(request: ApiRequest) -> Answer {
    ok(&change(&request, true, &wanted(&request)?)?.into())
}

pub(crate) async fn set(request: ApiRequest) -> Answer {
    ok(&change(&request, false, &wanted(&request)?)?.into())
}

pub(crate) async fn clear(request: ApiRequest) -> Answer {
    change(&request, false, &[])?;
    nothing()
}

pub(crate) async fn remove(request: ApiRequest) -> Answer {
    let (mut access, number) = request.authorize_issue(true)?;
    let (sender, key) = (access.sender.clone(), request.issue_key(number));
    access.require(&request, Permission::Triage)?;
    let changed = activity::remove_label(
        &request.inner,
        &mut access.state,
        key,
        &sender,
        request.path_param("name"),
    );
    let missing = || Failure::new(StatusCode::NOT_FOUND, "Label does not exist");
    let hooks = changed.ok_or_else(missing)?;
    let all = on_issue(&request, &access, number)?;
    drop(access);
    deliver_later(&request.inner, hooks);
    ok(&all.into())
}

pub(crate) async fn list(request: ApiRequest) -> Answer {
    let all: Vec<Value> = {
        let access = request.authorize("issues|pull_requests", false)?;
        let repo = access.repo()?;
        repo.labels.iter().map(|label| render::label(&request.inner, repo, label)).collect()
    };
    page(&request, &all)
}

pub(crate) async fn create(request: ApiRequest) -> Answer {
    let mut access = request.authorize("issues|pull_requests", true)?;
    access.require(&request, Permission::Write)?;
    let name = request.text("name").unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::field("Label", "name", "missing_field"));
    }
    if access.repo()?.label(name).is_some() {
        return Err(Failure::field("Label", "name", "already_exists"));
    }
    let label = Label {
        id: access.state.next_id(),
        name: name.to_owned(),
        color: request.text("color").unwrap_or("ededed").to_owned(),
        description: request.text("description").map(str::to_owned),
    };
    let body = render::label(&request.inner, access.repo()?, &label);
    access.repo_mut()?.labels.push(label);
    reply(StatusCode::CREATED, &body)
}

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let access = request.authorize("issues|pull_requests", false)?;
    let repo = access.repo()?;
    let label = repo.label(request.path_param("name")).ok_or_else(Failure::not_found)?;
    ok(&render::label(&request.inner, repo, label))
}
