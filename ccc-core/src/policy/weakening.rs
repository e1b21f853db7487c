//! The weakened parts of a policy.

use std::fmt;

use super::TrustPolicy;
use super::applied::AppliedPolicy;
use super::class::ProtectedClass;
use crate::egress::HostPattern;
use crate::event::IssueEvent;
use crate::vcs::Permission;

/// A part of a policy that protects less than the default policy. `Display` writes it in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakening {
    /// Changes to the files of this class are not refused.
    UnprotectedClass(ProtectedClass),
    /// Accounts with this permission, which is below write, can start runs.
    Permission(Permission),
    /// The accounts with these ids can start runs with any permission.
    AllowedActors(Vec<u64>),
    /// A change can contain files themselves instead of their Git LFS pointers.
    RawLfs,
    /// Reopening an issue starts a run on the text of its author.
    Reopened,
    /// Accounts without write permission can start runs on a runner without isolation.
    Unisolated,
    /// A repository can choose every container image.
    AnyImage,
    /// A repository's setup commands can reach these network hosts.
    SetupHosts(Vec<HostPattern>),
    /// The agent's programs can reach these network hosts.
    AgentHosts(Vec<HostPattern>),
}

impl fmt::Display for Weakening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnprotectedClass(class) => write!(
                f,
                "changes to files that configure {} are not refused, because the protected classes \
                 of the policy do not contain {class}",
                class.configures()
            ),
            Self::Permission(permission) => write!(
                f,
                "accounts with {permission} permission can start runs, because the policy does not \
                 require write permission"
            ),
            Self::AllowedActors(ids) => {
                write!(f, "these accounts can start runs with any permission: {}", list(ids))
            }
            Self::RawLfs => f.write_str(
                "changes can contain files themselves instead of their Git LFS pointers, because the \
                 policy permits it",
            ),
            Self::Reopened => f.write_str(
                "reopening an issue starts a run, in which the agent works on the text of an author \
                 who may have no permission",
            ),
            Self::Unisolated => f.write_str(
                "accounts without write permission can start runs on a runner without isolation, \
                 because the policy permits it",
            ),
            Self::AnyImage => f.write_str(
                "a repository can choose every image, because the permitted images of the policy \
                 contain *",
            ),
            Self::SetupHosts(hosts) => write!(
                f,
                "a repository's setup commands can send the repository's contents to these network \
                 hosts: {}",
                list(hosts)
            ),
            Self::AgentHosts(hosts) => write!(
                f,
                "the agent's programs can send the repository's contents to these network hosts: {}",
                list(hosts)
            ),
        }
    }
}

/// Returns `items`, separated by commas.
fn list(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl From<&TrustPolicy> for AppliedPolicy {
    fn from(policy: &TrustPolicy) -> Self {
        Self {
            permission: policy.permission,
            protected_classes: policy.effective_classes(),
            protected_names: policy.protected_names.clone(),
            max_files: policy.max_files,
            max_bytes: policy.max_bytes,
            weakenings: policy.weakenings().iter().map(ToString::to_string).collect(),
            exceptions: Vec::new(),
        }
    }
}

impl TrustPolicy {
    /// Returns the parts of this policy that protect less than the default policy. A program should
    /// log them as warnings when it starts.
    ///
    /// # Examples
    ///
    /// ```
    /// use ccc_core::policy::{ProtectedClass, TrustPolicy};
    ///
    /// assert!(TrustPolicy::default().weakenings().is_empty());
    ///
    /// let policy = TrustPolicy::default().with_protected_classes([ProtectedClass::Agents]);
    /// assert!(policy.weakenings()[0].to_string().contains("editors"));
    /// ```
    #[must_use]
    pub fn weakenings(&self) -> Vec<Weakening> {
        let protected = self.effective_classes();
        let mut found: Vec<Weakening> = ProtectedClass::ALL
            .into_iter()
            .filter(|class| !protected.contains(class))
            .map(Weakening::UnprotectedClass)
            .collect();
        if self.permission < Permission::Write {
            found.push(Weakening::Permission(self.permission));
        }
        if !self.allowed_actors.is_empty() {
            found.push(Weakening::AllowedActors(self.allowed_actors.clone()));
        }
        if self.allow_raw_lfs {
            found.push(Weakening::RawLfs);
        }
        if self.on_reopened {
            found.push(Weakening::Reopened);
        }
        if self.dangerously_unisolated {
            found.push(Weakening::Unisolated);
        }
        if self.images.iter().any(|image| image == "*") {
            found.push(Weakening::AnyImage);
        }
        if !self.setup_hosts.is_empty() {
            found.push(Weakening::SetupHosts(self.setup_hosts.clone()));
        }
        if !self.agent_hosts.is_empty() {
            found.push(Weakening::AgentHosts(self.agent_hosts.clone()));
        }
        found
    }

    /// Returns the weakened rules without which the run of `event` would not have started, one line
    /// for each rule. `permission` is the actor's permission on the repository, and `is_isolated`
    /// is true if the runner isolates the agent.
    #[must_use]
    pub fn start_exceptions(
        &self,
        event: &IssueEvent,
        permission: Permission,
        is_isolated: bool,
    ) -> Vec<String> {
        let login = &event.actor.login;
        if permission >= Permission::Write {
            return Vec::new();
        }
        if self.allowed_actors.contains(&event.actor.id) {
            let line = format!(
                "the operator permits {login} to start runs with {permission} permission on the \
                 repository"
            );
            return vec![line];
        }
        let mut found = vec![format!(
            "the operator permits accounts with {} permission to start runs, and {login} has \
             {permission} permission",
            self.permission
        )];
        if !is_isolated {
            found.push(
                "the operator permits accounts without write permission to start runs on a runner \
                 without isolation"
                    .to_owned(),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, ActorKind, IssueSnapshot, RepoRef, Trigger};

    #[test]
    fn each_weakened_rule_is_reported_in_words() {
        // spec: X17d
        let policy = TrustPolicy::default;
        let agents = HostPattern::try_from("*.example.org".to_owned()).unwrap();
        for (policy, expected) in [
            (policy(), vec![]),
            (policy().with_protected_classes(&ProtectedClass::ALL[1..]), vec![]),
            (
                policy().with_protected_classes(&ProtectedClass::ALL[..4]),
                vec!["package managers", "git or approvals"],
            ),
            (policy().with_permission(Permission::Triage), vec!["accounts with triage permission"]),
            (policy().with_permission(Permission::Admin), vec![]),
            (policy().with_on_reopened(true), vec!["reopening an issue starts a run"]),
            (policy().dangerously_unisolated(true), vec!["without isolation"]),
            (policy().with_images(["ghcr.io/octo/*".to_owned()]), vec![]),
            (policy().with_images(["*".to_owned()]), vec!["every image"]),
            (policy().with_agent_hosts([agents.clone()]), vec!["the agent's programs"]),
            (policy().with_setup_hosts([agents]), vec!["setup commands"]),
            (policy().with_allowed_actors([7, 8]), vec!["any permission: 7, 8"]),
            (
                policy().with_permission(Permission::None).dangerously_unisolated(true),
                vec!["accounts with no permission", "without isolation"],
            ),
        ] {
            let found: Vec<String> = policy.weakenings().iter().map(ToString::to_string).collect();
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (line, part) in found.iter().zip(expected) {
                assert!(line.contains(part) && !line.contains('\n'), "{line}");
            }
            assert_eq!(AppliedPolicy::from(&policy).weakenings, found);
        }
    }

    #[test]
    fn a_run_that_only_a_weakened_rule_permits_has_an_exception() {
        // spec: X17c
        let policy = TrustPolicy::default;
        for (policy, permission, is_isolated, expected) in [
            (policy(), Permission::Write, false, vec![]),
            (policy().with_permission(Permission::Read), Permission::Admin, false, vec![]),
            (
                policy().with_permission(Permission::Read),
                Permission::Triage,
                true,
                vec![
                    "the operator permits accounts with read permission to start runs, and \
                      octocat has triage permission",
                ],
            ),
            (
                policy().with_permission(Permission::Read).dangerously_unisolated(true),
                Permission::Read,
                false,
                vec!["accounts with read permission", "a runner without isolation"],
            ),
            (
                policy().with_allowed_actors([3]),
                Permission::None,
                false,
                vec!["the operator permits octocat to start runs with no permission"],
            ),
        ] {
            let found = policy.start_exceptions(&event(), permission, is_isolated);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (line, part) in found.iter().zip(expected) {
                assert!(line.contains(part), "{line}");
            }
        }
    }

    #[test]
    fn the_summary_names_the_rules_for_a_change() {
        // spec: X17d
        let policy = TrustPolicy::default()
            .with_protected_classes([ProtectedClass::Hooks])
            .with_protected_names(["Makefile".to_owned()]);
        assert_eq!(
            AppliedPolicy::from(&policy).summary(),
            "starting a run requires write permission; the protected classes of files are ci, \
             hooks; further protected names are Makefile; a change has at most 300 files and \
             10485760 bytes"
        );
    }

    fn event() -> IssueEvent {
        let actor = Actor { id: 3, login: "octocat".to_owned(), kind: ActorKind::User };
        IssueEvent {
            repo: RepoRef {
                host: "host.example".to_owned(),
                id: 7,
                owner: "octo".to_owned(),
                name: "hello".to_owned(),
            },
            issue: IssueSnapshot {
                number: 1,
                title: "title".to_owned(),
                body: "body".to_owned(),
                author: actor.clone(),
                updated_at: jiff::Timestamp::UNIX_EPOCH,
            },
            trigger: Trigger::Opened,
            actor,
            via_app: None,
            actor_is_member: false,
        }
    }
}
