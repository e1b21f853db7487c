use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::git::try_git;
use super::lock;
use crate::event::{Actor, ActorKind, IssueEvent, IssueSnapshot, RepoRef, Trigger};
use crate::vcs::{
    Access, BotIdentity, Comment, Grant, Issue, NewPullRequest, Permission, PullRequest,
    ReactionTarget, Repository, RequestQuota,
};
use crate::{BranchName, Error, ErrorKind, Result, Secret, VcsHost};

/// A VCS host with one repository. Issues, comments and pull requests are in memory. Branches and
/// commits are in a git repository on the host machine.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> ccc_core::Result<()> {
/// use ccc_core::VcsHost;
/// use ccc_core::testing::FakeHost;
///
/// let host = FakeHost::new("/srv/git/hello.git");
/// let event = host.open_issue("Greet politely", "");
/// assert_eq!(host.issue(&event.repo, event.issue.number).await?.title, "Greet politely");
/// assert_eq!(host.event(event.issue.number), Some(event));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct FakeHost {
    repo: RepoRef,
    git: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    permissions: BTreeMap<u64, Permission>,
    issues: BTreeMap<u64, Issue>,
    files: BTreeMap<String, Vec<u8>>,
    comments: Vec<(u64, Option<String>, Comment)>,
    pull_requests: Vec<(NewPullRequest, PullRequest)>,
    reactions: Vec<ReactionTarget>,
    issued_token_count: u64,
    unrevoked_tokens: Vec<(Grant, Secret)>,
    archived: bool,
    request_quota: Option<RequestQuota>,
}

impl FakeHost {
    /// The account id of the author of every issue that [`open_issue`](Self::open_issue) opens.
    /// This account has write permission.
    pub const WRITER: u64 = 1_000;

    /// Creates a host with one repository: the git repository at the path `git`, which can be bare.
    /// The default branch is `main`. This branch must have a commit before a pipeline uses the
    /// host.
    #[must_use]
    pub fn new(git: impl Into<PathBuf>) -> Self {
        let repo = RepoRef {
            host: "host.example".to_owned(),
            id: 7,
            owner: "octo".to_owned(),
            name: "hello".to_owned(),
        };
        Self { repo, git: git.into(), state: Mutex::default() }
    }

    /// Returns the reference to the only repository, which is `octo/hello` on `host.example`.
    #[must_use]
    pub fn repo(&self) -> &RepoRef {
        &self.repo
    }

    /// Adds an account with `permission` in the repository, and returns this account. If an account
    /// with this `id` exists, replaces the permission of that account.
    pub fn add_actor(&self, id: u64, login: &str, permission: Permission) -> Actor {
        lock(&self.state).permissions.insert(id, permission);
        Actor { id, login: login.to_owned(), kind: ActorKind::User }
    }

    /// Creates or replaces the issue with the number `number`, and returns the issue. The issue is
    /// open if `open` is `true`, else closed.
    pub fn set_issue(
        &self,
        number: u64,
        title: &str,
        body: &str,
        author: &Actor,
        open: bool,
    ) -> Issue {
        let issue = Issue::new(number, title, author.clone()).with_body(body).with_open(open);
        lock(&self.state).issues.insert(number, issue.clone());
        issue
    }

    /// Opens an issue with the next free number. The author of the issue has write permission.
    /// Returns the event that the VCS host reports when this issue is opened.
    pub fn open_issue(&self, title: &str, body: &str) -> IssueEvent {
        let author = self.add_actor(Self::WRITER, "writer", Permission::Write);
        let mut state = lock(&self.state);
        let number = state.issues.keys().last().map_or(1, |last| last + 1);
        let issue = Issue::new(number, title, author).with_body(body);
        state.issues.insert(number, issue.clone());
        self.opened(&issue)
    }

    /// Returns the event that the VCS host reports when issue `number` is opened, or `None` if the
    /// issue does not exist. The actor of the event is the author of the issue.
    #[must_use]
    pub fn event(&self, number: u64) -> Option<IssueEvent> {
        lock(&self.state).issues.get(&number).map(|issue| self.opened(issue))
    }

    fn opened(&self, issue: &Issue) -> IssueEvent {
        IssueEvent {
            repo: self.repo.clone(),
            issue: IssueSnapshot {
                number: issue.number,
                title: issue.title.clone(),
                body: issue.body.clone(),
                author: issue.author.clone(),
                updated_at: issue.updated_at,
            },
            trigger: Trigger::Opened,
            actor: issue.author.clone(),
            via_app: None,
            actor_is_member: false,
        }
    }

    /// Returns the text of the file at `path` on `branch` of the git repository. Returns `None` if
    /// the branch or the file does not exist, or if the file is not UTF-8.
    #[must_use]
    pub fn file(&self, branch: &BranchName, path: &str) -> Option<String> {
        try_git(&self.git, &["show", &format!("{branch}:{path}")])
    }

    /// Sets the content that [`file_at_default_branch`](VcsHost::file_at_default_branch) returns
    /// for `path`. Does not change the git repository.
    pub fn set_file(&self, path: &str, content: &[u8]) {
        lock(&self.state).files.insert(path.to_owned(), content.to_vec());
    }

    /// Adds a comment to issue `number`. The account `author` wrote the comment at the time `at`.
    pub fn add_comment(&self, number: u64, author: &Actor, body: &str, at: Timestamp) {
        let mut state = lock(&self.state);
        let id = state.comments.len() as u64 + 1;
        let comment = Comment::new(id, author.clone(), body, at);
        state.comments.push((number, None, comment));
    }

    /// Sets the number of requests that the host reports as remaining.
    pub fn set_request_quota(&self, quota: Option<RequestQuota>) {
        lock(&self.state).request_quota = quota;
    }

    /// Marks the repository as archived.
    pub fn archive(&self) {
        lock(&self.state).archived = true;
    }

    /// Returns the bodies of the comments on issue `number`, in the order in which they were added.
    #[must_use]
    pub fn comment_bodies(&self, number: u64) -> Vec<String> {
        let state = lock(&self.state);
        let of_issue = state.comments.iter().filter(|(issue, _, _)| *issue == number);
        of_issue.map(|(_, _, comment)| comment.body.clone()).collect()
    }

    /// Returns the pull requests, in the order in which they were opened.
    #[must_use]
    pub fn pull_requests(&self) -> Vec<NewPullRequest> {
        lock(&self.state).pull_requests.iter().map(|(new, _)| new.clone()).collect()
    }

    /// Returns the grants of the access tokens that were issued and not yet revoked.
    #[must_use]
    pub fn unrevoked_grants(&self) -> Vec<Grant> {
        lock(&self.state).unrevoked_tokens.iter().map(|(grant, _)| *grant).collect()
    }

    fn known(&self, repo: &RepoRef) -> Result<()> {
        if repo.id == self.repo.id {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, format!("the fake VCS host has no repository {repo}")))
    }

    fn identity() -> BotIdentity {
        BotIdentity::new(99, "helper[bot]", "99+helper[bot]@users.noreply.host.example").with_app(5)
    }
}

#[async_trait]
impl VcsHost for FakeHost {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn permission(&self, repo: &RepoRef, actor: &Actor) -> Result<Permission> {
        self.known(repo)?;
        Ok(lock(&self.state).permissions.get(&actor.id).copied().unwrap_or(Permission::None))
    }

    async fn repository(&self, repo: &RepoRef) -> Result<Repository> {
        self.known(repo)?;
        let archived = lock(&self.state).archived;
        Ok(Repository { repo: self.repo.clone(), default_branch: "main".to_owned(), archived })
    }

    async fn issue(&self, repo: &RepoRef, number: u64) -> Result<Issue> {
        self.known(repo)?;
        lock(&self.state).issues.get(&number).cloned().ok_or_else(|| {
            let line = format!("the repository {repo} has no issue {number}");
            Error::new(ErrorKind::NotFound, line)
        })
    }

    async fn comments(
        &self,
        repo: &RepoRef,
        number: u64,
        before: Timestamp,
    ) -> Result<Vec<Comment>> {
        self.known(repo)?;
        let state = lock(&self.state);
        Ok(state
            .comments
            .iter()
            .filter(|(issue, _, comment)| *issue == number && comment.updated_at < before)
            .map(|(_, _, comment)| comment.clone())
            .collect())
    }

    async fn file_at_default_branch(&self, repo: &RepoRef, path: &str) -> Result<Option<Vec<u8>>> {
        self.known(repo)?;
        Ok(lock(&self.state).files.get(path).cloned())
    }

    async fn bot_identity(&self) -> Result<BotIdentity> {
        Ok(Self::identity())
    }

    async fn access(&self, repo: &RepoRef, grant: Grant, _: Duration) -> Result<Access> {
        self.known(repo)?;
        let mut state = lock(&self.state);
        state.issued_token_count += 1;
        let token = format!("fake-token-{}-{grant:?}", state.issued_token_count);
        let authorization = Secret::from(format!("Bearer {token}"));
        let token = Secret::from(token);
        state.unrevoked_tokens.push((grant, token.clone()));
        Ok(Access::open(grant, self.git.to_string_lossy()).with_token(token, authorization, None))
    }

    async fn release(&self, access: Access) -> Result<()> {
        if let Some(token) = &access.token {
            lock(&self.state)
                .unrevoked_tokens
                .retain(|(_, other)| other.expose() != token.expose());
        }
        Ok(())
    }

    async fn react(&self, repo: &RepoRef, target: ReactionTarget) -> Result<()> {
        self.known(repo)?;
        let mut state = lock(&self.state);
        if !state.reactions.contains(&target) {
            state.reactions.push(target);
        }
        Ok(())
    }

    async fn upsert_comment(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        self.known(repo)?;
        let mut state = lock(&self.state);
        let known = state
            .comments
            .iter_mut()
            .find(|(issue, has, _)| *issue == number && has.as_deref() == Some(marker));
        if let Some((_, _, comment)) = known {
            body.clone_into(&mut comment.body);
            return Ok(());
        }
        let id = state.comments.len() as u64 + 1;
        let comment = Comment::new(id, Self::identity().account(), body, Timestamp::UNIX_EPOCH);
        state.comments.push((number, Some(marker.to_owned()), comment));
        Ok(())
    }

    async fn answer_refused(
        &self,
        repo: &RepoRef,
        number: u64,
        marker: &str,
        body: &str,
    ) -> Result<()> {
        let has_marker = |(issue, has, _): &(u64, Option<String>, Comment)| {
            *issue == number && has.as_deref() == Some(marker)
        };
        if lock(&self.state).comments.iter().any(has_marker) {
            return self.known(repo);
        }
        self.upsert_comment(repo, number, marker, body).await
    }

    async fn open_pull_request(&self, repo: &RepoRef, new: &NewPullRequest) -> Result<PullRequest> {
        self.known(repo)?;
        let mut state = lock(&self.state);
        if let Some((_, there)) = state.pull_requests.iter().find(|(n, _)| n.head == new.head) {
            return Ok(there.clone());
        }
        let number = 100 + state.pull_requests.len() as u64;
        let url = format!("https://host.example/octo/hello/pull/{number}");
        let pull_request = PullRequest::new(url, new.head.clone()).with_number(number);
        state.pull_requests.push((new.clone(), pull_request.clone()));
        Ok(pull_request)
    }

    async fn find_pull_request(
        &self,
        repo: &RepoRef,
        head: &BranchName,
    ) -> Result<Option<PullRequest>> {
        self.known(repo)?;
        let state = lock(&self.state);
        let mut all = state.pull_requests.iter();
        Ok(all.find(|(new, _)| new.head == *head).map(|(_, found)| found.clone()))
    }

    fn request_quota(&self, _repo: &RepoRef) -> Option<RequestQuota> {
        lock(&self.state).request_quota
    }
}
