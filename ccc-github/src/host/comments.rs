//! Reading and writing of issue comments.

use ccc_core::Result;
use ccc_core::event::{Actor, RepoRef};
use ccc_core::vcs::{Comment, Grant};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use crate::accounts::{User, ghost};
use crate::client::{ApiError, Call, page, parse};
use crate::errors::invalid_input;
use crate::host::github::{GitHub, MAX_PAGES};
use crate::host::issue_error;
use crate::host::truncate::truncated;

/// The maximum length of a comment on GitHub, in characters.
const MAX_COMMENT: usize = 65_536;

#[derive(Deserialize)]
struct RestComment {
    id: u64,
    user: Option<User>,
    body: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl GitHub {
    /// Reads the oldest 1,000 comments of the issue `number`, with the oldest first.
    ///
    /// Comments that were written or edited at or after `before` are omitted, because the agent
    /// must not read text that was added after the run was requested. An edited comment is omitted
    /// entirely, because GitHub does not return its former text.
    pub(super) async fn read_comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        let url = self.url(repo, &["issues", &number.to_string(), "comments"])?;
        let all = self.pages::<RestComment>(repo, Grant::Read, url).await;
        let all = all.map_err(|error| issue_error::explain(error, repo, number))?;
        Ok(all
            .into_iter()
            .filter(|comment| comment.created_at < before && comment.updated_at < before)
            .map(|comment| {
                let author = comment.user.map_or_else(ghost, Actor::from);
                let body = comment.body.unwrap_or_default();
                Comment::new(comment.id, author, body, comment.created_at)
                    .with_updated_at(comment.updated_at)
            })
            .collect())
    }

    /// Writes `body` as a comment on the issue `number`. If the GitHub App already wrote a comment
    /// with `marker` on this issue, replaces that comment's text. Otherwise creates a comment.
    /// `marker` is written at the end of the text as an HTML comment, so that a later call finds
    /// the comment. Only comments of the App's bot account are searched for `marker`, because any
    /// user can copy a marker.
    pub(super) async fn write_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        let body = request_body(marker, body)?;
        // Without the lock, two concurrent writes could each find no comment and each create one.
        let lock = self.written_comments.lock(repo.id, marker);
        let _one_by_one = lock.lock().await;
        let written = self.change_or_create_comment(repo, number, marker, &body).await;
        let id = written.map_err(|error| issue_error::explain(error, repo, number))?;
        self.written_comments.insert(repo.id, marker, id);
        Ok(())
    }

    /// Writes `body` as a comment on the issue `number`, from the budget of answers. If the GitHub
    /// App already wrote a comment with `marker` on this issue, writes nothing (spec: G5d).
    pub(super) async fn write_answer(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        let body = request_body(marker, body)?;
        let lock = self.written_comments.lock(repo.id, marker);
        let _one_by_one = lock.lock().await;
        let explain = |error| issue_error::explain(error, repo, number);
        let found = match self.written_comments.id(repo.id, marker) {
            Some(id) => Some(id),
            None => self.find_comment(repo, number, marker).await.map_err(explain)?,
        };
        let id = match found {
            Some(id) => id,
            None => {
                let url = self.url(repo, &["issues", &number.to_string(), "comments"])?;
                let call = Call::json(Method::POST, url, &body)?.answer();
                let written = self.call::<RestComment>(repo, Grant::Discuss, &call).await;
                written.map_err(explain)?.id
            }
        };
        self.written_comments.insert(repo.id, marker, id);
        Ok(())
    }

    /// Changes the comment with `marker`, or creates the comment if it does not exist. Returns the
    /// comment's id. If a failed request might have created the comment, searches for the comment
    /// before the next attempt. This prevents a second comment with the same marker (spec: G7b).
    async fn change_or_create_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &serde_json::Value,
    ) -> Result<u64, ApiError> {
        if let Some(id) = self.written_comments.id(repo.id, marker) {
            match self.change_comment(repo, id, body).await {
                // The comment was deleted, so a new one is created.
                Err(error) if error.has_status(StatusCode::NOT_FOUND) => {}
                answer => return answer.map(|()| id),
            }
        }
        let mut round = 1;
        loop {
            if let Some(id) = self.find_comment(repo, number, marker).await? {
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

    /// Finds the GitHub App's comment with `marker` on the issue `number`, and returns the
    /// comment's id. Reads the first page of comments, and then at most [`MAX_PAGES`] pages from
    /// the last page backwards.
    async fn find_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
    ) -> Result<Option<u64>, ApiError> {
        let (own, tail) = (self.bot().await?.id, tail(marker));
        let find = |all: Vec<RestComment>| {
            let mut all = all.into_iter().filter(|comment| {
                comment.user.as_ref().is_some_and(|user| user.id == own)
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
            Ok::<_, ApiError>((find(all), page("last", url, &response, Some(repo.id))))
        };
        let (found, last) = read(&url).await?;
        let Some(last) = last.filter(|_| found.is_none()) else { return Ok(found) };
        // The search continues at the last page, because the comment is newer than the event.
        let number_of = |url: &Url| -> Option<usize> {
            url.query_pairs().find(|(name, _)| name == "page")?.1.parse().ok()
        };
        let count = number_of(&last).unwrap_or(1);
        for page in (2..=count).rev().take(MAX_PAGES) {
            let other: Vec<_> =
                last.query_pairs().into_owned().filter(|(name, _)| name != "page").collect();
            let mut url = last.clone();
            url.query_pairs_mut()
                .clear()
                .extend_pairs(other)
                .append_pair("page", &page.to_string());
            if let (Some(id), _) = read(&url).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Changes the text of the comment whose id is `id`. `body` is the JSON of the request.
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
}

/// Returns the JSON of the request that writes a comment with `body` and `marker`.
fn request_body(marker: &str, body: &str) -> Result<serde_json::Value> {
    if marker.is_empty() || marker.contains("--") || !marker.bytes().all(|b| b.is_ascii_graphic()) {
        let line = "the marker of a comment must be printable ASCII without white space and \
                    without `--`";
        return Err(invalid_input(line));
    }
    let tail = tail(marker);
    let body = format!("{}{tail}", truncated(body, MAX_COMMENT - tail.len()));
    Ok(serde_json::json!({ "body": body }))
}

/// Returns the last part of an issue comment's text: an HTML comment that contains `marker`.
fn tail(marker: &str) -> String {
    format!("\n\n<!-- ccc:{marker} -->")
}
