//! The permission that an actor needs to start runs, and the answer to an actor without it.

use std::time::Duration;

use super::Pipeline;
use super::bounded::guarded;
use super::comment::not_permitted;
use super::parts::Parts;
use crate::Result;
use crate::event::{IssueEvent, RepoRef};
use crate::vcs::{Grant, Permission};

/// Time limit of each call in this module. It is longer than the time for which intake waits,
/// because a late result is still used for the next delivery.
const CALL_LIMIT: Duration = Duration::from_secs(20);

impl Parts {
    /// Returns the minimum permission of an actor that the policy does not name.
    pub(super) fn required_permission(&self) -> Permission {
        let isolated = self.runner.capabilities().isolated || self.policy.dangerously_unisolated;
        let least = if isolated { Permission::None } else { Permission::Write };
        self.policy.permission.max(least)
    }

    /// Returns whether the actor of `event`, who has `permission`, may start a run (spec: X4c, X11).
    pub(super) fn permits(&self, event: &IssueEvent, permission: Permission) -> bool {
        self.policy.permits(event, permission)
            && (self.runner.capabilities().isolated
                || self.policy.permits_unisolated(event, permission))
    }
}

impl Pipeline {
    /// Executes `work` as a separate task. [`wait_for_cleanups`](Self::wait_for_cleanups) waits for
    /// the task.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.parts.cleanups.spawn_on(work, &self.parts.runtime);
    }

    /// Asks the VCS host whether the actor of `event` may start a run. Leases no token, because a
    /// lease would end with the revocation of the token, and each check would then need a new one.
    /// The adapter stores the token that it uses, and revokes it when it is no longer used.
    pub(crate) async fn permits_actor(&self, event: &IssueEvent) -> Result<bool> {
        let Parts { host, clock, .. } = &*self.parts;
        let permission = host.permission(&event.repo, &event.actor);
        let permission = guarded(&**clock, CALL_LIMIT, permission).await?;
        Ok(self.parts.permits(event, permission))
    }

    /// Answers the request of an actor who may not start runs. Drop the future only if the program
    /// ends, because it holds a token.
    pub(crate) async fn answer_refused(&self, event: &IssueEvent) -> Result<()> {
        let (host, number) = (&self.parts.host, event.issue.number);
        // The marker limits the answers also after a restart of the program.
        let day = self.parts.clock.now().strftime("%F");
        let marker = format!("refused-{}-{number}-{day}", event.actor.id);
        let body = not_permitted(&event.actor.login, self.parts.required_permission());
        let answer = host.answer_refused(&event.repo, number, &marker, &body);
        self.with_access(&event.repo, Grant::Discuss, answer).await
    }

    /// Acquires a token for `grant`, waits for `call`, which uses the token, and releases the
    /// token.
    async fn with_access<T>(
        &self,
        repo: &RepoRef,
        grant: Grant,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Parts { host, clock, .. } = &*self.parts;
        let access = guarded(&**clock, CALL_LIMIT, host.access(repo, grant, CALL_LIMIT)).await?;
        let result = guarded(&**clock, CALL_LIMIT, call).await;
        // If the release fails, the token expires by itself, and the result is valid nevertheless.
        let _ = guarded(&**clock, CALL_LIMIT, host.release(access)).await;
        result
    }
}
