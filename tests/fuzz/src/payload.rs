//! The JSON payload of a delivery.

use ccc_core::event::{IssueEvent, Trigger};
use ccc_github::webhook::Meaning;
use serde_json::Value;

use crate::deliveries::{HOST, meaning};
use crate::signature::split_line;

/// Maximum size of a text in an event, in bytes.
const MAX_TEXT: usize = 4 * 65_536;

/// Checks that an event has the values of the payload's fields, within the limits of their sizes,
/// and that it can be stored. The first line of the input is the name of the event, and the rest is
/// the payload.
pub(crate) fn run(data: &[u8]) {
    let (name, json) = split_line(data);
    let Ok(name) = std::str::from_utf8(name) else { return };
    match meaning(name, "application/json", json) {
        Ok(Meaning::Event(event)) => {
            assert!(["issues", "issue_comment"].contains(&name));
            check_event(&event);
            // The reader skips the fields that it does not use, and so accepts payloads that are too
            // deep for a complete parser.
            if let Ok(value) = serde_json::from_slice(json) {
                check_fields(&event, &value);
            }
        }
        Ok(Meaning::Ping) => assert_eq!(name, "ping"),
        Ok(Meaning::Ignored(reason)) => assert!(reason.len() < 40),
        Err(_) => {}
    }
}

fn check_event(event: &IssueEvent) {
    let mut texts = vec![&event.issue.title, &event.issue.body, &event.actor.login];
    texts.push(&event.issue.author.login);
    match &event.trigger {
        Trigger::Labeled { label } => texts.push(label),
        Trigger::Assigned { assignee } => texts.push(&assignee.login),
        Trigger::Commented { body, .. } => texts.push(body),
        _ => {}
    }
    assert!(texts.iter().all(|text| text.len() <= MAX_TEXT && !text.contains('\0')));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    for name in [&event.repo.owner, &event.repo.name] {
        assert!(!name.is_empty() && name.len() <= 100 && name.chars().all(is_plain), "{name:?}");
        assert!(name != "." && name != "..");
    }
    assert_eq!(event.repo.host, HOST);
    let stored = serde_json::to_string(event).unwrap();
    assert_eq!(serde_json::from_str::<IssueEvent>(&stored).unwrap(), *event);
}

fn check_fields(event: &IssueEvent, payload: &Value) {
    for (pointer, found) in [
        ("/issue/number", event.issue.number),
        ("/repository/id", event.repo.id),
        ("/sender/id", event.actor.id),
    ] {
        // A list in the place of an object has no names. The reader accepts it by the order of the
        // fields.
        if let Some(value) = payload.pointer(pointer) {
            assert_eq!(value.as_u64(), Some(found), "{pointer}");
        }
    }
    if let Some(title) = payload.pointer("/issue/title").and_then(Value::as_str) {
        assert!(title.starts_with(&event.issue.title));
    }
}
