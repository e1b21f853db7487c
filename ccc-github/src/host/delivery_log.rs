//! GitHub's log of attempted webhook deliveries, and requests to send a delivery again. GitHub
//! repeats a delivery only after such a request (GitHub docs, "Handling failed webhook
//! deliveries").

use std::collections::{HashMap, HashSet};

use ccc_core::vcs::MissedDelivery;
use ccc_core::{DeliveryId, Result};
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;

use crate::client::{Call, page, parse};
use crate::host::github::GitHub;
use crate::webhook::payload::is_wanted;

/// The maximum number of log pages that are read. Each page contains 100 delivery attempts. The
/// limit is necessary because the log covers three days, in which a busy GitHub App can have many
/// deliveries.
const MAX_LOG_PAGES: usize = 50;

#[derive(Deserialize)]
struct Attempt {
    id: u64,
    guid: String,
    delivered_at: Timestamp,
    status_code: u16,
    event: String,
    action: Option<String>,
}

impl GitHub {
    /// Reads the deliveries that the service missed since `since`. A delivery is missed if its
    /// event can start a run and none of its attempts succeeded.
    pub(super) async fn read_missed(&self, since: Timestamp) -> Result<Vec<MissedDelivery>> {
        let mut url = self.tokens.endpoints.api(&["app", "hook", "deliveries"]);
        url.query_pairs_mut().append_pair("per_page", "100");
        let mut attempts: Vec<Attempt> = Vec::new();
        for _ in 0..MAX_LOG_PAGES {
            let call = Call::get(url.clone());
            let response = self.tokens.send_as_app(&call).await?;
            let some: Vec<Attempt> = parse(&call, &response)?;
            // The newest attempts come first, so all attempts after the first old one are too old.
            let done = some.iter().any(|attempt| attempt.delivered_at < since);
            attempts.extend(some.into_iter().filter(|a| a.delivered_at >= since));
            match page("next", &url, &response, None) {
                Some(next) if !done => url = next,
                _ => break,
            }
        }
        Ok(missed(attempts))
    }

    /// Asks GitHub to send `delivery` again.
    pub(super) async fn send_again(&self, delivery: &MissedDelivery) -> Result<()> {
        let id = delivery.handle.to_string();
        let url = self.tokens.endpoints.api(&["app", "hook", "deliveries", &id, "attempts"]);
        // The call can safely be repeated, because the receiver detects repeated deliveries.
        self.tokens
            .send_as_app(&Call::new(Method::POST, url).idempotent().without_write_limits())
            .await?;
        Ok(())
    }
}

/// Returns the missed deliveries, with the oldest first. A delivery is missed if its event can
/// start a run and none of its attempts in `attempts` succeeded.
fn missed(attempts: Vec<Attempt>) -> Vec<MissedDelivery> {
    let delivered: HashSet<String> = attempts
        .iter()
        .filter(|attempt| (200..300).contains(&attempt.status_code))
        .map(|attempt| attempt.guid.clone())
        .collect();
    let mut newest: HashMap<String, Attempt> = HashMap::new();
    for attempt in attempts {
        let wanted = is_wanted(&attempt.event, attempt.action.as_deref());
        if !wanted || delivered.contains(&attempt.guid) {
            continue;
        }
        let known = newest.get(&attempt.guid);
        if known.is_none_or(|known| known.delivered_at < attempt.delivered_at) {
            newest.insert(attempt.guid.clone(), attempt);
        }
    }
    let mut missed: Vec<_> = newest
        .into_values()
        .filter_map(|attempt| {
            let delivery = DeliveryId::new(attempt.guid).ok()?;
            Some(MissedDelivery::new(delivery, attempt.id, attempt.delivered_at))
        })
        .collect();
    missed.sort_by_key(|missed| (missed.delivered_at, missed.handle));
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(id: u64, guid: &str, status_code: u16, event: &str, action: &str) -> Attempt {
        Attempt {
            id,
            guid: guid.to_owned(),
            delivered_at: Timestamp::from_second(i64::try_from(id).unwrap()).unwrap(),
            status_code,
            event: event.to_owned(),
            action: Some(action.to_owned()),
        }
    }

    #[test]
    fn a_delivery_without_a_successful_attempt_is_missed_once() {
        let log = vec![
            attempt(9, "later-taken", 202, "issues", "opened"),
            attempt(8, "twice", 503, "issues", "opened"),
            attempt(7, "twice", 0, "issues", "opened"),
            attempt(6, "later-taken", 500, "issues", "opened"),
            attempt(5, "closed", 500, "issues", "closed"),
            attempt(4, "push", 500, "push", "created"),
            attempt(3, "redirected", 302, "issue_comment", "created"),
            attempt(2, "not an id!", 500, "issues", "opened"),
        ];
        let missed: Vec<_> = missed(log)
            .into_iter()
            .map(|missed| (missed.delivery.to_string(), missed.handle))
            .collect();
        assert_eq!(missed, [("redirected".to_owned(), 3), ("twice".to_owned(), 8)]);
    }
}
