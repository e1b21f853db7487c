//! Branches, refs and commits.

use axum::http::StatusCode;
use serde_json::Value;

use super::super::answer::{Answer, Failure, nothing, ok, page, reply};
use super::super::git::Git;
use super::super::routes::Ask;
use super::super::{render, work};

/// The repository's git, once the caller may use it.
fn git(ask: &Ask, write: bool) -> Result<Git, Failure> {
    ask.allowed("contents", write)?;
    Ok(Git::of(&ask.inner, ask.repo))
}

/// As [`git`], where there must be something in it (GitHub docs, "Get a reference": 409).
async fn git_with_refs(ask: &Ask, write: bool) -> Result<Git, Failure> {
    let git = git(ask, write)?;
    if git.refs("refs/").await.is_empty() {
        return Err(Failure::new(StatusCode::CONFLICT, "Git Repository is empty."));
    }
    Ok(git)
}

pub(in super::super) async fn branches(ask: Ask) -> Answer {
    let refs = git(&ask, false)?.refs("refs/heads/").await;
    let all: Vec<Value> = {
        let at = ask.allowed("contents", false)?;
        let repo = at.repo()?;
        refs.iter()
            .filter_map(|(name, sha)| Some((name.strip_prefix("refs/heads/")?, sha)))
            .map(|(name, sha)| render::branch(&ask.inner, repo, name, sha))
            .collect()
    };
    page(&ask, &all)
}

pub(in super::super) async fn branch(ask: Ask) -> Answer {
    let git = git(&ask, false)?;
    let name = ask.param("branch");
    let missing = || Failure::new(StatusCode::NOT_FOUND, "Branch not found");
    let sha = git.branch(name).await.ok_or_else(missing)?;
    let info = git.show(&sha).await.ok_or_else(missing)?;
    let at = ask.allowed("contents", false)?;
    let mut shown = render::branch(&ask.inner, at.repo()?, name, &sha);
    shown["commit"] = render::commit(&ask.inner, at.repo()?, &info);
    ok(&shown)
}

pub(in super::super) async fn commit(ask: Ask) -> Answer {
    let git = git_with_refs(&ask, false).await?;
    let revision = ask.param("ref").to_owned();
    let info = git.show(&revision).await.ok_or_else(|| {
        let why = format!("No commit found for SHA: {revision}");
        Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why)
    })?;
    let at = ask.allowed("contents", false)?;
    ok(&render::commit(&ask.inner, at.repo()?, &info))
}

pub(in super::super) async fn show(ask: Ask) -> Answer {
    let name = format!("refs/{}", ask.param("ref"));
    let refs = git_with_refs(&ask, false).await?.refs(&name).await;
    let (name, sha) =
        refs.into_iter().find(|(found, _)| *found == name).ok_or_else(Failure::not_found)?;
    let at = ask.allowed("contents", false)?;
    ok(&render::git_ref(&ask.inner, at.repo()?, &name, &sha))
}

pub(in super::super) async fn matching(ask: Ask) -> Answer {
    let git = git_with_refs(&ask, false).await?;
    let refs = git.refs(&format!("refs/{}", ask.param("ref"))).await;
    let at = ask.allowed("contents", false)?;
    let repo = at.repo()?;
    let all: Vec<Value> =
        refs.iter().map(|(name, sha)| render::git_ref(&ask.inner, repo, name, sha)).collect();
    ok(&all.into())
}

/// The object that the body names: a whole id, and no other name for it.
fn object_id(ask: &Ask) -> String {
    let sha = ask.text("sha").unwrap_or_default();
    let whole = sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit());
    if whole { sha.to_owned() } else { "0".repeat(40) }
}

pub(in super::super) async fn create(ask: Ask) -> Answer {
    let git = git_with_refs(&ask, true).await?;
    let unprocessable = |why: &str| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let name = ask.text("ref").unwrap_or_default();
    let parts = name.split('/').count();
    let writable = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
    if !writable || parts < 3 || !git.is_ref_name(name).await {
        return Err(unprocessable(
            "Reference name must start with 'refs/' and contain two slashes",
        ));
    }
    let sha = object_id(&ask);
    let sha = git.commit_at(&sha).await.ok_or_else(|| unprocessable("Object does not exist"))?;
    git.move_ref(name, &sha, "").await.map_err(|_| unprocessable("Reference already exists"))?;
    let at = ask.allowed("contents", true)?;
    reply(StatusCode::CREATED, &render::git_ref(&ask.inner, at.repo()?, name, &sha))
}

pub(in super::super) async fn update(ask: Ask) -> Answer {
    let git = git_with_refs(&ask, true).await?;
    let name = format!("refs/{}", ask.param("ref"));
    let unprocessable = |why: &str| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let old = git.commit_at(&name).await;
    let old = old.ok_or_else(|| unprocessable("Reference does not exist"))?;
    let sha = object_id(&ask);
    let sha = git.commit_at(&sha).await.ok_or_else(|| unprocessable("Object does not exist"))?;
    let force = ask.body["force"].as_bool().unwrap_or(false);
    if !force && !git.contains(&sha, &old).await {
        return Err(unprocessable("Update is not a fast forward"));
    }
    let busy = |_| Failure::new(StatusCode::CONFLICT, "the reference moved meanwhile");
    git.move_ref(&name, &sha, &old).await.map_err(busy)?;
    work::branches_moved(&ask.inner, ask.repo).await;
    let at = ask.allowed("contents", true)?;
    ok(&render::git_ref(&ask.inner, at.repo()?, &name, &sha))
}

pub(in super::super) async fn delete(ask: Ask) -> Answer {
    let git = git_with_refs(&ask, true).await?;
    let name = format!("refs/{}", ask.param("ref"));
    let missing = || Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Reference does not exist");
    let old = git.commit_at(&name).await.ok_or_else(missing)?;
    let default = ask.allowed("contents", true)?.repo()?.default_branch.clone();
    if name == format!("refs/heads/{default}") {
        let why = "Cannot delete the default branch";
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    git.move_ref(&name, "", &old).await.map_err(|_| missing())?;
    work::branches_moved(&ask.inner, ask.repo).await;
    nothing()
}
