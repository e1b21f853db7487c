//! Branches, refs and commits.

use axum::http::StatusCode;
use serde_json::Value;

use crate::activity;
use crate::failure::Failure;
use crate::git::Git;
use crate::render;
use crate::request::ApiRequest;
use crate::response::{Answer, nothing, ok, page, reply};

/// Returns the git repository that the request path names. Fails if the caller does not have read
/// access, or if `write` is true and the caller does not have write access.
fn git(request: &ApiRequest, write: bool) -> Result<Git, Failure> {
    request.authorize("contents", write)?;
    Ok(request.git())
}

/// Returns the git repository that the request path names. Fails for the same reasons as [`git`].
/// Also fails, with the status 409, if the repository is empty (GitHub docs, "Get a reference").
async fn git_with_refs(request: &ApiRequest, write: bool) -> Result<Git, Failure> {
    let git = git(request, write)?;
    if git.refs("refs/").await.is_empty() {
        return Err(Failure::new(StatusCode::CONFLICT, "Git Repository is empty."));
    }
    Ok(git)
}

pub(crate) async fn branches(request: ApiRequest) -> Answer {
    let refs = git(&request, false)?.refs("refs/heads/").await;
    let all: Vec<Value> = {
        let access = request.authorize("contents", false)?;
        let repo = access.repo()?;
        refs.iter()
            .filter_map(|(name, sha)| Some((name.strip_prefix("refs/heads/")?, sha)))
            .map(|(name, sha)| render::branch(&request.inner, repo, name, sha))
            .collect()
    };
    page(&request, &all)
}

pub(crate) async fn branch(request: ApiRequest) -> Answer {
    let git = git(&request, false)?;
    let name = request.path_param("branch");
    let missing = || Failure::new(StatusCode::NOT_FOUND, "Branch not found");
    let sha = git.branch(name).await.ok_or_else(missing)?;
    let info = git.show(&sha).await.ok_or_else(missing)?;
    let access = request.authorize("contents", false)?;
    let mut shown = render::branch(&request.inner, access.repo()?, name, &sha);
    shown["commit"] = render::commit(&request.inner, access.repo()?, &info);
    ok(&shown)
}

pub(crate) async fn commit(request: ApiRequest) -> Answer {
    let git = git_with_refs(&request, false).await?;
    let revision = request.path_param("ref").to_owned();
    let info = git.show(&revision).await.ok_or_else(|| {
        let why = format!("No commit found for SHA: {revision}");
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why)
    })?;
    let access = request.authorize("contents", false)?;
    ok(&render::commit(&request.inner, access.repo()?, &info))
}

pub(crate) async fn show(request: ApiRequest) -> Answer {
    let name = format!("refs/{}", request.path_param("ref"));
    let refs = git_with_refs(&request, false).await?.refs(&name).await;
    let (name, sha) =
        refs.into_iter().find(|(found, _)| *found == name).ok_or_else(Failure::not_found)?;
    let access = request.authorize("contents", false)?;
    ok(&render::git_ref(&request.inner, access.repo()?, &name, &sha))
}

pub(crate) async fn matching(request: ApiRequest) -> Answer {
    let git = git_with_refs(&request, false).await?;
    let refs = git.refs(&format!("refs/{}", request.path_param("ref"))).await;
    let access = request.authorize("contents", false)?;
    let repo = access.repo()?;
    let all: Vec<Value> =
        refs.iter().map(|(name, sha)| render::git_ref(&request.inner, repo, name, sha)).collect();
    ok(&all.into())
}

/// Returns the field `sha` of the request body if it consists of 40 hexadecimal digits. Otherwise
/// returns 40 zeros. The caller's request then fails, because no object has the ID of 40 zeros.
fn object_id(request: &ApiRequest) -> String {
    let sha = request.text("sha").unwrap_or_default();
    let whole = sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit());
    if whole { sha.to_owned() } else { "0".repeat(40) }
}

pub(crate) async fn create(request: ApiRequest) -> Answer {
    let git = git_with_refs(&request, true).await?;
    let unprocessable = |why: &str| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let name = request.text("ref").unwrap_or_default();
    let parts = name.split('/').count();
    let writable = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
    if !writable || parts < 3 || !git.is_ref_name(name).await {
        return Err(unprocessable(
            "Reference name must start with 'refs/' and contain two slashes",
        ));
    }
    let sha = object_id(&request);
    let sha = git.commit_at(&sha).await.ok_or_else(|| unprocessable("Object does not exist"))?;
    git.move_ref(name, &sha, "").await.map_err(|_| unprocessable("Reference already exists"))?;
    let access = request.authorize("contents", true)?;
    reply(StatusCode::CREATED, &render::git_ref(&request.inner, access.repo()?, name, &sha))
}

pub(crate) async fn update(request: ApiRequest) -> Answer {
    let git = git_with_refs(&request, true).await?;
    let name = format!("refs/{}", request.path_param("ref"));
    let unprocessable = |why: &str| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let old = git.commit_at(&name).await;
    let old = old.ok_or_else(|| unprocessable("Reference does not exist"))?;
    let sha = object_id(&request);
    let sha = git.commit_at(&sha).await.ok_or_else(|| unprocessable("Object does not exist"))?;
    let force = request.body["force"].as_bool().unwrap_or(false);
    if !force && !git.contains(&sha, &old).await {
        return Err(unprocessable("Update is not a fast forward"));
    }
    let busy = |_| Failure::new(StatusCode::CONFLICT, "the reference moved meanwhile");
    git.move_ref(&name, &sha, &old).await.map_err(busy)?;
    activity::update_pull_requests(&request.inner, request.repo).await;
    let access = request.authorize("contents", true)?;
    ok(&render::git_ref(&request.inner, access.repo()?, &name, &sha))
}

pub(crate) async fn delete(request: ApiRequest) -> Answer {
    let git = git_with_refs(&request, true).await?;
    let name = format!("refs/{}", request.path_param("ref"));
    let missing = || Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Reference does not exist");
    let old = git.commit_at(&name).await.ok_or_else(missing)?;
    let default = request.authorize("contents", true)?.repo()?.default_branch.clone();
    if name == format!("refs/heads/{default}") {
        let why = "Cannot delete the default branch";
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    git.move_ref(&name, "", &old).await.map_err(|_| missing())?;
    activity::update_pull_requests(&request.inner, request.repo).await;
    nothing()
}
