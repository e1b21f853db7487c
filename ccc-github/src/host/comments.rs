//! Comments and reactions.

use std::collections::HashMap;
use std::sync::{PoisonError, Weak};

use ccc_core::vcs::{Comment, ReactionTarget};
use http::{Method, StatusCode};
use jiff::Timestamp;

use super::*;
use crate::accounts::ghost;

/// The longest comment that GitHub takes, in characters.
const MAX_COMMENT: usize = 65_536;
/// How many comments of ours are remembered.
const MAX_WRITTEN: usize = 1_000;

#[derive(Deserialize)]
struct RestComment {
    id: u64,
    user: Option<User>,
    body: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

type Turn = tokio::sync::Mutex<()>;

/// One lock for each comment that is being written, by repository and marker.
#[derive(Debug, Default)]
pub(super) struct Writing(Mutex<HashMap<(u64, String), Weak<Turn>>>);

impl Writing {
    fn of(&self, comment: (u64, String)) -> Arc<Turn> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, lock| lock.strong_count() > 0);
        let known = all.get(&comment).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let lock = Arc::default();
            all.insert(comment, Arc::downgrade(&lock));
            lock
        })
    }
}

/// A comment of ours: repository, marker, id.
pub(super) type Written = (u64, String, u64);

impl GitHub {
    /// A comment that was edited after `before` is left out, because its first text is not to be had:
    /// nobody may slip words in after somebody trusted asked for the run. GitHub lists the oldest
    /// first; after a thousand we stop.
    pub(super) async fn read_comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        let url = self.url(repo, &["issues", &number.to_string(), "comments"])?;
        let all = self.pages::<RestComment>(repo, Grant::Read, url).await;
        let all = all.map_err(|error| issue_is_off(error, repo, number))?;
        Ok(all
            .into_iter()
            .filter(|comment| comment.created_at < before && comment.updated_at < before)
            .map(|comment| Comment {
                id: comment.id,
                author: comment.user.map_or_else(ghost, Actor::from),
                body: comment.body.unwrap_or_default(),
                created_at: comment.created_at,
                updated_at: comment.updated_at,
            })
            .collect())
    }

    /// The marker is a comment in the comment; it counts only in one that we wrote, as anybody can
    /// copy it.
    pub(super) async fn write_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        if marker.is_empty()
            || marker.contains("--")
            || !marker.bytes().all(|b| b.is_ascii_graphic())
        {
            let line = "a marker is printable ASCII without white space and `--`";
            return Err(Error::new(ErrorKind::InvalidInput, line));
        }
        let tail = format!("\n\n<!-- ccc:{marker} -->");
        let body = format!("{}{tail}", fitted(body, MAX_COMMENT - tail.len()));
        let body = serde_json::json!({ "body": body });
        // Two at once would each find none, and each make one.
        let turn = self.writing.of((repo.id, marker.to_owned()));
        let _turn = turn.lock().await;
        let written = self.settle_comment(repo, number, (marker, &tail), &body).await;
        let id = written.map_err(|error| issue_is_off(error, repo, number))?;
        self.remember(repo.id, marker, id);
        Ok(())
    }

    /// Changes the comment or makes it, and gives its id. When it is unclear whether it was made, it
    /// is looked for again: there is one comment for a marker (spec: G7b).
    async fn settle_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        (marker, tail): (&str, &str),
        body: &serde_json::Value,
    ) -> Result<u64, ApiError> {
        if let Some(id) = self.remembered(repo.id, marker) {
            match self.change_comment(repo, id, body).await {
                // Somebody deleted it.
                Err(error) if error.has_status(StatusCode::NOT_FOUND) => {}
                answer => return answer.map(|()| id),
            }
        }
        let mut round = 1;
        loop {
            if let Some(id) = self.find_comment(repo, number, tail).await? {
                return self.change_comment(repo, id, body).await.map(|()| id);
            }
            let url = self.url(repo, &["issues", &number.to_string(), "comments"])?;
            let call = Call::json(Method::POST, url, body)?;
            match self.call::<RestComment>(repo, Grant::Discuss, &call).await {
                Ok(comment) => return Ok(comment.id),
                Err(error)
                    if round < self.tokens.client.tries(&error) && error.is_outcome_unclear() =>
                {
                    let Some(wait) = self.tokens.client.backoff(&error, round) else {
                        return Err(error);
                    };
                    self.tokens.client.sleep(wait).await;
                }
                Err(error) => return Err(error),
            }
            round += 1;
        }
    }

    async fn find_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        tail: &str,
    ) -> Result<Option<u64>, ApiError> {
        let us = self.bot().await?.id;
        let ours = |all: Vec<RestComment>| {
            let mut all = all.into_iter().filter(|comment| {
                comment.user.as_ref().is_some_and(|user| user.id == us)
                    && comment.body.as_deref().unwrap_or_default().ends_with(tail.trim_start())
            });
            all.next().map(|comment| comment.id)
        };
        let mut url = self.url(repo, &["issues", &number.to_string(), "comments"])?;
        url.query_pairs_mut().append_pair("per_page", "100");
        let read = async |url: &Url| {
            let call = Call::get(url.clone());
            let response = self.tokens.send(repo, Grant::Discuss, &call).await?;
            let all: Vec<RestComment> = parse(&call, &response)?;
            Ok::<_, ApiError>((ours(all), page("last", url, &response, Some(repo.id))))
        };
        let (found, last) = read(&url).await?;
        let Some(last) = last.filter(|_| found.is_none()) else { return Ok(found) };
        // The rest from its end: what we wrote is newer than the event.
        let number_of = |url: &Url| -> Option<usize> {
            url.query_pairs().find(|(name, _)| name == "page")?.1.parse().ok()
        };
        let count = number_of(&last).unwrap_or(1);
        for page in (2..=count).rev().take(MAX_PAGES) {
            let kept: Vec<_> =
                last.query_pairs().into_owned().filter(|(name, _)| name != "page").collect();
            let mut url = last.clone();
            url.query_pairs_mut().clear().extend_pairs(kept).append_pair("page", &page.to_string());
            if let (Some(id), _) = read(&url).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn change_comment(
        &self,
        repo: &RepoRef,
        id: u64,
        body: &serde_json::Value,
    ) -> Result<(), ApiError> {
        let url = self.url(repo, &["issues", "comments", &id.to_string()])?;
        let call = Call::json(Method::PATCH, url, body)?;
        self.tokens.send(repo, Grant::Discuss, &call).await.map(drop)
    }

    fn remembered(&self, repo: u64, marker: &str) -> Option<u64> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let found = written.iter().find(|(of, known, _)| *of == repo && known == marker);
        found.map(|(_, _, id)| *id)
    }

    fn remember(&self, repo: u64, marker: &str, id: u64) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|(of, known, _)| *of != repo || known != marker);
        written.push_back((repo, marker.to_owned(), id));
        if written.len() > MAX_WRITTEN {
            written.pop_front();
        }
    }

    /// A reaction that is there already is answered with 200 and not repeated.
    pub(super) async fn write_reaction(
        &self,
        repo: &RepoRef,
        target: ReactionTarget,
    ) -> Result<()> {
        let (url, issue) = match target {
            ReactionTarget::Issue(number) => {
                (self.url(repo, &["issues", &number.to_string(), "reactions"])?, Some(number))
            }
            ReactionTarget::Comment(id) => {
                (self.url(repo, &["issues", "comments", &id.to_string(), "reactions"])?, None)
            }
        };
        let body = serde_json::json!({ "content": "eyes" });
        let call = Call::json(Method::POST, url, &body)?.idempotent();
        match (self.tokens.send(repo, Grant::Discuss, &call).await, issue) {
            (Ok(_), _) => Ok(()),
            (Err(error), Some(number)) => Err(issue_is_off(error, repo, number)),
            (Err(error), None) => Err(error.into()),
        }
    }
}

/// What it means that an issue takes nothing (GitHub docs, "Locking conversations", "Deleting an
/// issue", "Transferring an issue to another repository").
pub(super) fn issue_is_off(error: ApiError, repo: &RepoRef, number: u64) -> Error {
    let issue = format!("issue #{number} of {repo}");
    if error.is_redirect() {
        return not_found(format!("{issue} was transferred to another repository ({error})"));
    }
    match error.status() {
        Some(StatusCode::GONE) => not_found(format!("{issue} was deleted ({error})")),
        Some(StatusCode::NOT_FOUND) => not_found(format!("{issue} is not there ({error})")),
        Some(StatusCode::FORBIDDEN) if error.message_contains("locked") => permission_denied(
            format!("{issue} is locked: unlock the conversation, and ask again ({error})"),
        ),
        Some(StatusCode::FORBIDDEN) if error.message_contains("archived") => {
            permission_denied(format!("{repo} is archived: nothing can be written there ({error})"))
        }
        _ => error.into(),
    }
}
