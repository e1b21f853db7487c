//! A test that calls every route of the emulator through Prism, successfully and with each declared
//! error.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderMap;
use bytes::Bytes;
use ccc_core::{Clock as _, SystemClock};
use ccc_github::http::{Http as _, ReqwestHttp};
use ccc_github::{AppKey, app_jwt};
use github_emulator::{ActorKind, Emulator, Permission};
use http::{Request, Response};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use super::judge::prism;
use super::{Judge, PATIENCE, judged, serve};
use crate::common::World;

/// The error statuses that must occur on each route that declares them.
const ERRORS: [u16; 6] = [401, 403, 404, 409, 410, 422];

/// The deliveries that the tour causes, by their names in GitHub's description.
pub(crate) const DELIVERIES: [&str; 22] = [
    "installation-deleted",
    "installation-suspend",
    "installation-unsuspend",
    "issue-comment-created",
    "issue-comment-deleted",
    "issue-comment-edited",
    "issues-assigned",
    "issues-closed",
    "issues-edited",
    "issues-labeled",
    "issues-locked",
    "issues-opened",
    "issues-reopened",
    "issues-unassigned",
    "issues-unlabeled",
    "issues-unlocked",
    "ping",
    "pull-request-closed",
    "pull-request-edited",
    "pull-request-labeled",
    "pull-request-opened",
    "pull-request-synchronize",
];

/// One call of the tour.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) who: String,
    pub(crate) status: u16,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
    /// The names of stored parts of the response, each with its JSON pointer.
    pub(crate) kept: Vec<(String, String)>,
}

/// Reads the tour: its calls, and the declared errors that never occur.
pub(crate) fn read() -> (Vec<Step>, Vec<String>) {
    let lines = include_str!("tour.txt").replace('…', "/repos/{owner}/{repo}");
    let lines = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut steps, mut never) = (Vec::new(), Vec::new());
    for line in lines {
        let (who, rest) = line.split_once(' ').unwrap();
        if who == "never" {
            let (answer, _why) = rest.trim_start().split_once(": ").unwrap();
            never.push(answer.to_owned());
            continue;
        }
        let (status, rest) = rest.trim_start().split_once(' ').unwrap();
        let (rest, kept) = rest.split_once(" > ").unwrap_or((rest, ""));
        let (method, rest) = rest.split_once(' ').unwrap();
        let (path, body) = rest.find(" {\"").map_or((rest, ""), |at| rest.split_at(at));
        let kept = kept.split_whitespace().map(|kept| kept.split_once('=').unwrap());
        steps.push(Step {
            who: who.to_owned(),
            status: status.parse().unwrap(),
            method: method.to_owned(),
            path: path.replace(' ', "%20"),
            body: body.trim().to_owned(),
            kept: kept.map(|(name, at)| (name.to_owned(), at.to_owned())).collect(),
        });
    }
    (steps, never)
}

/// Replaces each `{name}` in a text with its known value.
pub(crate) fn filled(known: &BTreeMap<String, String>, text: &str) -> String {
    let fill = |text: String, (name, value): (&String, &String)| {
        text.replace(&format!("{{{name}}}"), value)
    };
    known.iter().fold(text.to_owned(), fill)
}

/// Creates an App from a manifest as a user, and returns the code for its conversion.
async fn code_of_a_new_app(http: &ReqwestHttp, host: &str) -> String {
    let manifest = r#"{"name": "another", "url": "https://example.org",
        "redirect_url": "https://example.org/made", "default_permissions": {"issues": "write"}}"#;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("user", "alice"), ("confirmed", "yes"), ("manifest", manifest)])
        .finish();
    let request = Request::post(format!("http://{host}/settings/apps/new")).body(form.into());
    let answer = http.send(request.unwrap()).await.unwrap();
    let back = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
}

struct Tour {
    judge: Judge,
    world: World,
    http: ReqwestHttp,
    known: BTreeMap<String, String>,
    arrived: UnboundedReceiver<(HeaderMap, Bytes)>,
    _hook: JoinSet<()>,
}

impl Tour {
    async fn new() -> Option<Self> {
        let (judge, world) = judged().await?;
        let (emulator, dir) = (&world.emulator, world.dir.path());
        let docs = dir.join("seed/docs");
        std::fs::create_dir(&docs).unwrap();
        std::fs::write(docs.join("a b.md"), "a").unwrap();
        let former = emulator.add_repository("octo", "formerly", &dir.join("seed")).await.unwrap();
        emulator.rename(&former, "toured");
        emulator.add_empty_repository("octo", "empty").await.unwrap();
        emulator.set_permission(&former, "alice", Permission::Write);
        emulator.add_user("alice", ActorKind::User);
        let (sent, arrived) = unbounded_channel();
        let app = axum::Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
            sent.send((headers, body)).unwrap();
        });
        let (address, server) = serve(app).await;
        let hook = format!("http://{address}/");
        emulator.set_webhook_url(&hook);
        let deleted = emulator.open_issue(&former, "alice", "Gone", "").await.unwrap();
        emulator.delete_issue(&former, deleted);
        let http = ReqwestHttp::direct().unwrap();
        let code = code_of_a_new_app(&http, emulator.host()).await;
        let known = [
            ("code", code.as_str()),
            // One character more than GitHub permits.
            ("long", &"x".repeat(65_537)),
            ("hook", &hook),
            ("owner", "octo"),
            ("repo", "toured"),
            ("username", "alice"),
            ("deleted", &deleted.to_string()),
        ];
        let known = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Some(Self { judge, world, http, known, arrived, _hook: server })
    }

    async fn call(&self, step: &Step) -> Response<Bytes> {
        let path = filled(&self.known, &step.path);
        let request = Request::builder()
            .method(step.method.as_str())
            .uri(format!("{}{path}", self.judge.url))
            .header("accept", "application/vnd.github+json")
            .header("user-agent", "tour");
        let request = match step.who.as_str() {
            "nobody" => request,
            "person" => request.header("x-emulator-user", "alice"),
            "app" => {
                let key = AppKey::from_pem(&self.world.private_key()).unwrap();
                let jwt = app_jwt(4711, &key, self.world.clock.now()).unwrap();
                request.header("authorization", format!("Bearer {}", jwt.expose_str().unwrap()))
            }
            token => {
                let token = self.known.get(token).map_or("ghs_none", String::as_str);
                request.header("authorization", format!("Bearer {token}"))
            }
        };
        let body = filled(&self.known, &step.body);
        let request = if body.is_empty() {
            request
        } else {
            request.header("content-type", "application/json")
        };
        self.http.send(request.body(body.into()).unwrap()).await.unwrap()
    }

    /// Returns variants of a step that must fail: with a repository that does not exist, and with a
    /// token that can only read metadata.
    fn wrong(step: &Step) -> Vec<Step> {
        let step = Step { kept: Vec::new(), ..step.clone() };
        if step.status >= 300 || !step.path.contains("{repo}") {
            return Vec::new();
        }
        let path = step.path.replace("{repo}", "nowhere");
        let mut wrong = vec![Step { path, status: 404, ..step.clone() }];
        if step.who == "token" && step.method != "GET" {
            wrong.push(Step { who: "powerless".to_owned(), status: 403, ..step });
        }
        wrong
    }

    async fn step(&mut self, step: &Step) {
        let answer = self.call(step).await;
        let status = answer.status().as_u16();
        assert_eq!(status, step.status, "{step:?}: {answer:?}");
        // Addresses in a response must be those of the proxy, so that the client does not bypass
        // it.
        let led_past = format!("{:?}{}", answer.headers(), String::from_utf8_lossy(answer.body()));
        assert!(!led_past.contains(self.world.emulator.host()), "{step:?}: {led_past}");
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if (400..500).contains(&status) {
            // Every error has GitHub's form, whether it is declared or not.
            let text = |name: &str| body[name].as_str().unwrap_or_default();
            let is_error = text("status") == status.to_string()
                && text("documentation_url").starts_with("https://docs.github.com/rest")
                && !text("message").is_empty();
            assert!(is_error, "{step:?}: {body}");
        }
        for (name, at) in &step.kept {
            let value = body.pointer(at).unwrap();
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.known.insert(name.clone(), value);
        }
    }

    /// Validates the deliveries until each expected kind has arrived.
    async fn deliveries(&mut self) {
        let mut expected = BTreeSet::from(DELIVERIES);
        while !expected.is_empty() {
            let (headers, body) = tokio::select! {
                arrived = self.arrived.recv() => arrived.unwrap(),
                () = SystemClock.sleep(PATIENCE) => panic!("not delivered: {expected:?}"),
            };
            let json: Value = serde_json::from_slice(&body).unwrap();
            let event = headers["x-github-event"].to_str().unwrap();
            let action = json["action"].as_str().map(|action| format!("-{action}"));
            let name = format!("{event}{}", action.unwrap_or_default()).replace('_', "-");
            self.judge.deliver(&name, &headers, body).await;
            expected.remove(name.as_str());
        }
    }
}

#[tokio::test]
async fn every_route_conforms_to_githubs_description() {
    // spec: E1
    let Some(mut tour) = Tour::new().await else {
        return;
    };
    let answers = &prism().await.unwrap().answers;
    let undescribed = answers.iter().filter(|(_, answers)| answers.is_empty());
    assert_eq!(undescribed.collect::<Vec<_>>(), [], "GitHub does not describe these");
    let (steps, never) = read();
    for step in &steps {
        for step in Tour::wrong(step).iter().chain([step]) {
            tour.step(step).await;
        }
    }
    tour.deliveries().await;

    let seen = tour.judge.seen();
    let seen = seen.iter().filter_map(|judged| Some((judged.route?, judged.status)));
    let seen: BTreeSet<_> = seen.collect();
    let untoured = Emulator::routes().into_iter().filter(|route| {
        let mut statuses = seen.range((*route, 200)..(*route, 300));
        statuses.next().is_none()
    });
    assert_eq!(untoured.collect::<Vec<_>>(), [], "add these to tour.txt");
    let declared = answers.iter();
    let declared = declared.flat_map(|(route, answers)| answers.keys().map(move |s| (*route, *s)));
    let missing: BTreeSet<_> = declared
        .filter(|declared| ERRORS.contains(&declared.1) && !seen.contains(declared))
        .map(|((method, path), status)| format!("{status} {method} {path}"))
        .collect();
    assert_eq!(
        missing,
        BTreeSet::from_iter(never),
        "declared errors that did not occur, and those that tour.txt lists"
    );
}
