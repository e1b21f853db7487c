//! Accounts of users.

use crate::caller::Caller;
use crate::failure::Failure;
use crate::render;
use crate::request::ApiRequest;
use crate::response::{Answer, ok};

pub(crate) async fn show(request: ApiRequest) -> Answer {
    if matches!(request.caller, Caller::App(_)) {
        let why = "This route does not accept the JSON web token of a GitHub App: use an \
                   installation access token";
        return Err(Failure::unauthorized(why));
    }
    let state = request.inner.state();
    let user = state.user(request.path_param("username")).ok_or_else(Failure::not_found)?;
    ok(&render::public_user(&request.inner, &state, user))
}
