//! The operator's trust policy: the rules for starting a run and for publishing its change.

pub(crate) mod applied;
mod class;
#[cfg(feature = "git")]
mod protected;
#[cfg(feature = "git")]
mod protection;
mod weakening;

use serde::{Deserialize, Serialize};

use crate::BranchPrefix;
use crate::egress::HostPattern;
use crate::event::{ActorKind, IssueEvent, Trigger};
use crate::run::SkipReason;
use crate::setters::setters;
use crate::vcs::{BotIdentity, Permission};

pub use applied::AppliedPolicy;
pub use class::ProtectedClass;
#[cfg(feature = "git")]
pub use protection::Protection;
pub use weakening::Weakening;

/// The operator's rules for starting runs and publishing changes. The default rules are strict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TrustPolicy {
    /// The minimum permission on the repository that an actor needs to start a run.
    pub permission: Permission,
    /// The ids of the accounts that may start runs even without the minimum `permission`.
    pub allowed_actors: Vec<u64>,
    /// The label that requests a run: a run starts when this label is added to an issue. Case is
    /// ignored.
    pub label: String,
    /// The mention that requests a run, such as `@claude`: a run starts when a new comment contains
    /// this mention as a separate word. Case is ignored.
    pub mention: String,
    /// Whether opening an issue starts a run, if the actor is the author of the issue.
    pub on_opened: bool,
    /// Whether reopening an issue starts a run. The agent then works on the text of the author, and
    /// the account that reopens the issue needs the permission to start runs.
    pub on_reopened: bool,
    /// The classes of files that a change must not touch. [`ProtectedClass::Ci`] is protected even
    /// if this list does not contain it.
    pub protected_classes: Vec<ProtectedClass>,
    /// Further names of files and directories that a change must not touch, in addition to the
    /// protected classes. A name matches at any depth of the repository, and several names with `/`
    /// between them match a path. A `/` at the start means the root of the repository, and a `*` in
    /// a name means any characters. Case is ignored.
    pub protected_names: Vec<String>,
    /// The prefix of the branches that runs create.
    pub branch_prefix: BranchPrefix,
    /// Whether a change may contain files themselves instead of their Git LFS pointers. The pull
    /// request then names the files.
    pub allow_raw_lfs: bool,
    /// Maximum number of files in a change.
    pub max_files: usize,
    /// Maximum total size, in bytes, of the files in a change.
    pub max_bytes: u64,
    /// The container images that a repository's settings may choose: complete names, or prefixes
    /// that end with `*`.
    pub images: Vec<String>,
    /// The network hosts that a repository's setup commands may reach.
    pub setup_hosts: Vec<HostPattern>,
    /// The network hosts that the agent's programs may reach. The agent can send the repository's
    /// contents to each of these hosts.
    pub agent_hosts: Vec<HostPattern>,
    /// Whether actors without write permission may start runs on a runner without isolation.
    pub dangerously_unisolated: bool,
}

setters!(TrustPolicy {
    /// Sets the minimum permission that an actor needs to start a run.
    with_permission: permission: Permission,
    /// Sets the ids of the accounts that may start runs even without the minimum permission.
    with_allowed_actors: allowed_actors: impl Into<Vec<u64>>,
    /// Sets the label that starts a run.
    with_label: label: impl Into<String>,
    /// Sets the mention that starts a run.
    with_mention: mention: impl Into<String>,
    /// Sets whether opening an issue starts a run.
    with_on_opened: on_opened: bool,
    /// Sets whether reopening an issue starts a run.
    with_on_reopened: on_reopened: bool,
    /// Sets the classes of files that a change must not touch.
    with_protected_classes: protected_classes: impl Into<Vec<ProtectedClass>>,
    /// Sets further names of files and directories that a change must not touch.
    with_protected_names: protected_names: impl Into<Vec<String>>,
    /// Sets the prefix of the branches that runs create.
    with_branch_prefix: branch_prefix: BranchPrefix,
    /// Sets whether a change may contain files themselves instead of their Git LFS pointers.
    with_allow_raw_lfs: allow_raw_lfs: bool,
    /// Sets the maximum number of files in a change.
    with_max_files: max_files: usize,
    /// Sets the maximum total size, in bytes, of the files in a change.
    with_max_bytes: max_bytes: u64,
    /// Sets the container images that a repository's settings may choose: complete names, or
    /// prefixes that end with `*`.
    with_images: images: impl Into<Vec<String>>,
    /// Sets the network hosts that a repository's setup commands may reach.
    with_setup_hosts: setup_hosts: impl Into<Vec<HostPattern>>,
    /// Sets the network hosts that the agent's programs may reach. The agent can send the
    /// repository's contents to each of these hosts.
    with_agent_hosts: agent_hosts: impl Into<Vec<HostPattern>>,
    /// Sets whether actors without write permission may start runs on a runner without isolation.
    dangerously_unisolated: dangerously_unisolated: bool,
});

impl Default for TrustPolicy {
    fn default() -> Self {
        Self {
            permission: Permission::Write,
            allowed_actors: Vec::new(),
            label: "claude".to_owned(),
            mention: "@claude".to_owned(),
            on_opened: true,
            on_reopened: false,
            protected_classes: ProtectedClass::ALL.to_vec(),
            protected_names: Vec::new(),
            branch_prefix: BranchPrefix::default(),
            allow_raw_lfs: false,
            max_files: 300,
            max_bytes: 10 << 20,
            images: Vec::new(),
            setup_hosts: Vec::new(),
            agent_hosts: Vec::new(),
            dangerously_unisolated: false,
        }
    }
}

impl TrustPolicy {
    /// Checks whether `event` requests a run. The check makes no call to the VCS host. `us` is the
    /// service's own identity on the VCS host.
    ///
    /// # Errors
    /// The reason why the event requests no run. An action of the service itself never starts a
    /// run. The action of any other bot starts a run only if `allowed_actors` contains the bot
    /// (spec: G9). An opened issue starts a run only if the actor is its author (spec: W11a).
    pub fn check_event(&self, event: &IssueEvent, us: &BotIdentity) -> Result<(), SkipReason> {
        if event.actor.id == us.id || (event.via_app.is_some() && event.via_app == us.app) {
            return Err(SkipReason::OwnEvent);
        }
        if event.actor.kind == ActorKind::Bot && !self.allowed_actors.contains(&event.actor.id) {
            return Err(SkipReason::Bot);
        }
        let wanted = match &event.trigger {
            Trigger::Opened if event.actor.id != event.issue.author.id => {
                return Err(SkipReason::NotAuthor);
            }
            Trigger::Opened => self.on_opened,
            Trigger::Reopened => self.on_reopened,
            Trigger::Labeled { label } => label.eq_ignore_ascii_case(&self.label),
            Trigger::Assigned { assignee } => assignee.id == us.id,
            Trigger::Commented { body, .. } => mentions(body, &self.mention),
        };
        if wanted { Ok(()) } else { Err(SkipReason::NotForUs) }
    }

    /// Returns whether the actor of `event` may start a run. `permission` is the actor's permission
    /// on the repository. It must be at least the policy's minimum permission, except if
    /// `allowed_actors` contains the actor.
    #[must_use]
    pub fn permits(&self, event: &IssueEvent, permission: Permission) -> bool {
        permission >= self.permission || self.allowed_actors.contains(&event.actor.id)
    }

    /// Returns whether the actor of `event` may start a run on a runner without isolation.
    /// `permission` is the actor's permission on the repository (spec: X4c).
    ///
    /// Write permission is sufficient, because an actor with write permission can already make the
    /// repository's tests execute any program.
    #[must_use]
    pub fn permits_unisolated(&self, event: &IssueEvent, permission: Permission) -> bool {
        permission >= Permission::Write
            || self.allowed_actors.contains(&event.actor.id)
            || self.dangerously_unisolated
    }

    /// Returns whether a repository's settings may choose the container image `image`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ccc_core::policy::TrustPolicy;
    ///
    /// let policy = TrustPolicy::default().with_images(vec!["ghcr.io/octo/*".to_owned()]);
    /// assert!(policy.permits_image("ghcr.io/octo/agent:7"));
    /// assert!(!policy.permits_image("docker.io/library/debian"));
    /// ```
    #[must_use]
    pub fn permits_image(&self, image: &str) -> bool {
        self.images.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => image.starts_with(beginning),
            None => image == known,
        })
    }

    /// Returns the protected classes, including the classes that are always protected.
    #[must_use]
    pub fn effective_classes(&self) -> Vec<ProtectedClass> {
        let is_protected = |class: &ProtectedClass| {
            class.is_always_protected() || self.protected_classes.contains(class)
        };
        ProtectedClass::ALL.into_iter().filter(is_protected).collect()
    }
}

/// Returns whether `text` contains `mention` as a separate word: `@claude,` counts, but
/// `@claudette`, `@claude-bot`, `@claude/team` and `me@claude.example` do not.
fn mentions(text: &str, mention: &str) -> bool {
    let (text, mention) = (text.to_lowercase(), mention.to_lowercase());
    if mention.is_empty() {
        return false;
    }
    let part_of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '@');
    text.match_indices(&mention).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + mention.len()..].chars();
        let (next, then) = (after.next(), after.next());
        let address = matches!(next, Some('.' | '/')) && then.is_some_and(char::is_alphanumeric);
        !before.is_some_and(|c| part_of_a_name(c) || c == '.' || c == '/')
            && !next.is_some_and(part_of_a_name)
            && !address
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_a_separate_word() {
        for (text, expected) in [
            ("@claude fix it", true),
            ("please, @Claude: fix it", true),
            ("(@claude)", true),
            ("fix it @claude.", true),
            ("@claude", true),
            ("a\n@claude\nb", true),
            ("@claudette fix it", false),
            ("@claude-bot fix it", false),
            ("mail me@claude.example", false),
            ("see @claude.example", false),
            ("we use @claude/sdk", false),
            ("@claude/ is a folder", true),
            ("github.com/@claude", false),
            ("claude fix it", false),
            ("", false),
        ] {
            assert_eq!(mentions(text, "@claude"), expected, "{text:?}");
        }
        assert!(!mentions("anything", ""));
    }
}
