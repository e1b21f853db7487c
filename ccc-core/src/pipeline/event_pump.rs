//! Delivery of an agent's events to the observer. Secrets are removed from the events on a blocking
//! thread, because an agent can print any amount of text (spec: X16a).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use tokio::sync::mpsc;

use super::event_queue::{CleanedEvent, EventQueue};
use super::run_context::RunContext;
use crate::Result;
use crate::agent::AgentEvent;
use crate::git::cancellable;

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

/// The removal of secrets from events. `None` stands for the end of the events. The flag becomes true
/// if the caller no longer needs the result.
trait Clean:
    FnMut(Option<Vec<AgentEvent>>, &Arc<AtomicBool>) -> Vec<CleanedEvent> + Send + 'static
{
}

impl<F> Clean for F where
    F: FnMut(Option<Vec<AgentEvent>>, &Arc<AtomicBool>) -> Vec<CleanedEvent> + Send + 'static
{
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
    /// Executes `work`, which sends events. Meanwhile removes the secrets from the events, and passes
    /// the events to the observer in their order. Returns the result of `work`.
    ///
    /// # Errors
    /// [`ErrorKind::Unexpected`](crate::ErrorKind::Unexpected) if the removal of secrets panics. The
    /// future of `work` is then dropped, because no event could reach the observer any more.
    pub(super) async fn run<T>(
        self,
        run: &RunContext,
        backlog: &Backlog,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        let redactor = Arc::clone(&run.redactor);
        let mut queue = EventQueue::default();
        let clean = move |events: Option<Vec<AgentEvent>>, cancelled: &Arc<AtomicBool>| {
            let redactor = redactor.until(cancelled);
            match events {
                Some(events) => {
                    events.into_iter().flat_map(|event| queue.next(event, &redactor)).collect()
                }
                None => std::mem::take(&mut queue).rest(&redactor),
            }
        };
        self.beside(work, backlog, clean, |event| run.emit_agent(event)).await
    }

    async fn beside<T>(
        self,
        work: impl Future<Output = T>,
        backlog: &Backlog,
        clean: impl Clean,
        emit: impl FnMut(CleanedEvent),
    ) -> Result<T> {
        let work = async { Ok(work.await) };
        let (ended, ()) = tokio::try_join!(work, self.pass(backlog, clean, emit))?;
        Ok(ended)
    }

    /// Passes the events through `clean` to `emit`. Returns after the sender has been dropped.
    async fn pass(
        mut self,
        backlog: &Backlog,
        mut clean: impl Clean,
        mut emit: impl FnMut(CleanedEvent),
    ) -> Result<()> {
        let mut batch = Vec::new();
        while self.0.recv_many(&mut batch, MAX_BATCH).await > 0 {
            let mut events = std::mem::take(&mut batch);
            let bytes: usize = events.iter_mut().map(size).sum();
            let (cleaned, used) =
                cancellable(move |flag| (clean(Some(events), flag), clean)).await?;
            clean = used;
            backlog.remove(bytes);
            cleaned.into_iter().for_each(&mut emit);
        }
        cancellable(move |flag| clean(None, flag)).await?.into_iter().for_each(emit);
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
    fn said() -> AgentEvent {
        AgentEvent::Said { text: "x".repeat(MAX_BACKLOG / 4) }
    }

    #[tokio::test]
    async fn an_agent_ends_when_the_removal_of_secrets_fails() {
        // spec: X16a
        for fails_at_once in [true, false] {
            let (sender, pump) = event_pump();
            let backlog = Backlog::default();
            // An agent that always has another event, and that never ends by itself.
            let agent = poll_fn(|context| {
                sender.send(said(), &backlog);
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            });
            let mut calls = 0;
            let clean = move |_: Option<Vec<AgentEvent>>, _: &Arc<AtomicBool>| {
                calls += 1;
                assert!(!fails_at_once && calls < 3, "a fault of the redactor");
                Vec::new()
            };
            let done = pump.beside(backlog.limit(agent), &backlog, clean, |_| {}).await;
            assert_eq!(done.unwrap_err().kind(), crate::ErrorKind::Unexpected);
        }
    }

    #[tokio::test]
    async fn secrets_are_removed_outside_the_async_thread() {
        // spec: X16a
        let here = std::thread::current().id();
        let (sender, pump) = event_pump();
        let backlog = Backlog::default();
        let (cleaned, threads) = std::sync::mpsc::channel();
        let clean = move |events: Option<Vec<AgentEvent>>, _: &Arc<AtomicBool>| {
            cleaned.send((events.is_some(), std::thread::current().id())).unwrap();
            Vec::new()
        };
        let agent = async {
            let sender = sender;
            sender.send(said(), &backlog);
        };
        pump.beside(agent, &backlog, clean, |_| {}).await.unwrap();
        let threads: Vec<_> = threads.iter().collect();
        assert_eq!(threads.iter().map(|call| call.0).collect::<Vec<_>>(), [true, false]);
        assert!(threads.iter().all(|call| call.1 != here), "{threads:?}");
    }
}
