//! Tests that the validating proxy reports violations of GitHub's description.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use ccc_github::http::{Http as _, ReqwestHttp};
use http::Request;
use serde_json::Value;
use tokio::task::JoinSet;

use super::judge::{Judged, Prism, Route, prism};
use super::tour::{self, DELIVERIES, Step};
use super::{Judge, judged, serve};

/// A server with a configurable response.
#[derive(Clone, Debug, Default)]
struct Liar(Arc<Mutex<Lie>>);

#[derive(Debug, Default)]
struct Lie {
    status: u16,
    body: String,
    asked: usize,
}

impl Liar {
    async fn start() -> Option<(Judge, Self, JoinSet<()>)> {
        let judge = Judge::start().await?;
        let liar = Self::default();
        let app = axum::Router::new().fallback(async |State(liar): State<Self>| {
            let mut lie = liar.0.lock().unwrap();
            lie.asked += 1;
            let headers = [(header::CONTENT_TYPE, "application/json")];
            (StatusCode::from_u16(lie.status).unwrap(), headers, lie.body.clone()).into_response()
        });
        let app = app.with_state(liar.clone());
        let (address, server) = serve(app).await;
        judge.judge(address);
        Some((judge, liar, server))
    }

    fn answer(&self, status: u16, body: &str) {
        let mut lie = self.0.lock().unwrap();
        (lie.status, lie.body) = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }
}

/// Sends a request through the proxy. Returns the violations.
async fn send(judge: &Judge, method: &str, path: &str, body: &str) -> Vec<Judged> {
    let http = ReqwestHttp::direct().unwrap();
    let request = Request::builder().method(method).uri(format!("{}{path}", judge.url));
    let request = request.header("content-type", "application/json").header("user-agent", "liar");
    http.send(request.body(body.to_owned().into()).unwrap()).await.unwrap();
    judge.take_violations()
}

/// Returns a path and a body for each route, from the tour. Each name is filled with a number.
fn one_of_each(prism: &Prism) -> BTreeMap<Route, (String, String)> {
    let (steps, _) = tour::read();
    let names = steps.iter().flat_map(|step| step.kept.iter().map(|(name, _)| name.as_str()));
    let names = names.chain(["owner", "repo", "username", "deleted", "code", "long"]);
    let known = names.map(|name| (name, "1")).chain([("hook", "http://127.0.0.1/")]);
    let known = known.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let call = |step: Step| {
        let path = tour::filled(&known, &step.path);
        let (route, _) = prism.route(&step.method, path.split('?').next().unwrap()).unwrap();
        (route, (path, tour::filled(&known, &step.body)))
    };
    steps.into_iter().filter(|step| step.status < 300).map(call).collect()
}

#[tokio::test]
async fn an_invalid_request_is_refused_and_not_forwarded() {
    let Some((judge, liar, _server)) = Liar::start().await else {
        return;
    };
    for (method, path, body, expected) in [
        ("POST", "/repos/o/r/pulls", r#"{"base": "main"}"#, "required property 'head'"),
        ("POST", "/repos/o/r/issues/1/reactions", r#"{"content": "wow"}"#, "allowed values"),
        ("POST", "/repos/o/r/issues", r#"{"title": "t", "labels": "bug"}"#, "labels must be array"),
        ("GET", "/repos/o/r/issues?state=gone", "", "open, closed, all"),
        ("GET", "/repos/o/r/issues/one", "", "issue_number must be integer"),
    ] {
        let [found] = &send(&judge, method, path, body).await[..] else {
            panic!("{method} {path} passed");
        };
        assert_eq!(found.status, 422);
        assert!(found.violations[0].contains(expected), "{found:?}");
    }
    assert_eq!(liar.asked(), 0);
}

/// Checks that Prism uses each schema, because it silently ignores a schema that it cannot use.
#[tokio::test]
async fn every_response_and_every_body_is_validated() {
    let Some((judge, liar, _server)) = Liar::start().await else {
        return;
    };
    let prism = prism().await.unwrap();
    let mut asleep = Vec::new();
    for (route, (path, body)) in one_of_each(prism) {
        let mut check = async |name: String, body: &str, expected| {
            let found = send(&judge, route.0, &path, body).await;
            if found.iter().map(|judged| judged.status).collect::<Vec<_>>() != [expected] {
                asleep.push(format!("{name} of {route:?}"));
            }
        };
        if !body.is_empty() {
            check("the body".to_owned(), "\"nonsense\"", 422).await;
        }
        for (status, _) in prism.answers[&route].iter().filter(|(_, json)| **json) {
            // A redirect has a location and no relevant body.
            if !(300..400).contains(status) {
                liar.answer(*status, "\"nonsense\"");
                check(format!("answer {status}"), &body, 500).await;
            }
        }
    }
    for name in DELIVERIES {
        let headers = [(header::CONTENT_TYPE, "application/json".parse().unwrap())];
        judge.deliver(name, &headers.into_iter().collect(), "\"nonsense\"".into()).await;
        if judge.take_violations().is_empty() {
            asleep.push(format!("delivery {name}"));
        }
    }
    assert!(asleep.is_empty(), "prism does not validate {asleep:#?}");
}

#[tokio::test]
async fn each_missing_required_field_is_reported() {
    let Some((judge, world)) = judged().await else {
        return;
    };
    let number = world.emulator.open_issue(&world.emulated, "alice", "Crash", "").await.unwrap();
    let path = format!("/repos/octo/hello/issues/{number}");
    let url = format!("http://{}{path}", world.emulator.host());
    let request = Request::get(url).header("user-agent", "liar").body("".into()).unwrap();
    let answer = ReqwestHttp::direct().unwrap().send(request).await.unwrap();
    let whole: Value = serde_json::from_slice(answer.body()).unwrap();
    drop(judge);

    let (judge, liar, _server) = Liar::start().await.unwrap();
    let mut missed = Vec::new();
    for name in whole.as_object().unwrap().keys() {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(name);
        liar.answer(200, &part.to_string());
        let found = send(&judge, "GET", &path, "").await;
        let violations: Vec<_> = found.iter().flat_map(|judged| &judged.violations).collect();
        match violations[..] {
            [] => {}
            [violation] => {
                assert!(violation.contains(&format!("required property '{name}'")), "{violation}");
                missed.push(name.as_str());
            }
            _ => panic!("{violations:?}"),
        }
    }
    // The fields of an issue that GitHub's description requires.
    let required = "assignee closed_at comments comments_url created_at events_url html_url id \
                    labels labels_url locked milestone node_id number repository_url state title \
                    updated_at url user";
    assert_eq!(missed.join(" "), required);
    liar.answer(204, "");
    let [found] = &send(&judge, "GET", &path, "").await[..] else {
        panic!("an undeclared success passed");
    };
    assert!(found.violations[0].contains("status code"), "{found:?}");
}
