use std::collections::VecDeque;
use std::sync::Mutex;

use ccc_core::{SystemClock, async_trait};

use super::*;

/// Answers from a list, and remembers what it was asked.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    asked: Mutex<Vec<(String, Option<String>)>>,
}

#[async_trait]
impl Http for Scripted {
    async fn send(&self, request: Request<Bytes>) -> ccc_core::Result<Response<Bytes>> {
        let authorization = request.headers().get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        self.asked.lock().unwrap().push((request.uri().to_string(), authorization));
        Ok(self.answers.lock().unwrap().pop_front().unwrap())
    }
}

fn answer(status: u16, name: &'static str, value: &str) -> Response<Bytes> {
    Response::builder().status(status).header(name, value).body(Bytes::new()).unwrap()
}

async fn ask(
    method: Method,
    answers: impl IntoIterator<Item = Response<Bytes>>,
) -> (Result<Response<Bytes>, Fault>, Vec<(String, Option<String>)>) {
    let http = Arc::new(Scripted::default());
    http.answers.lock().unwrap().extend(answers);
    let client = Client::new(Arc::<Scripted>::clone(&http), Arc::new(SystemClock));
    let call = Call::new(method, Url::parse("https://api.example.com/repos/a/b?q=1").unwrap());
    let got = client.send(&call, &Secret::from("ghs_hunter2")).await;
    let asked = http.asked.lock().unwrap().clone();
    (got, asked)
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
async fn no_other_place_ever_gets_the_token() {
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
    // A backslash is a slash in such a URL (WHATWG URL): this one stays where it is.
    let tricky = "https://api.example.com\\@evil.example/";
    let answers = [answer(302, "location", tricky), answer(200, "x", "y")];
    let (_, asked) = ask(Method::GET, answers).await;
    assert_eq!(asked[1].0, "https://api.example.com/@evil.example/");
}

#[tokio::test]
async fn only_a_get_is_sent_on_and_not_for_ever() {
    // spec: G8b
    for method in [Method::POST, Method::PATCH, Method::DELETE] {
        let (got, asked) = ask(method, [answer(307, "location", "/x")]).await;
        assert!(got.is_err());
        assert_eq!(asked.len(), 1);
    }
    let (got, asked) = ask(Method::GET, (0..9).map(|_| answer(302, "location", "/x"))).await;
    assert_eq!(asked.len(), 1 + MAX_REDIRECTS);
    let error = Error::from(got.unwrap_err()).to_string();
    assert!(error.contains("without end") && !error.contains("hunter2"), "{error}");
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
fn the_next_page_is_on_the_same_host_or_there_is_none() {
    // spec: G8b
    let url = Url::parse("https://api.example.com/x?page=1").unwrap();
    let next = |link: &str| next_page(&url, &answer(200, "link", link)).map(String::from);
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
        "https://api.example.com/x; rel=\"next\"",
    ] {
        assert_eq!(next(none), None, "{none}");
    }
}
