//! Tests of the rules that decide whether an event starts a run.

use ccc_core::event::{Actor, ActorKind, Trigger};
use ccc_core::policy::TrustPolicy;
use ccc_core::run::SkipReason;
use ccc_core::vcs::BotIdentity;

use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn only_its_author_opens_an_issue_and_reopening_is_a_setting() {
    // spec: W11a, W11b
    let fixture = Fixture::new().await;
    let us = BotIdentity::new(99, "helper[bot]", "");
    let account = |id| Actor { id, login: format!("a{id}"), kind: ActorKind::User };
    let default = TrustPolicy::default();
    let on_reopened = default.clone().with_on_reopened(true);
    let not_on_opened = default.clone().with_on_opened(false);
    let (opened, reopened) = (Trigger::Opened, Trigger::Reopened);
    let labeled = Trigger::Labeled { label: "claude".to_owned() };
    let assigned = Trigger::Assigned { assignee: us.account() };
    for (policy, actor, author, trigger, expected) in [
        (&default, 1, 1, &opened, Ok(())),
        (&default, 1, 2, &opened, Err(SkipReason::NotAuthor)),
        (&on_reopened, 1, 2, &opened, Err(SkipReason::NotAuthor)),
        (&not_on_opened, 1, 1, &opened, Err(SkipReason::NotForUs)),
        (&default, 1, 2, &reopened, Err(SkipReason::NotForUs)),
        (&default, 1, 1, &reopened, Err(SkipReason::NotForUs)),
        (&on_reopened, 1, 2, &reopened, Ok(())),
        (&not_on_opened, 1, 2, &reopened, Err(SkipReason::NotForUs)),
        // A label and an assignment request a run on the text of the author.
        (&default, 1, 2, &labeled, Ok(())),
        (&default, 1, 2, &assigned, Ok(())),
    ] {
        let mut event = fixture.event.clone();
        (event.actor, event.issue.author) = (account(actor), account(author));
        event.trigger = trigger.clone();
        let checked = policy.check_event(&event, &us);
        assert_eq!(checked, expected, "{actor} on the issue of {author}: {trigger:?}");
    }
}
