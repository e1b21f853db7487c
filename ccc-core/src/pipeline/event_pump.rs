//! Delivery of an agent's events to the observer. Secrets are removed from the events on a blocking
//! thread, because an agent can print any amount of text (spec: X16a).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use tokio::sync::mpsc;

use super::event_queue::EventQueue;
use super::run_context::RunContext;
use crate::Result;
use crate::agent::AgentEvent;
use crate::observe::Redactor;

/// Number of bytes of text that may wait for the removal of secrets. While more bytes wait, the agent
/// is not polled.
const MAX_BACKLOG: usize = 1 << 20;
/// Maximum number of events that are cleaned at a time.
const MAX_BATCH: usize = 256;
/// Number of bytes that an event counts in addition to its texts.
const EVENT: usize = 64;

/// The sender of events to [`EventPump`].
#[derive(Debug)]
pub(super) struct EventSender(mpsc::UnboundedSender<AgentEvent>);

/// The receiver of the events of one agent, which removes the secrets from them.
#[derive(Debug)]
pub(super) struct EventPump(mpsc::UnboundedReceiver<AgentEvent>);

/// The number of bytes of the waiting events, and the waker of the agent's task, which is polled
/// again when fewer bytes wait.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: AtomicUsize,
    agent: AtomicWaker,
}

/// Returns a pump and its sender.
pub(super) fn event_pump() -> (EventSender, EventPump) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (EventSender(sender), EventPump(receiver))
}

fn size(event: &mut AgentEvent) -> usize {
    EVENT + event.texts_mut().iter().map(|text| text.len()).sum::<usize>()
}

impl EventSender {
    /// Sends `event` to the pump.
    pub(super) fn send(&self, mut event: AgentEvent, backlog: &Backlog) {
        backlog.add(size(&mut event));
        // An error means that the run has ended.
        let _ = self.0.send(event);
    }
}

impl Backlog {
    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.agent.wake();
    }

    /// Polls `agent` only while the events that wait have fewer than [`MAX_BACKLOG`] bytes.
    pub(super) async fn limit<T>(&self, agent: impl Future<Output = T>) -> T {
        let mut agent = pin!(agent);
        poll_fn(|context| {
            self.agent.register(context.waker());
            match self.bytes.load(Ordering::Relaxed) {
                MAX_BACKLOG.. => Poll::Pending,
                _ => agent.as_mut().poll(context),
            }
        })
        .await
    }
}

impl EventPump {
    /// Removes the secrets from the events, and passes the events to the observer in their order.
    /// Returns after the sender has been dropped.
    pub(super) async fn run(mut self, run: &RunContext, backlog: &Backlog) -> Result<()> {
        let mut queue = EventQueue::default();
        let mut batch = Vec::new();
        while self.0.recv_many(&mut batch, MAX_BATCH).await > 0 {
            let mut events = std::mem::take(&mut batch);
            let bytes: usize = events.iter_mut().map(size).sum();
            let clean = move |redactor: &Redactor| {
                let next = |event| queue.next(event, redactor);
                (events.into_iter().flat_map(next).collect::<Vec<_>>(), queue)
            };
            let (cleaned, used) = run.redacted(clean).await?;
            queue = used;
            backlog.remove(bytes);
            cleaned.into_iter().for_each(|event| run.emit_agent(event));
        }
        let rest = run.redacted(move |redactor| queue.rest(redactor)).await?;
        rest.into_iter().for_each(|event| run.emit_agent(event));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn an_agent_is_not_polled_while_too_many_bytes_wait() {
        // spec: X16a
        let (sender, mut pump) = event_pump();
        let backlog = Backlog::default();
        let mut polls = 0;
        // An agent whose output never ends.
        let agent = poll_fn(|_| {
            polls += 1;
            let text = "x".repeat(MAX_BACKLOG / 4);
            sender.send(AgentEvent::Said { text }, &backlog);
            Poll::<()>::Pending
        });
        let mut context = Context::from_waker(Waker::noop());
        let mut limited = Box::pin(backlog.limit(agent));
        for _ in 0..100 {
            assert!(limited.as_mut().poll(&mut context).is_pending());
        }
        let mut received = pump.0.try_recv().unwrap();
        backlog.remove(size(&mut received));
        for _ in 0..100 {
            assert!(limited.as_mut().poll(&mut context).is_pending());
        }
        drop(limited);
        // Four events fill the backlog, and one of them was removed from it.
        assert_eq!(polls, 5);
    }
}
