use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use ccc_core::SystemClock;
use ccc_core::testing::ManualClock;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::model::price::Price;
use crate::model::proxy::bound::TokenBound;
use crate::model::proxy::usage::Usage;

/// A waker that records whether it was called.
#[derive(Debug)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Reserved = Pin<Box<dyn Future<Output = Result<Charge, Denial>>>>;

/// A request that waits for its reservation. It is polled only after its waker was called, so a
/// lost notification leaves it waiting forever.
struct Pending {
    reserved: Reserved,
    woken: Arc<Woken>,
    request: Request,
}

/// A request, and what the API would count for it.
#[derive(Clone, Copy, Debug)]
struct Request {
    /// The real number of input tokens.
    input: u64,
    max_tokens: u64,
    price: Price,
}

impl Request {
    /// Returns what the API charges if it produces `output` tokens.
    fn bill(&self, output: u64) -> u128 {
        let tokens = self.input * self.price.input + output * self.price.output;
        u128::from(tokens.div_ceil(1_000_000))
    }
}

/// A request whose cost is reserved.
struct Running {
    charge: Charge,
    request: Request,
    /// Whether the API has counted the input.
    started: bool,
}

/// A run whose requests begin and end in a given order, and what the API charges for them.
struct World {
    account: Arc<Account>,
    limit: u64,
    pending: Vec<Pending>,
    running: Vec<Running>,
    billed: u128,
}

fn usage(json: &str) -> Usage {
    serde_json::from_str(json).unwrap()
}

impl World {
    fn new(limit: u64) -> Self {
        let account = Arc::new(Account::new(Some(limit)).0);
        Self { account, limit, pending: Vec::new(), running: Vec::new(), billed: 0 }
    }

    /// Adds a request with a body of `bytes` bytes. `counts` states whether the API counts tokens.
    fn request(&mut self, bytes: u64, max_tokens: u64, counts: bool) {
        let price = Price::new(1_000_000, 5_000_000);
        let input = if counts { bytes / 4 } else { bytes };
        let body = format!("\"{}\"", "x".repeat(usize::try_from(bytes).unwrap()));
        let bound = TokenBound::of(body.as_bytes(), Some(max_tokens));
        let call = Call { model: "m".into(), price, body_bytes: bytes, bound };
        let account = Arc::clone(&self.account);
        let reserved = Box::pin(async move {
            let clock = ManualClock::new(SystemClock.now());
            let room = Semaphore::new(1 << 20);
            let limit = Duration::from_secs(60);
            let waiting = Waiting { clock: &clock, limit, room: &room };
            reserve(&account, call, &waiting, async move { counts.then_some(input) }).await
        });
        let request = Request { input, max_tokens, price };
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.pending.push(Pending { reserved, woken, request });
        self.poll();
    }

    /// Polls the requests whose wakers were called, until no waker is called.
    fn poll(&mut self) {
        while let Some(at) =
            self.pending.iter().position(|it| it.woken.0.swap(false, Ordering::SeqCst))
        {
            let pending = &mut self.pending[at];
            let waker = Waker::from(Arc::clone(&pending.woken));
            match pending.reserved.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => {}
                Poll::Ready(Ok(charge)) => {
                    let request = self.pending.remove(at).request;
                    self.running.push(Running { charge, request, started: false });
                }
                Poll::Ready(Err(denial)) => {
                    self.pending.remove(at);
                    match denial {
                        Denial::Unaffordable(short) => {
                            assert!(self.running.is_empty(), "refused instead of waiting");
                            assert!(short.needed > self.limit - short.spent - short.set_aside);
                        }
                        Denial::UsedUp => assert!(self.account.exhausted.is_cancelled()),
                        Denial::Busy => panic!("no request waits too long"),
                    }
                }
            }
        }
    }

    /// Ends the request `at`. `way` selects how.
    fn end(&mut self, at: usize, way: u8, output: u64) {
        if self.running.is_empty() {
            return;
        }
        let at = at % self.running.len();
        let Running { mut charge, request, started } = self.running.remove(at);
        let output = output % (request.max_tokens + 1);
        let start = format!(r#"{{"input_tokens":{},"output_tokens":1}}"#, request.input);
        let end = format!(r#"{{"output_tokens":{output}}}"#);
        let billed = match way {
            0 | 1 => {
                charge.start(usage(&start));
                charge.update(usage(&end), true);
                request.bill(output)
            }
            // The API refuses the request.
            2 => {
                charge.waive();
                return self.poll();
            }
            // The stream is cut off, and the API has produced the most that it can.
            3 => {
                charge.start(usage(&start));
                charge.add_text(usize::try_from(output).unwrap());
                request.bill(request.max_tokens)
            }
            // The agent disconnects before the first event.
            4 => request.bill(request.max_tokens),
            // The counts are incomplete, unless the input was counted before.
            5 => {
                charge.start(usage("{}"));
                charge.update(usage(&end), true);
                request.bill(if started { output } else { request.max_tokens })
            }
            6 => {
                charge.start(usage(&start));
                charge.complete();
                request.bill(request.max_tokens)
            }
            // The API reports an error before the message begins, which is free.
            8 if !started => {
                charge.fail();
                0
            }
            // The API reports an error, or closes the connection, and charges for the input and
            // for the text that it has sent. Each of its tokens has one byte.
            8 | 9 => {
                charge.start(usage(&start));
                charge.add_text(usize::try_from(output).unwrap());
                if way == 8 {
                    charge.fail();
                } else {
                    charge.close();
                }
                request.bill(output)
            }
            // The response continues after an error, and then the agent disconnects.
            10 => {
                charge.fail();
                charge.start(usage(&start));
                request.bill(request.max_tokens)
            }
            // The API closes the connection before it has sent any output. If it has counted
            // nothing, it can charge for everything.
            11 => {
                charge.close();
                request.bill(if started { 0 } else { request.max_tokens })
            }
            // The response is not streamed.
            _ => {
                let input = request.input;
                let whole = format!(r#"{{"input_tokens":{input},"output_tokens":{output}}}"#);
                charge.whole(usage(&whole));
                request.bill(output)
            }
        };
        drop(charge);
        self.billed += billed;
        self.poll();
    }

    /// Reports the start of the response to the request `at`.
    fn start(&mut self, at: usize) {
        if !self.running.is_empty() {
            let at = at % self.running.len();
            let Running { charge, request, started } = &mut self.running[at];
            *started = true;
            charge.start(usage(&format!(r#"{{"input_tokens":{}}}"#, request.input)));
            self.poll();
        }
    }

    /// Checks that the API cannot charge more than the limit, whatever happens next.
    fn check(&self) {
        let most: u128 = self.running.iter().map(|it| it.request.bill(it.request.max_tokens)).sum();
        assert!(self.billed + most <= u128::from(self.limit), "{} + {most}", self.billed);
        assert!(self.running.len() + self.pending.len() <= 200);
    }
}

/// The steps of one case: the kind of the step, and two numbers.
type Steps = Vec<(u8, u16, u16)>;

fn play(limit: u64, steps: &Steps) {
    let mut world = World::new(limit);
    for (kind, a, b) in steps {
        let (bytes, max) = (u64::from(*a) % 4_000, u64::from(*b) % 1_000);
        match kind {
            0..=9 => world.request(bytes, max, kind % 2 == 0),
            10..=11 => world.start(usize::from(*a)),
            // The agent disconnects while its request waits.
            12 if !world.pending.is_empty() => {
                let at = usize::from(*a) % world.pending.len();
                drop(world.pending.remove(at));
                world.poll();
            }
            _ => world.end(usize::from(*a), kind % 13, u64::from(*b)),
        }
        world.check();
    }
    while !world.running.is_empty() {
        world.end(0, 0, u64::MAX);
        world.check();
    }
    assert_eq!(world.pending.len(), 0, "a request waits although no other is in progress");
    assert_eq!(world.account.in_progress(), (0, 0), "an amount stays reserved");
}

#[test]
fn the_costs_of_concurrent_requests_stay_within_the_limit_in_every_order() {
    // spec: X3d
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let steps = proptest::collection::vec((0..39_u8, any::<u16>(), any::<u16>()), 1..120);
    for seed in 0..4 {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let mut runner = TestRunner::new_with_rng(config.clone(), rng);
        let played = runner.run(&(0..60_000_u64, steps.clone()), |(limit, steps)| {
            play(limit, &steps);
            Ok(())
        });
        played.unwrap();
    }
}

#[test]
fn a_waiting_request_is_served_when_a_response_begins_ends_or_is_refused() {
    // spec: X3d
    for way in 0..13 {
        let mut world = World::new(10_000);
        // The first request needs 4 000 + 1 000 + 2 500, and really has 4 000 tokens of input.
        world.request(4_000, 500, false);
        world.request(1_000, 300, false);
        world.request(0, 0, false);
        assert_eq!((world.running.len(), world.pending.len()), (1, 2), "{way}");
        world.end(0, way, 0);
        // A cut response of the first request can have cost 6 500.
        assert_eq!(world.pending.len(), 0, "{way}");
        let cut = matches!(way, 3..=6 | 10 | 11);
        assert_eq!(world.running.len(), if cut { 1 } else { 2 }, "{way}");
        world.check();
    }
    let mut world = World::new(10_000);
    world.request(4_000, 500, false);
    world.request(900, 300, false);
    assert_eq!(world.running.len(), 1);
    // The count at the start of the response releases the rest of the reserved input.
    world.start(0);
    assert_eq!((world.running.len(), world.pending.len()), (2, 0));
}

#[test]
fn a_session_of_usual_size_is_served_until_little_money_is_left() {
    // spec: X3d
    // Claude Code: bodies of 150 kB, 32 000 output tokens, one parallel request of a small model.
    let price = Price::from_dollars(5.0, 25.0);
    for (limit, unused) in [(5_000_000, 1_200_000), (10_000_000, 1_200_000)] {
        let account = Arc::new(Account::new(Some(limit)).0);
        let body = format!(
            r#"{{"system":[{{"type":"text","text":"{}","cache_control":{{"type":"ephemeral"}}}}]}}"#,
            "x".repeat(150_000)
        );
        let bound = TokenBound::of(body.as_bytes(), Some(32_000));
        let ask = |price, bound, count: u64| {
            let (account, body_bytes) = (Arc::clone(&account), body.len() as u64);
            async move {
                let (clock, room) = (ManualClock::new(SystemClock.now()), Semaphore::new(1 << 20));
                let limit = Duration::from_secs(60);
                let waiting = Waiting { clock: &clock, limit, room: &room };
                let call = Call { model: "m".into(), price, body_bytes, bound };
                reserve(&account, call, &waiting, async move { Some(count) }).await
            }
        };
        let mut served = 0;
        let refused = loop {
            let main = futures_util::FutureExt::now_or_never(ask(price, bound, 40_000));
            let mut main = match main.expect("a request that is alone does not wait") {
                Ok(main) => main,
                Err(denial) => break denial,
            };
            main.start(usage(
                r#"{"input_tokens":2000,"cache_read_input_tokens":30000,"cache_creation_input_tokens":8000}"#,
            ));
            let title = TokenBound::of(b"{}", Some(512));
            let side = ask(Price::from_dollars(1.0, 5.0), title, 300);
            if let Some(side) = futures_util::FutureExt::now_or_never(side) {
                side.unwrap().whole(usage(r#"{"input_tokens":300,"output_tokens":20}"#));
            }
            main.update(usage(r#"{"output_tokens":900}"#), true);
            served += 1;
        };
        let Denial::Unaffordable(short) = refused else { panic!("{refused:?}") };
        assert!(limit - short.spent < unused, "{served}: {short}");
        assert_eq!(short.set_aside, 0);
    }
}
