//! The check whether an event requests a run.

use crate::event::{IssueEvent, Trigger};
use crate::policy::TrustPolicy;
use crate::run::SkipReason;
use crate::untrusted_text::mentionable_text;
use crate::vcs::BotIdentity;
use crate::{Error, ErrorKind, Result};

/// Returns the reason why `event` requests no run according to `policy`, or `None` if it requests one.
/// Of a comment, only the parts count in which the VCS host finds mentions. `us` is the service's own
/// identity on the VCS host.
pub(crate) async fn reason_to_skip(
    policy: &TrustPolicy,
    event: &IssueEvent,
    us: &BotIdentity,
) -> Result<Option<SkipReason>> {
    // The whole text is checked first, because most comments contain no mention.
    if let Err(reason) = policy.check_event(event, us) {
        return Ok(Some(reason));
    }
    Ok(policy.check_event(&for_mentions(event).await?, us).err())
}

/// Returns `event` with the parts of its comment in which the VCS host finds mentions. A mention
/// that notifies no account requests no run (spec: X20d).
async fn for_mentions(event: &IssueEvent) -> Result<IssueEvent> {
    let mut event = event.clone();
    if let Trigger::Commented { body, .. } = &mut event.trigger {
        let source = std::mem::take(body);
        let reading = tokio::task::spawn_blocking(move || mentionable_text(&source));
        *body = reading.await.map_err(|e| {
            let line = "the task that reads the comment ended without a result";
            Error::new(ErrorKind::Unexpected, line).with_source(e)
        })?;
    }
    Ok(event)
}
