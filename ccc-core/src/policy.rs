//! Who may start a run, and what may leave it: decided in code, by values that can be printed.

use serde::{Deserialize, Serialize};

use crate::egress::HostPattern;
use crate::event::{ActorKind, IssueEvent, Trigger};
use crate::run::SkipReason;
use crate::setters::setters;
use crate::untrusted_text::file_system_name;
use crate::vcs::{BotIdentity, Permission};

/// The operator's rules. The default is the strict one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TrustPolicy {
    /// The least that the host must say the actor may do.
    pub permission: Permission,
    /// Accounts, by number, that may start runs whatever the host says.
    pub allowed_actors: Vec<u64>,
    /// The label that starts a run, whatever its case.
    pub label: String,
    /// The mention that starts a run when it is a word of its own in a comment, whatever its case.
    pub mention: String,
    /// Whether opening an issue starts a run.
    pub on_opened: bool,
    /// File and directory names that a change must not touch at any depth, whatever their case:
    /// they make programs run, for people or for machines, outside the review of the change.
    pub protected_names: Vec<String>,
    /// The most files that a change may have.
    pub max_files: usize,
    /// The most bytes that the files of a change may have together.
    pub max_bytes: u64,
    /// Images that a repository may choose: names as they are, or beginnings that end with `*`.
    pub images: Vec<String>,
    /// Hosts that a repository's setup may reach.
    pub setup_hosts: Vec<HostPattern>,
    /// Hosts that the agent's programs may reach. Each of them is a way out for what is in the repository.
    pub agent_hosts: Vec<HostPattern>,
    /// Lets people without write permission start runs also where a runner isolates nothing.
    pub dangerously_unisolated: bool,
}

setters!(TrustPolicy {
    /// Sets the least permission of an actor.
    with_permission: permission: Permission,
    /// Sets the accounts, by number, that may start runs whatever their permission.
    with_allowed_actors: allowed_actors: impl Into<Vec<u64>>,
    /// Sets the label that starts a run.
    with_label: label: impl Into<String>,
    /// Sets the mention that starts a run.
    with_mention: mention: impl Into<String>,
    /// Sets whether opening an issue starts a run.
    with_on_opened: on_opened: bool,
    /// Sets the file and directory names that a change must not touch.
    with_protected_names: protected_names: impl Into<Vec<String>>,
    /// Sets the most files that a change may have.
    with_max_files: max_files: usize,
    /// Sets the size of a change's files together, bytes.
    with_max_bytes: max_bytes: u64,
    /// Sets the images that a repository may choose: names, or prefixes that end with `*`.
    with_images: images: impl Into<Vec<String>>,
    /// Sets the hosts that a repository's setup may reach.
    with_setup_hosts: setup_hosts: impl Into<Vec<HostPattern>>,
    /// Sets the hosts that the agent's programs may reach. Each is a way out for the repository's
    /// contents.
    with_agent_hosts: agent_hosts: impl Into<Vec<HostPattern>>,
    /// Permits runs for people without write permission on runners without isolation.
    dangerously_unisolated: dangerously_unisolated: bool,
});

impl Default for TrustPolicy {
    fn default() -> Self {
        let names = [
            ".github",
            ".gitattributes",
            ".gitmodules",
            ".gitconfig",
            ".claude",
            ".mcp.json",
            ".claude.json",
            "claude.md",
            "claude.local.md",
            ".husky",
            ".vscode",
            ".devcontainer",
            "codeowners",
            ".ripgreprc",
        ];
        Self {
            permission: Permission::Write,
            allowed_actors: Vec::new(),
            label: "claude".to_owned(),
            mention: "@claude".to_owned(),
            on_opened: true,
            protected_names: names.map(str::to_owned).to_vec(),
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
    /// Whether the event, by what is in it alone, is one that we act on.
    ///
    /// # Errors
    /// The reason why not. Our own doing and other bots' never starts anything (spec: G9).
    pub fn wants(&self, event: &IssueEvent, us: &BotIdentity) -> Result<(), SkipReason> {
        if event.actor.id == us.id || (event.via_app.is_some() && event.via_app == us.app) {
            return Err(SkipReason::OwnEvent);
        }
        if event.actor.kind == ActorKind::Bot && !self.allowed_actors.contains(&event.actor.id) {
            return Err(SkipReason::Bot);
        }
        let wanted = match &event.trigger {
            Trigger::Opened | Trigger::Reopened => self.on_opened,
            Trigger::Labeled { label } => label.eq_ignore_ascii_case(&self.label),
            Trigger::Assigned { assignee } => assignee.id == us.id,
            Trigger::Commented { body, .. } => mentions(body, &self.mention),
        };
        if wanted { Ok(()) } else { Err(SkipReason::NotForUs) }
    }

    /// Whether the actor may spend money here.
    #[must_use]
    pub fn permits(&self, event: &IssueEvent, permission: Permission) -> bool {
        permission >= self.permission || self.allowed_actors.contains(&event.actor.id)
    }

    /// Whether this person's issue may be worked on by plain processes of the host (spec: X4c): who can write
    /// to the repository could have its tests run such things anyway.
    #[must_use]
    pub fn permits_unisolated(&self, event: &IssueEvent, permission: Permission) -> bool {
        permission >= Permission::Write
            || self.allowed_actors.contains(&event.actor.id)
            || self.dangerously_unisolated
    }

    /// Whether a repository may choose this image.
    #[must_use]
    pub fn permits_image(&self, image: &str) -> bool {
        self.images.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => image.starts_with(beginning),
            None => image == known,
        })
    }

    /// Whether a change must not touch this path, `/`-separated and relative to the root.
    #[must_use]
    pub fn protects(&self, path: &str) -> bool {
        path.split('/').any(|part| {
            let part = file_system_name(part);
            self.protected_names.iter().any(|name| file_system_name(name) == part)
        })
    }
}

/// Whether `mention` stands in `text` as a word of its own: `@claude,` counts, `@claudette`,
/// `@claude-bot` and `me@claude.example` do not.
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
        let address = next == Some('.') && then.is_some_and(char::is_alphanumeric);
        !before.is_some_and(|c| part_of_a_name(c) || c == '.' || c == '/')
            && !next.is_some_and(part_of_a_name)
            && !address
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_a_word_of_its_own() {
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
            ("github.com/@claude", false),
            ("claude fix it", false),
            ("", false),
        ] {
            assert_eq!(mentions(text, "@claude"), expected, "{text:?}");
        }
        assert!(!mentions("anything", ""));
    }

    #[test]
    fn protected_names_hold_at_any_depth_and_in_any_case() {
        // spec: X7
        let policy = TrustPolicy::default();
        for (path, expected) in [
            (".github/workflows/ci.yml", true),
            ("a/.GitHub/x", true),
            ("CLAUDE.md", true),
            ("docs/CODEOWNERS", true),
            (".github./workflows/x.yml", true),
            (".vscode /tasks.json", true),
            (".g\u{200c}ithub/x", true),
            ("CLAUDE.md::$DATA", true),
            (".gitattributes", true),
            ("a/b/.gitmodules", true),
            ("src/github/x.rs", false),
            (".gitignore", false),
            ("README.md", false),
        ] {
            assert_eq!(policy.protects(path), expected, "{path}");
        }
    }
}
