//! Installations of GitHub Apps.

use std::sync::MutexGuard;

use crate::activity;
use crate::failure::Failure;
use crate::model::Installation;
use crate::render;
use crate::request::ApiRequest;
use crate::response::{Answer, nothing, ok, page};
use crate::state::State;
use crate::webhooks::deliver_later;

/// Locks the state of the emulator. Returns the state, and the installation whose ID is the path
/// parameter `installation_id`. Fails if the caller is not the App that the installation belongs
/// to.
pub(crate) fn own_installation(
    request: &ApiRequest,
) -> Result<(MutexGuard<'_, State>, Installation), Failure> {
    let app = request.caller.require_app()?;
    let state = request.inner.state();
    let found = state.installation(request.id("installation_id")).filter(|found| found.app == app);
    let found = found.cloned().ok_or_else(Failure::not_found)?;
    Ok((state, found))
}

pub(crate) async fn list(request: ApiRequest) -> Answer {
    let app = request.caller.require_app()?;
    let state = request.inner.state();
    let all = state.installations.iter().filter(|found| found.app == app);
    let all: Vec<_> =
        all.map(|found| render::installation(&request.inner, &state, found)).collect();
    drop(state);
    page(&request, &all)
}

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let (state, found) = own_installation(&request)?;
    ok(&render::installation(&request.inner, &state, &found))
}

pub(crate) async fn uninstall(request: ApiRequest) -> Answer {
    let (mut state, found) = own_installation(&request)?;
    let hooks = activity::installation_event(&request.inner, &state, found.id, "deleted");
    state.uninstall(found.id);
    drop(state);
    deliver_later(&request.inner, hooks);
    nothing()
}

pub(crate) async fn suspend(request: ApiRequest) -> Answer {
    set_suspended(&request, true)
}

pub(crate) async fn unsuspend(request: ApiRequest) -> Answer {
    set_suspended(&request, false)
}

fn set_suspended(request: &ApiRequest, is: bool) -> Answer {
    let (mut state, found) = own_installation(request)?;
    let now = request.inner.now();
    if let Some(found) = state.installation_mut(found.id) {
        found.suspended_at = is.then_some(now);
    }
    let action = if is { "suspend" } else { "unsuspend" };
    let hooks = activity::installation_event(&request.inner, &state, found.id, action);
    drop(state);
    deliver_later(&request.inner, hooks);
    nothing()
}

pub(crate) async fn of_repository(request: ApiRequest) -> Answer {
    let app = request.caller.require_app()?;
    let state = request.inner.state();
    let found = state.repo(request.repo).and_then(|repo| state.installed_at(app, repo));
    ok(&render::installation(&request.inner, &state, found.ok_or_else(Failure::not_found)?))
}

pub(crate) async fn of_account(request: ApiRequest) -> Answer {
    let app = request.caller.require_app()?;
    let state = request.inner.state();
    let found = state.installed_on(app, request.path_param("username"));
    ok(&render::installation(&request.inner, &state, found.ok_or_else(Failure::not_found)?))
}
