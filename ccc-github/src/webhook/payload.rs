//! The JSON payload of a delivery (GitHub docs, "Webhook events and payloads": `issues`,
//! `issue_comment`). Only the fields that this crate uses are parsed. Parsed texts borrow from the
//! body if possible.

use std::borrow::Cow;

use ccc_core::event::{Actor, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use jiff::Timestamp;
use serde::Deserialize;

use crate::accounts::{actor_kind, ghost, is_name};

/// A description of how a payload differs from GitHub's documentation. The description names the
/// field, or the line and column in the payload, and never contains a value of the payload.
#[derive(Debug)]
pub(crate) struct Malformed(pub(crate) String);

/// The result of the check whether a payload's event can start a run.
#[derive(Debug)]
pub(crate) enum Classified {
    /// An event that can start a run.
    Relevant(Box<IssueEvent>),
    /// An event that starts no run. The value is the reason, as
    /// [`Meaning::Ignored`](super::Meaning::Ignored) lists it.
    Irrelevant(&'static str),
}

/// Returns whether a delivery with the event name `event` and the payload's action `action` can
/// become an [`IssueEvent`].
pub(crate) fn is_wanted(event: &str, action: Option<&str>) -> bool {
    matches!(
        (event, action),
        ("issues", Some("opened" | "reopened" | "labeled" | "assigned"))
            | ("issue_comment", Some("created"))
    )
}

/// Returns the field `action` of the payload `json`, or `None` if the payload has no such field.
/// The payload can belong to any event.
pub(crate) fn action(json: &str) -> Result<Option<Cow<'_, str>>, Malformed> {
    #[derive(Deserialize)]
    struct Any<'a> {
        #[serde(borrow)]
        action: Option<Cow<'a, str>>,
    }
    parse::<Any<'_>>(json).map(|any| any.action)
}

/// Converts the payload `json` of an event with the name `event` to an [`IssueEvent`], or returns
/// the reason why the event starts no run. `host` becomes the host of the repository.
pub(crate) fn issue_event(event: &str, json: &str, host: &str) -> Result<Classified, Malformed> {
    if !matches!(event, "issues" | "issue_comment") {
        return action(json).map(|_| Classified::Irrelevant("event"));
    }
    // The whole payload is parsed at once, because parsing the action first would parse the text
    // twice.
    let payload: Payload<'_> = match parse(json) {
        Ok(payload) => payload,
        // An invalid payload is an error only if its event and action are relevant.
        Err(error) => {
            let action = action(json)?;
            return if is_wanted(event, action.as_deref()) {
                Err(error)
            } else {
                Ok(Classified::Irrelevant("action"))
            };
        }
    };
    let action = payload.action.as_deref();
    if !is_wanted(event, action) {
        return Ok(Classified::Irrelevant("action"));
    }
    if payload.issue.pull_request.is_some() {
        return Ok(Classified::Irrelevant("pull request"));
    }
    // A person who transfers an issue is the sender of `opened` in the new repository, but did not
    // write the text (spec: W11a).
    if payload.changes.as_ref().is_some_and(Changes::is_transfer) {
        return Ok(Classified::Irrelevant("transferred issue"));
    }
    if payload.comment.as_ref().is_some_and(|comment| comment.author() != payload.sender.id) {
        return Ok(Classified::Irrelevant("not the author"));
    }
    let actor_is_member = payload.sender_is_member();
    let opened_via = via(&payload.issue.performed_via_github_app);
    // In later events, `issue.performed_via_github_app` still names the GitHub App that opened the
    // issue, which is not the App of the current action.
    let (trigger, via_app) = match (event, action, payload.comment) {
        ("issues", Some("opened"), _) => (Trigger::Opened, opened_via),
        ("issues", Some("reopened"), _) => (Trigger::Reopened, None),
        ("issues", Some("labeled"), _) => {
            let label = payload.label.ok_or_else(|| missing("label"))?;
            let label = text(label.name, "label.name")?;
            (Trigger::Labeled { label }, None)
        }
        ("issues", _, _) => {
            let assignee = payload.assignee.ok_or_else(|| missing("assignee"))?;
            let assignee = assignee.actor("assignee")?;
            (Trigger::Assigned { assignee }, None)
        }
        (_, _, Some(comment)) => {
            let via_app = via(&comment.performed_via_github_app);
            let body = text(comment.body.unwrap_or_default(), "comment.body")?;
            let comment = comment.id;
            (Trigger::Commented { comment, body }, via_app)
        }
        (_, _, None) => return Err(missing("comment")),
    };
    Ok(Classified::Relevant(Box::new(IssueEvent {
        repo: payload.repository.repo_ref(host)?,
        issue: payload.issue.snapshot()?,
        trigger,
        actor: payload.sender.actor("sender")?,
        via_app,
        actor_is_member,
    })))
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Malformed> {
    // The message has only the category and the position of the error, because serde's message can
    // quote a value.
    serde_json::from_str(json).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "a field is missing or has the wrong type",
            _ => "the text is not JSON",
        };
        let (line, column) = (error.line(), error.column());
        Malformed(format!("{what} (line {line}, column {column} of the payload)"))
    })
}

fn missing(field: &str) -> Malformed {
    Malformed(format!("the field `{field}` is missing or invalid"))
}

/// The maximum size of a text in an event, in bytes. GitHub's texts have at most 65 536 characters.
const MAX_TEXT: usize = 4 * 65_536;

/// Returns `text`, cut to [`MAX_TEXT`] bytes. Returns an error that names `field` if the text contains
/// NUL. GitHub refuses NUL in texts, and databases and command lines cannot represent NUL.
fn text(text: Cow<'_, str>, field: &str) -> Result<String, Malformed> {
    if text.contains('\0') {
        return Err(missing(field));
    }
    // The copy is small even if `text` was allocated with the size of a whole body.
    Ok(text[..text.floor_char_boundary(MAX_TEXT)].to_owned())
}

fn via(app: &Option<App>) -> Option<u64> {
    app.as_ref().map(|app| app.id)
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow)]
    issue: Issue<'a>,
    #[serde(borrow)]
    repository: Repository<'a>,
    #[serde(borrow)]
    sender: Account<'a>,
    #[serde(borrow)]
    label: Option<Label<'a>>,
    #[serde(borrow)]
    assignee: Option<Account<'a>>,
    #[serde(borrow)]
    comment: Option<Comment<'a>>,
    changes: Option<Changes>,
}

impl Payload<'_> {
    /// Returns whether the sender is named as a member. The payload states this of the authors of
    /// the issue and of the comment, and not of the sender.
    fn sender_is_member(&self) -> bool {
        let is_member = |author, association: Option<Association>| {
            author == self.sender.id && association.is_some_and(|it| it != Association::Other)
        };
        is_member(self.issue.author(), self.issue.author_association)
            || self
                .comment
                .as_ref()
                .is_some_and(|comment| is_member(comment.author(), comment.author_association))
    }
}

/// The relation of an author to the repository (GitHub docs, "GraphQL", `CommentAuthorAssociation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Association {
    Owner,
    Member,
    Collaborator,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Issue<'a> {
    number: u64,
    #[serde(borrow)]
    title: Cow<'a, str>,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Account<'a>>,
    author_association: Option<Association>,
    updated_at: Timestamp,
    pull_request: Option<serde::de::IgnoredAny>,
    performed_via_github_app: Option<App>,
}

#[derive(Deserialize)]
struct Repository<'a> {
    id: u64,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    owner: Login<'a>,
}

#[derive(Deserialize)]
struct Login<'a> {
    #[serde(borrow)]
    login: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Account<'a> {
    id: u64,
    #[serde(borrow)]
    login: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Label<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Comment<'a> {
    id: u64,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Account<'a>>,
    author_association: Option<Association>,
    performed_via_github_app: Option<App>,
}

impl Comment<'_> {
    /// Returns the id of the account that wrote the comment.
    fn author(&self) -> u64 {
        self.user.as_ref().map_or_else(|| ghost().id, |user| user.id)
    }
}

/// The differences from the former state of an issue. The action `opened` has them only if the
/// issue was transferred from another repository.
#[derive(Deserialize)]
struct Changes {
    old_issue: Option<serde::de::IgnoredAny>,
    old_repository: Option<serde::de::IgnoredAny>,
}

impl Changes {
    fn is_transfer(&self) -> bool {
        self.old_issue.is_some() || self.old_repository.is_some()
    }
}

#[derive(Deserialize)]
struct App {
    id: u64,
}

impl Issue<'_> {
    /// Returns the id of the account that wrote the issue.
    fn author(&self) -> u64 {
        self.user.as_ref().map_or_else(|| ghost().id, |user| user.id)
    }

    fn snapshot(self) -> Result<IssueSnapshot, Malformed> {
        let author = match self.user {
            Some(user) => user.actor("issue.user")?,
            None => ghost(),
        };
        Ok(IssueSnapshot {
            number: self.number,
            title: text(self.title, "issue.title")?,
            body: text(self.body.unwrap_or_default(), "issue.body")?,
            author,
            updated_at: self.updated_at,
        })
    }
}

impl Repository<'_> {
    fn repo_ref(self, host: &str) -> Result<RepoRef, Malformed> {
        let (owner, name) = (self.owner.login, self.name);
        if !is_name(&owner) || !is_name(&name) {
            return Err(missing("repository"));
        }
        Ok(RepoRef {
            host: host.to_owned(),
            id: self.id,
            owner: owner.into_owned(),
            name: name.into_owned(),
        })
    }
}

impl Account<'_> {
    fn actor(self, field: &str) -> Result<Actor, Malformed> {
        Ok(Actor {
            id: self.id,
            login: text(self.login, field)?,
            kind: actor_kind(self.kind.as_deref()),
        })
    }
}
