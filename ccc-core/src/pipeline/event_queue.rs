//! The queue of an agent's events, in which an event waits if a secret can continue in the next one.

use std::borrow::Cow;

use super::log_text::agent_lines;
use crate::agent::AgentEvent;
use crate::observe::Redactor;
use crate::untrusted_text::without_control_sequences;

/// Maximum number of events that wait.
const MAX_WAITING: usize = 64;
/// Maximum number of bytes of text that wait.
const MAX_BYTES: usize = 256 << 10;
/// Number of letters and digits of earlier events with which a new event is searched. It is at least
/// the length of the parts of secrets that the redactor finds.
const CONTEXT: usize = 16;
/// Number of channels: see [`channel`].
const CHANNELS: usize = 7;

/// An event from which the queue has removed the secrets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CleanedEvent {
    pub(super) event: AgentEvent,
    /// The lines for the event in the run's log.
    pub(super) lines: Vec<String>,
}

/// A queue that removes secrets which an agent shows in parts, each in an event of its own.
///
/// An event that ends with the beginning of a secret waits for the next event of the same kind. The
/// order of the events does not change. Up to five letters and digits of a secret are not
/// recognized as its beginning.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    /// For each channel, the last letters and digits of the events that have left the queue.
    before: [String; CHANNELS],
    /// For each channel, the last letters and digits of all events.
    tails: [String; CHANNELS],
    waiting: Vec<AgentEvent>,
    bytes: usize,
}

/// Returns the channel of `event`. A secret can be split between events of one channel.
fn channel(event: &AgentEvent) -> usize {
    match event {
        AgentEvent::Printed { error_stream, .. } => usize::from(*error_stream),
        AgentEvent::Said { .. } => 2,
        AgentEvent::Thought { .. } => 3,
        AgentEvent::Ran { .. } => 4,
        AgentEvent::Read { .. } | AgentEvent::Edited { .. } => 5,
        AgentEvent::Planned { .. }
        | AgentEvent::Retrying { .. }
        | AgentEvent::Alive
        | AgentEvent::Denied { .. } => 6,
    }
}

impl EventQueue {
    /// Adds `event`, and returns the events that need not wait, without secrets.
    pub(super) fn next(&mut self, mut event: AgentEvent, redactor: &Redactor) -> Vec<CleanedEvent> {
        let tail = &mut self.tails[channel(&event)];
        for text in event.texts_mut() {
            self.bytes += text.len();
            append(tail, text);
        }
        self.waiting.push(event);
        let is_full = self.waiting.len() >= MAX_WAITING || self.bytes >= MAX_BYTES;
        if !is_full && self.continues(redactor) {
            return Vec::new();
        }
        self.take(is_full, redactor)
    }

    /// Returns whether a secret can continue after the last waiting event of a channel.
    fn continues(&self, redactor: &Redactor) -> bool {
        let mut is_waiting = [false; CHANNELS];
        for event in &self.waiting {
            is_waiting[channel(event)] = true;
        }
        let mut tails = self.tails.iter().zip(is_waiting);
        tails.any(|(tail, is_waiting)| is_waiting && redactor.continues(tail))
    }

    /// Returns the events that wait. The caller calls this method after the agent has ended.
    pub(super) fn rest(mut self, redactor: &Redactor) -> Vec<CleanedEvent> {
        self.take(false, redactor)
    }

    /// Empties the queue. If `is_cut` is true, a secret can continue in a later event, so the
    /// beginning of a secret is removed too.
    fn take(&mut self, is_cut: bool, redactor: &Redactor) -> Vec<CleanedEvent> {
        let mut events = std::mem::take(&mut self.waiting);
        // Control sequences can separate the parts of a secret, and are no part of a log.
        let mut plain = without_control_sequences_in(&events);
        self.clean(&mut events, is_cut, redactor);
        if let Some(plain) = &mut plain {
            self.clean(plain, is_cut, redactor);
        }
        self.before.clone_from(&self.tails);
        self.bytes = 0;
        let lines: Vec<_> = plain.as_ref().unwrap_or(&events).iter().map(agent_lines).collect();
        let cleaned = events.into_iter().zip(lines);
        cleaned.map(|(event, lines)| CleanedEvent { event, lines }).collect()
    }

    fn clean(&self, events: &mut [AgentEvent], is_cut: bool, redactor: &Redactor) {
        for (number, before) in self.before.iter().enumerate() {
            let of_channel = events.iter_mut().filter(|event| channel(event) == number);
            let mut texts: Vec<&mut String> = of_channel.flat_map(AgentEvent::texts_mut).collect();
            if texts.is_empty() {
                continue;
            }
            let originals: Vec<&str> = texts.iter().map(|text| text.as_str()).collect();
            let cleaned = redactor.clean_parts(before, &originals, is_cut);
            for (text, cleaned) in texts.iter_mut().zip(cleaned) {
                **text = cleaned;
            }
        }
    }
}

/// Returns the events without the control sequences of terminals, or `None` if no event contains one.
fn without_control_sequences_in(events: &[AgentEvent]) -> Option<Vec<AgentEvent>> {
    let (mut plain, mut is_changed) = (events.to_vec(), false);
    for text in plain.iter_mut().flat_map(AgentEvent::texts_mut) {
        if let Cow::Owned(without) = without_control_sequences(text) {
            *text = without;
            is_changed = true;
        }
    }
    is_changed.then_some(plain)
}

/// Appends the last letters and digits of `text` to `tail`, and shortens `tail` to [`CONTEXT`].
fn append(tail: &mut String, text: &str) {
    let last: Vec<char> =
        text.chars().rev().filter(char::is_ascii_alphanumeric).take(CONTEXT).collect();
    tail.extend(last.into_iter().rev());
    let excess = tail.len().saturating_sub(CONTEXT);
    tail.drain(..excess);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    const SECRET: &str = "run-5f1d8c07e2ab49636f0e7d21";

    fn said(text: &str) -> AgentEvent {
        AgentEvent::Said { text: text.to_owned() }
    }

    fn printed(text: &str) -> AgentEvent {
        AgentEvent::Printed { error_stream: false, text: text.to_owned() }
    }

    /// Passes `events` through a queue. Returns the texts that leave it, and the largest number of
    /// events that waited.
    fn shown(events: Vec<AgentEvent>) -> (String, usize) {
        let redactor = Redactor::default();
        redactor.add(&Secret::from(SECRET));
        let (mut queue, mut shown, mut waited) = (EventQueue::default(), Vec::new(), 0);
        let count = events.len();
        for event in events {
            shown.extend(queue.next(event, &redactor).into_iter().map(|cleaned| cleaned.event));
            waited = waited.max(queue.waiting.len());
        }
        shown.extend(queue.rest(&redactor).into_iter().map(|cleaned| cleaned.event));
        assert_eq!(shown.len(), count, "an event is missing");
        let texts = shown.iter_mut().flat_map(AgentEvent::texts_mut);
        (texts.map(|text| text.as_str()).collect::<Vec<_>>().join("|"), waited)
    }

    #[test]
    fn a_secret_in_several_events_is_not_shown() {
        // spec: S6b
        let halves = SECRET.split_at(14);
        let chars = || SECRET.chars().map(|c| c.to_string());
        for (events, expected) in [
            (vec![said(SECRET)], "[REDACTED]"),
            (vec![said(halves.0), said(halves.1)], "[REDACTED]|[REDACTED]"),
            (
                vec![said("the key: run-5f1d8"), said("c07e2ab49636f0e7d21!")],
                "the key: [REDACTED]|[REDACTED]!",
            ),
            // Another event between the parts.
            (vec![said(halves.0), printed("x\n"), said(halves.1)], "[REDACTED]|x\n|[REDACTED]"),
            (
                vec![printed("run-5f1d8c0\n"), printed("7e2ab496\n"), printed("36f0e7d21\n")],
                "[REDACTED]|[REDACTED]\n|[REDACTED]\n",
            ),
            // The streams of a program, and its messages, are separate texts.
            (
                vec![said("run-5f1d8"), printed("c07e2ab49\n"), said("done")],
                "run-5f1d8|c07e2ab49\n|done",
            ),
            (vec![said("hello"), said("world")], "hello|world"),
        ] {
            assert_eq!(shown(events).0, expected);
        }
        // One character for each event: the first five are shown.
        let (text, waited) = shown(chars().map(|c| said(&c)).collect());
        assert!(text.starts_with("r|u|n|-|5|f|[REDACTED]|"), "{text}");
        assert_eq!(text.matches("[REDACTED]").count(), SECRET.len() - 6, "{text}");
        assert!(waited <= CONTEXT, "{waited}");
    }

    #[test]
    fn an_event_waits_only_for_a_bounded_number_of_events() {
        // The message that could be the beginning of a secret never continues.
        let mut events = vec![said("run-5f1d8c")];
        events.extend((0..MAX_WAITING).map(|n| printed(&format!("line {n}\n"))));
        let (text, waited) = shown(events);
        assert_eq!(waited, MAX_WAITING - 1);
        assert!(text.starts_with("[REDACTED]|line 0\n|"), "{text}");
    }
}
