//! Comments and reactions.

use ccc_core::vcs::{Comment, ReactionTarget};
use http::Method;
use jiff::Timestamp;

use super::*;
use crate::payload::ghost;

/// The longest comment that GitHub takes, in characters.
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
    /// A comment that was edited after `before` is left out, because its first text is not to be had:
    /// nobody may slip words in after somebody trusted asked for the run. GitHub lists the oldest
    /// first; after a thousand we stop.
    pub(super) async fn read_comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        let all = self.list_comments(repo, number, Grant::Read).await?;
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

    async fn list_comments(
        &self,
        repo: &RepoRef,
        number: u64,
        grant: Grant,
    ) -> Result<Vec<RestComment>> {
        let url = self.url(repo, &["issues", &number.to_string(), "comments"])?;
        Ok(self.pages(repo, grant, url).await?)
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
        let us = self.bot().await?.id;
        let body = format!("{}{tail}", truncated(body, MAX_COMMENT - tail.len()));
        let body = serde_json::json!({ "body": body });
        let ours =
            self.list_comments(repo, number, Grant::Discuss).await?.into_iter().find(|comment| {
                comment.user.as_ref().is_some_and(|user| user.id == us)
                    && comment.body.as_deref().unwrap_or_default().ends_with(tail.trim_start())
            });
        let call = match ours {
            Some(comment) => {
                let url = self.url(repo, &["issues", "comments", &comment.id.to_string()])?;
                Call::json(Method::PATCH, url, &body)?
            }
            None => {
                let url = self.url(repo, &["issues", &number.to_string(), "comments"])?;
                Call::json(Method::POST, url, &body)?
            }
        };
        self.tokens.send(repo, Grant::Discuss, &call).await?;
        Ok(())
    }

    /// A reaction that is there already is answered with 200 and not repeated.
    pub(super) async fn write_reaction(
        &self,
        repo: &RepoRef,
        target: ReactionTarget,
    ) -> Result<()> {
        let url = match target {
            ReactionTarget::Issue(number) => {
                self.url(repo, &["issues", &number.to_string(), "reactions"])?
            }
            ReactionTarget::Comment(id) => {
                self.url(repo, &["issues", "comments", &id.to_string(), "reactions"])?
            }
        };
        let body = serde_json::json!({ "content": "eyes" });
        let call = Call::json(Method::POST, url, &body)?;
        self.tokens.send(repo, Grant::Discuss, &call).await?;
        Ok(())
    }
}

/// At most `limit` bytes, which are at most as many characters, cut between two characters.
fn truncated(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_comment_is_cut_between_characters() {
        assert_eq!(truncated("aäb", 2), "a");
        assert_eq!(truncated("aäb", 3), "aä");
        assert_eq!(truncated("aäb", 9), "aäb");
        assert_eq!(truncated("ä", 0), "");
    }
}
