//! Repositories, issues, files and people.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ccc_core::vcs::{Issue, Permission, Repository};
use http::StatusCode;
use jiff::Timestamp;
use serde::de::IgnoredAny;

use super::comments::issue_is_off;
use super::*;
use crate::accounts::{ghost, is_name};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct RestRepository {
    id: u64,
    name: String,
    owner: User,
    default_branch: String,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
struct RestIssue {
    number: u64,
    title: String,
    body: Option<String>,
    user: Option<User>,
    state: String,
    #[serde(default)]
    locked: bool,
    pull_request: Option<IgnoredAny>,
    updated_at: Timestamp,
}

impl GitHub {
    /// GitHub redirects from a former name, so what comes back is held against the number. When the
    /// name is another repository's by now, or nobody's, the token knows the one that it is for.
    pub(super) async fn read_repository(&self, repo: &RepoRef) -> Result<Repository> {
        let call = Call::get(self.url(repo, &[])?);
        let found = match self.call::<RestRepository>(repo, Grant::Read, &call).await {
            Ok(found) if found.id == repo.id => found,
            Err(error) if !error.has_status(StatusCode::NOT_FOUND) && !error.is_redirect() => {
                return Err(error.into());
            }
            _ => self.find_by_number(repo).await?,
        };
        if !is_name(&found.owner.login) || !is_name(&found.name) {
            return Err(not_found(format!("{repo} has a name that no repository has")));
        }
        self.tokens.learn_name(repo, &found.owner.login, &found.name);
        Ok(Repository {
            repo: RepoRef {
                host: repo.host.clone(),
                id: found.id,
                owner: found.owner.login,
                name: found.name,
            },
            default_branch: found.default_branch,
            archived: found.archived,
        })
    }

    /// The repository that our token is for, whatever it is called.
    async fn find_by_number(&self, repo: &RepoRef) -> Result<RestRepository> {
        #[derive(Deserialize)]
        struct Answer {
            repositories: Vec<RestRepository>,
        }
        let call = Call::get(self.tokens.endpoints.api(&["installation", "repositories"]));
        let answer: Answer = self.call(repo, Grant::Read, &call).await?;
        answer.repositories.into_iter().find(|found| found.id == repo.id).ok_or_else(|| {
            not_found(format!(
                "{repo} (number {}) is not there any more: it was deleted, or taken from the App's \
                 installation",
                repo.id
            ))
        })
    }

    pub(super) async fn find(&self, owner: &str, name: &str) -> Result<RepoRef> {
        let mut repo = RepoRef {
            host: self.host().to_owned(),
            id: 0,
            owner: owner.to_owned(),
            name: name.to_owned(),
        };
        let call = Call::get(self.url(&repo, &[])?);
        let found: RestRepository = parse(&call, &self.tokens.send_by_name(&repo, &call).await?)?;
        repo.id = found.id;
        self.read_repository(&repo).await.map(|found| found.repo)
    }

    pub(super) async fn read_issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        let call = Call::get(self.url(repo, &["issues", &number.to_string()])?);
        let issue = self.call::<RestIssue>(repo, Grant::Read, &call).await;
        let issue = issue.map_err(|error| issue_is_off(error, repo, number))?;
        Ok(Issue {
            number: issue.number,
            title: issue.title,
            body: issue.body.unwrap_or_default(),
            author: issue.user.map_or_else(ghost, Actor::from),
            open: issue.state == "open",
            locked: issue.locked,
            is_pull_request: issue.pull_request.is_some(),
            updated_at: issue.updated_at,
        })
    }

    /// By `role_name`, which knows triage and maintain; a role of the organisation's own making falls
    /// back to the coarser `permission` (GitHub docs, "Get repository permissions for a user").
    pub(super) async fn read_permission(
        &self,
        repo: &RepoRef,
        actor: &Actor,
    ) -> Result<Permission> {
        #[derive(Deserialize)]
        struct Answer {
            permission: String,
            role_name: Option<String>,
            user: Option<User>,
        }
        let url = self.url(repo, &["collaborators", &actor.login, "permission"])?;
        if actor.login.is_empty() || matches!(actor.login.as_str(), "." | "..") {
            return Ok(Permission::None);
        }
        let answer: Answer = match self.call(repo, Grant::Read, &Call::get(url)).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                return Ok(Permission::None);
            }
            answer => answer?,
        };
        // A login can be given up and taken by somebody else: the number is the account.
        if answer.user.map(|user| user.id) != Some(actor.id) {
            return Ok(Permission::None);
        }
        let role = answer.role_name.as_deref().and_then(level);
        Ok(role.or_else(|| level(&answer.permission)).unwrap_or(Permission::None))
    }

    pub(super) async fn read_file(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Answer {
            File(File),
            Directory(#[allow(dead_code, reason = "its shape is what counts")] Vec<IgnoredAny>),
        }
        #[derive(Deserialize)]
        struct File {
            #[serde(rename = "type")]
            kind: String,
            size: u64,
            encoding: Option<String>,
            content: Option<String>,
        }
        let parts: Vec<_> = ["contents"].into_iter().chain(path.split('/')).collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
            let line = "a path in a repository is relative, with parts that are names";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let call = Call::get(self.url(repo, &parts)?);
        let file = match self.call(repo, Grant::Read, &call).await {
            Ok(Answer::File(file)) if file.kind == "file" => file,
            Ok(Answer::File(_) | Answer::Directory(_)) => return Ok(None),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if file.size > MAX_FILE {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("a file of {repo} has {} bytes, and 1 MiB is the limit", file.size),
            ));
        }
        let mut text = file.content.unwrap_or_default();
        text.retain(|c| !c.is_ascii_whitespace());
        match (file.encoding.as_deref(), BASE64_STANDARD.decode(text)) {
            (Some("base64"), Ok(bytes)) => Ok(Some(bytes)),
            _ => Err(Error::new(
                ErrorKind::Unexpected,
                format!("GitHub gave a file of {repo} in an encoding that it does not document"),
            )),
        }
    }
}

fn level(role: &str) -> Option<Permission> {
    Some(match role {
        "admin" => Permission::Admin,
        "maintain" => Permission::Maintain,
        "write" => Permission::Write,
        "triage" => Permission::Triage,
        "read" => Permission::Read,
        "none" => Permission::None,
        _ => return None,
    })
}
