use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ccc_core::{Clock, Error, ErrorKind, Secret, async_trait};
use http::{Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::send::MAX_REDIRECTS;
use super::*;
use crate::http::Http;

/// A clock whose `sleep` advances the time and returns immediately. The clock records each
/// duration.
#[derive(Debug)]
pub(crate) struct Leaping {
    now: Mutex<Timestamp>,
    pub(crate) slept: Mutex<Vec<Duration>>,
}

impl Leaping {
    pub(crate) fn new() -> Arc<Self> {
        let now = Mutex::new(Timestamp::from_second(1_800_000_000).unwrap());
        Arc::new(Self { now, slept: Mutex::default() })
    }

    pub(crate) fn set_back(&self, by: SignedDuration) {
        *self.now.lock().unwrap() -= by;
    }
}

#[async_trait]
impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
        self.slept.lock().unwrap().push(duration);
        tokio::task::yield_now().await;
    }
}

type Asked = (String, Option<String>);

/// A fake of [`Http`] that returns responses from a list and records the requests.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<ccc_core::Result<Response<Bytes>>>>,
    asked: Mutex<Vec<Asked>>,
}

#[async_trait]
impl Http for Scripted {
    async fn send(&self, request: Request<Bytes>) -> ccc_core::Result<Response<Bytes>> {
        let authorization = request.headers().get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        self.asked.lock().unwrap().push((request.uri().to_string(), authorization));
        self.answers.lock().unwrap().pop_front().unwrap()
    }
}

fn answer(status: u16, name: &'static str, value: &str) -> Response<Bytes> {
    Response::builder().status(status).header(name, value).body(Bytes::new()).unwrap()
}

struct Exchange {
    got: Result<Response<Bytes>, ApiError>,
    asked: Vec<Asked>,
    slept: Vec<Duration>,
}

/// Sends one call with the method `method`. The client receives `answers` in order.
async fn exchange(
    method: Method,
    repo: Option<u64>,
    answers: impl IntoIterator<Item = ccc_core::Result<Response<Bytes>>>,
) -> Exchange {
    let (http, clock) = (Arc::new(Scripted::default()), Leaping::new());
    http.answers.lock().unwrap().extend(answers);
    let client = Client::new(
        Arc::<Scripted>::clone(&http),
        Arc::<Leaping>::clone(&clock),
        RateLimits::unlimited(),
        Retry::default(),
    );
    let call = Call::new(method, Url::parse("https://api.example.com/repos/a/b?q=1").unwrap());
    let token = Secret::from("ghs_hunter2");
    let authorization =
        Authorization { caller: Caller::Installation(1), token: Some(&token), repo };
    let got = client.send(&call, authorization).await;
    let asked = http.asked.lock().unwrap().clone();
    let slept = clock.slept.lock().unwrap().clone();
    Exchange { got, asked, slept }
}

async fn ask(
    method: Method,
    answers: impl IntoIterator<Item = Response<Bytes>>,
) -> (Result<Response<Bytes>, ApiError>, Vec<Asked>) {
    let exchange = exchange(method, None, answers.into_iter().map(Ok)).await;
    (exchange.got, exchange.asked)
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_with_the_token() {
    // spec: G8b
    for status in [301, 302, 307, 308] {
        let answers = [answer(status, "location", "/repositories/7"), answer(200, "x", "y")];
        let (got, asked) = ask(Method::GET, answers).await;
        assert!(got.is_ok(), "{status}");
        let token = Some("Bearer ghs_hunter2".to_owned());
        assert_eq!(asked[1], ("https://api.example.com/repositories/7".to_owned(), token));
    }
}

#[tokio::test]
async fn the_token_is_not_sent_to_another_origin() {
    // spec: G8b
    for target in [
        "https://evil.example/repositories/7",
        "//evil.example/x",
        "http://api.example.com/x",
        "https://api.example.com:8443/x",
        "https://api.example.com.evil.example/x",
        "https://user@api.example.com/x",
        "https://api.example.com@evil.example/x",
    ] {
        let (got, asked) = ask(Method::GET, [answer(302, "location", target)]).await;
        assert_eq!(got.unwrap_err().status().unwrap().as_u16(), 302, "{target}");
        assert_eq!(asked.len(), 1, "{target}");
    }
    // A backslash counts as a slash in such a URL (WHATWG URL), so this target is on the same host.
    let tricky = "https://api.example.com\\@evil.example/";
    let answers = [answer(302, "location", tricky), answer(200, "x", "y")];
    let (_, asked) = ask(Method::GET, answers).await;
    assert_eq!(asked[1].0, "https://api.example.com/@evil.example/");
}

#[tokio::test]
async fn writes_follow_only_307_and_308_and_redirects_are_limited() {
    // spec: G8b
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        for (status, hops) in [(301, 1), (302, 1), (307, 2), (308, 2)] {
            let answers = [answer(status, "location", "/x"), answer(200, "x", "y")];
            let [moved, done] = answers;
            let to =
                |place: &str| [Ok(answer(status, "location", place)), Ok(answer(200, "x", "y"))];
            let exchange_at = exchange(method.clone(), Some(7), to("/repositories/7/x")).await;
            let seen = (exchange_at.got.is_ok(), exchange_at.asked.len());
            assert_eq!(seen, (hops == 2, hops), "{method} {status}");
            let exchange_at = exchange(method.clone(), None, [Ok(moved), Ok(done)]).await;
            assert_eq!(exchange_at.asked.len(), 1, "{method} {status} without a repository");
        }
    }
    let (got, asked) = ask(Method::GET, (0..9).map(|_| answer(302, "location", "/x"))).await;
    assert_eq!(asked.len(), 1 + MAX_REDIRECTS);
    let error = Error::from(got.unwrap_err()).to_string();
    assert!(error.contains("more than 3 times") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_redirect_with_a_token_stays_in_the_tokens_repository() {
    // spec: G8c
    for (target, follows) in [
        ("/repositories/7", true),
        ("/repositories/7/issues/3", true),
        ("/api/v3/repositories/7", true),
        ("/repositories/8", false),
        ("/repositories/77", false),
        ("/repos/octo/other", false),
        ("/repos/octo/repositories/7", false),
        ("/api/v3/repos/evil/x/contents/repositories/7", false),
        ("/repositories/7/..%2f8", false),
        ("/repositories", false),
    ] {
        let answers = [answer(301, "location", target), answer(200, "x", "y")];
        let exchange = exchange(Method::GET, Some(7), answers.map(Ok)).await;
        assert_eq!(
            (exchange.got.is_ok(), exchange.asked.len()),
            (follows, 1 + usize::from(follows)),
            "{target}"
        );
    }
}

fn down() -> ccc_core::Result<Response<Bytes>> {
    Err(Error::new(ErrorKind::Unavailable, "no connection"))
}

#[tokio::test]
async fn temporary_failures_are_retried_for_repeatable_methods() {
    // spec: G6b
    let status = |status: u16| Ok(answer(status, "x", "y"));
    for (method, again) in [
        (Method::GET, true),
        (Method::PATCH, true),
        (Method::DELETE, true),
        (Method::PUT, true),
        (Method::POST, false),
    ] {
        for failure in [500, 502, 503, 504] {
            let exchange = exchange(method.clone(), None, [status(failure), status(200)]).await;
            assert_eq!(exchange.got.is_ok(), again, "{method} {failure}");
        }
        let exchange = exchange(method.clone(), None, [down(), status(200)]).await;
        assert_eq!(exchange.got.is_ok(), again, "{method} without a connection");
    }
    for final_status in [400, 401, 403, 404, 409, 410, 422, 501] {
        let exchange = exchange(Method::GET, None, [status(final_status), status(200)]).await;
        assert_eq!((exchange.asked.len(), exchange.slept.len()), (1, 0), "{final_status}");
    }
}

#[tokio::test]
async fn there_are_five_attempts_with_growing_random_waits() {
    // spec: G6b
    let exchange_many =
        exchange(Method::GET, None, (0..9).map(|_| Ok(answer(503, "x", "y")))).await;
    assert_eq!(exchange_many.asked.len(), 5);
    assert_eq!(exchange_many.got.unwrap_err().status().unwrap().as_u16(), 503);
    assert_eq!(exchange_many.slept.len(), 4);
    for (wait, most) in exchange_many.slept.iter().zip([2, 4, 8, 16]) {
        assert!(!wait.is_zero() && *wait <= Duration::from_secs(most), "{wait:?} of {most} s");
    }
    let waits = || exchange(Method::GET, None, (0..9).map(|_| Ok(answer(503, "x", "y"))));
    let (a, b, c) = (waits().await.slept, waits().await.slept, waits().await.slept);
    assert!(a != b && b != c, "the waits are not random: {a:?}");
    // The fourth wait exceeds the bound of the first with a probability of 7/8.
    let mut grown = false;
    for _ in 0..20 {
        grown = grown || waits().await.slept[3] > Duration::from_secs(2);
    }
    assert!(grown, "the waits do not grow");
    // A timeout takes half a minute, so there are fewer attempts.
    let late = || Err(Error::new(ErrorKind::TimedOut, "no answer in time"));
    let exchange_late = exchange(Method::GET, None, (0..9).map(|_| late())).await;
    assert_eq!(exchange_late.asked.len(), 2);
    // A wait that GitHub requires is used, unless it is longer than the maximum wait.
    let asked = |seconds: &str| [answer(503, "retry-after", seconds), answer(200, "x", "y")];
    let heeded = exchange(Method::GET, None, asked("90").map(Ok)).await;
    assert!(heeded.got.is_ok() && heeded.slept[0] >= Duration::from_secs(90));
    let too_long = exchange(Method::GET, None, asked("7000").map(Ok)).await;
    assert_eq!((too_long.got.is_err(), too_long.asked.len()), (true, 1));
}

#[tokio::test]
async fn every_call_is_repeated_after_the_wait_for_a_rate_limit() {
    // spec: G5b
    let limited = |status: u16, name: &'static str, value: &str| {
        [Ok(answer(status, name, value)), Ok(answer(200, "x", "y"))]
    };
    for method in [Method::GET, Method::POST] {
        let exchange = exchange(method.clone(), None, limited(403, "retry-after", "120")).await;
        assert!(exchange.got.is_ok(), "{method}");
        assert_eq!(exchange.slept, [Duration::from_secs(120)]);
    }
    let exchange_429 = exchange(Method::POST, None, limited(429, "x", "y")).await;
    assert_eq!(
        exchange_429.slept,
        [Duration::from_secs(60)],
        "one minute if no header specifies a wait"
    );
    let twice = [429, 429, 200].map(|status| Ok(answer(status, "x", "y")));
    let exchange_twice = exchange(Method::POST, None, twice).await;
    assert_eq!(exchange_twice.slept, [60, 120].map(Duration::from_secs), "a longer wait each time");

    let too_long = exchange(Method::GET, None, limited(403, "retry-after", "3600")).await;
    let error = Error::from(too_long.got.unwrap_err());
    assert_eq!((error.kind(), too_long.asked.len()), (ErrorKind::RateLimited, 1));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert!(too_long.slept.is_empty());
}

#[tokio::test]
async fn an_error_names_the_call_and_shows_neither_query_nor_token() {
    // spec: G6a
    let (got, _) = ask(Method::GET, [answer(401, "x", "y")]).await;
    let error = Error::from(got.unwrap_err());
    let line = format!("{error} {error:?}");
    assert!(line.contains("GET /repos/a/b:"), "{line}");
    assert!(!line.contains("hunter2") && !line.contains("q=1"), "{line}");
}

#[test]
fn a_next_page_elsewhere_is_not_followed() {
    // spec: G8b
    let url = Url::parse("https://api.example.com/x?page=1").unwrap();
    let next =
        |link: &str| page("next", &url, &answer(200, "link", link), Some(7)).map(String::from);
    let good = "<https://api.example.com/x?page=1>; rel=\"prev\", <https://api.example.com/x?page=2>; rel=\"next\"";
    assert_eq!(next(good).as_deref(), Some("https://api.example.com/x?page=2"));
    assert_eq!(
        next("</x?page=3>; rel=\"next\"").as_deref(),
        Some("https://api.example.com/x?page=3")
    );
    for none in [
        "",
        "<https://api.example.com/x?page=2>; rel=\"last\"",
        "<https://evil.example/x?page=2>; rel=\"next\"",
        "<https://api.example.com/y?page=2>; rel=\"next\"",
        "<https://api.example.com/repositories/8/x?page=2>; rel=\"next\"",
        "https://api.example.com/x; rel=\"next\"",
    ] {
        assert_eq!(next(none), None, "{none}");
    }
}

#[tokio::test]
async fn a_rate_limit_on_the_last_attempt_delays_the_next_call() {
    // spec: G5b
    let (http, clock) = (Arc::new(Scripted::default()), Leaping::new());
    let (limits, retry) = (RateLimits::unlimited(), Retry::default().with_tries(1));
    let client =
        Client::new(Arc::<Scripted>::clone(&http), Arc::<Leaping>::clone(&clock), limits, retry);
    let answers = [answer(403, "retry-after", "120"), answer(200, "x", "y")];
    http.answers.lock().unwrap().extend(answers.map(Ok));
    let call = Call::get(Url::parse("https://api.example.com/x").unwrap());
    assert!(client.send(&call, Authorization::ANONYMOUS).await.is_err());
    assert!(clock.slept.lock().unwrap().is_empty(), "there is only one attempt");
    let urgent = Call::get(Url::parse("https://api.example.com/x").unwrap()).fail_if_delayed();
    let error = client.send(&urgent, Authorization::ANONYMOUS).await.unwrap_err();
    assert!(error.was_not_sent(), "{error:?}");
    client.send(&call, Authorization::ANONYMOUS).await.unwrap();
    assert_eq!(*clock.slept.lock().unwrap(), [Duration::from_secs(120)]);
}

#[tokio::test]
async fn waits_for_limits_share_one_budget_and_only_default_waits_grow() {
    // spec: G5b
    let named = |n: usize| (0..n).map(|_| Ok(answer(403, "retry-after", "200")));
    let fits = exchange(Method::GET, None, named(3).chain([Ok(answer(200, "x", "y"))])).await;
    assert!(fits.got.is_ok());
    assert_eq!(fits.slept, [200; 3].map(Duration::from_secs), "the waits that GitHub specified");
    let over = exchange(Method::GET, None, named(9)).await;
    let error = Error::from(over.got.unwrap_err());
    assert_eq!((error.kind(), over.asked.len()), (ErrorKind::RateLimited, 4), "{error}");
    assert_eq!(over.slept.iter().sum::<Duration>(), Duration::from_secs(600));
}

#[tokio::test]
async fn no_call_is_sent_while_the_hourly_limit_is_exhausted() {
    // spec: G5b
    let (http, clock) = (Arc::new(Scripted::default()), Leaping::new());
    let (limits, retry) = (RateLimits::unlimited(), Retry::default());
    let client =
        Client::new(Arc::<Scripted>::clone(&http), Arc::<Leaping>::clone(&clock), limits, retry);
    let reset = (clock.now().as_second() + 90).to_string();
    let mut last = answer(200, "x-ratelimit-remaining", "0");
    last.headers_mut().insert("x-ratelimit-reset", reset.parse().unwrap());
    http.answers.lock().unwrap().extend([last, answer(200, "x", "y")].map(Ok));
    let call = Call::get(Url::parse("https://api.example.com/x").unwrap());
    client.send(&call, Authorization::ANONYMOUS).await.unwrap();
    client.send(&call, Authorization::ANONYMOUS).await.unwrap();
    assert_eq!(*clock.slept.lock().unwrap(), [Duration::from_secs(90)]);
}
