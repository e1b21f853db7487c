use ccc_core::event::{ActorKind, IssueEvent, Trigger};
use ccc_core::{ErrorKind, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;

const SECRET: &str = "It's a Secret to Everybody";

fn secrets(all: &[&str]) -> Secrets {
    Secrets::new(all.iter().map(|secret| Secret::from(*secret))).unwrap()
}

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn raw<'a>(event: &'a str, signature: &'a str, body: &'a [u8]) -> RawDelivery<'a> {
    RawDelivery {
        event: Some(event),
        delivery: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        signatures: vec![signature],
        content_type: Some("application/json"),
        content_encoding: None,
        body,
    }
}

fn receive(raw: &RawDelivery<'_>) -> Result<Received, Rejection> {
    Webhook::new(secrets(&[SECRET]), "github.com").receive(raw, Timestamp::UNIX_EPOCH)
}

fn status(answer: &Result<Received, Rejection>) -> u16 {
    answer.as_ref().map_or_else(|e| e.status().as_u16(), |_| 200)
}

fn account(id: u64, login: &str, kind: &str) -> Value {
    json!({ "id": id, "login": login, "type": kind, "site_admin": false })
}

fn payload(action: &str) -> Value {
    json!({
        "action": action,
        "issue": {
            "number": 7, "title": "Crash ä", "body": null, "state": "open",
            "user": account(1, "alice", "User"),
            "updated_at": "2026-01-02T03:04:05Z",
        },
        "repository": {
            "id": 42, "name": "hello", "full_name": "octo/hello",
            "owner": account(5, "octo", "Organization"),
            "clone_url": "https://evil.example/octo/hello.git",
            "html_url": "https://evil.example/octo/hello",
        },
        "sender": account(1, "alice", "User"),
    })
}

fn event_of(kind: &str, payload: &Value) -> Result<Received, Rejection> {
    let body = payload.to_string();
    receive(&raw(kind, &sign(body.as_bytes()), body.as_bytes()))
}

fn issue_event(kind: &str, payload: &Value) -> IssueEvent {
    match event_of(kind, payload) {
        Ok(Received::Event { event, .. }) => *event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_published_signature_is_accepted_and_variants_are_refused() {
    // spec: W2a, W2b
    let body = b"Hello, World!";
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert!(verify(&secrets(&[SECRET]), body, good));
    let upper = format!("sha256={}", good[7..].to_uppercase());
    assert!(verify(&secrets(&[SECRET]), body, &upper));
    for bad in [
        "",
        "sha256=",
        &good[7..],
        &good[..good.len() - 2],
        &good[..good.len() - 1],
        &format!("{good}00"),
        &format!("{good}\n"),
        &format!(" {good}"),
        &format!("{good} "),
        &good.replace("sha256", "SHA256"),
        &good.replace("sha256", "sha1"),
        &good.replace("17", "18"),
        &good.replace('7', "g"),
        "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59",
        "sha256=01dc10d0c83e72ed246219cdd91669667fe2ca59",
    ] {
        assert!(!verify(&secrets(&[SECRET]), body, bad), "{bad:?}");
    }
    assert!(!verify(&secrets(&[SECRET]), b"Hello, World! ", good));
    assert!(!verify(&secrets(&["another"]), body, good));
}

#[test]
fn each_configured_secret_is_tried() {
    // spec: W2c
    let body = b"Hello, World!";
    let good = sign(body);
    for all in [&[SECRET, "b", "c"][..], &["a", SECRET, "c"], &["a", "b", SECRET]] {
        assert!(verify(&secrets(all), body, &good), "{all:?}");
    }
    assert!(!verify(&secrets(&["a", "b", "c"]), body, &good));
}

#[test]
fn missing_empty_and_too_many_secrets_are_refused() {
    // spec: W2d
    for bad in [&[][..], &[""], &["a", ""], &["a", "b", "c", "d"]] {
        let all = bad.iter().map(|secret| Secret::from(*secret));
        let error = Secrets::new(all).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
    }
    let shown = format!("{:?}", secrets(&["hunter2"]));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_checks_come_in_order() {
    // spec: W3, W4a, W2b, W1c
    let body = b"{}";
    let good = sign(body);
    let bad = sign(b"other");
    let check = |expected: u16, change: &dyn Fn(&mut RawDelivery<'_>)| {
        let mut delivery = raw("issues", &good, body);
        change(&mut delivery);
        let answer = receive(&delivery);
        assert_eq!(status(&answer), expected, "{delivery:?}: {answer:?}");
    };
    check(200, &|_| {});
    check(400, &|d| d.event = None);
    check(400, &|d| d.delivery = None);
    check(400, &|d| d.delivery = Some("a b"));
    check(400, &|d| d.signatures = vec![]);
    check(400, &|d| {
        d.signatures = vec![d.signatures[0], d.signatures[0]];
    });
    check(401, &|d| d.signatures = vec![""]);
    check(401, &|d| d.body = b"{} ");
    check(415, &|d| d.content_type = None);
    check(415, &|d| d.content_type = Some("text/plain"));
    check(415, &|d| d.content_type = Some("application/jsonp"));
    check(200, &|d| {
        d.content_type = Some("Application/JSON; charset=utf-8");
    });
    check(415, &|d| d.content_encoding = Some("gzip"));
    check(200, &|d| d.content_encoding = Some("identity"));
    // If the signature is not valid, the response depends neither on the other headers nor on the
    // body.
    for (content_type, content_encoding, body) in [
        (Some("text/plain"), None, &b"{}"[..]),
        (Some("application/json"), Some("gzip"), b"{}"),
        (Some("application/json"), None, b"no json: hunter2"),
    ] {
        let delivery = RawDelivery { content_type, content_encoding, ..raw("issues", &bad, body) };
        let rejection = receive(&delivery).unwrap_err();
        assert_eq!(rejection, Rejection::Signature);
        assert!(!format!("{delivery:?}{rejection}").contains("hunter2"));
    }
}

#[test]
fn repeated_and_unreadable_headers_are_not_used() {
    // spec: W2b, W2a
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-hub-signature",
        "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59".parse().unwrap(),
    );
    headers.insert("x-github-event", "issues".parse().unwrap());
    headers.insert("x-github-delivery", "a".parse().unwrap());
    // A SHA-1 signature is not accepted as a replacement.
    let answer = receive(&RawDelivery::new(&headers, b"Hello, World!"));
    assert_eq!(answer, Err(Rejection::Header("X-Hub-Signature-256")));
    headers.append("x-github-event", "issues".parse().unwrap());
    assert_eq!(RawDelivery::new(&headers, b"").event, None);
    headers.append("content-encoding", "identity".parse().unwrap());
    headers.append("content-encoding", "gzip".parse().unwrap());
    assert_eq!(RawDelivery::new(&headers, b"").content_encoding, Some("?"));
    headers.append("x-hub-signature-256", http::HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(RawDelivery::new(&headers, b"").signatures, [""]);
}

#[test]
fn the_body_limit_is_exact() {
    // spec: W1a
    let body = vec![b' '; MAX_BODY + 1];
    let answer = receive(&raw("issues", "", &body));
    assert_eq!(answer, Err(Rejection::TooLarge));
    assert_eq!(status(&receive(&raw("issues", "", &body[1..]))), 401);
}

#[test]
fn events_have_their_trigger_and_actor() {
    // spec: G8a, G9
    let opened = issue_event("issues", &payload("opened"));
    assert_eq!(opened.trigger, Trigger::Opened);
    assert_eq!((opened.issue.title.as_str(), opened.issue.body.as_str()), ("Crash ä", ""));
    assert_eq!(opened.repo.host, "github.com", "the host in the payload is not used");
    assert_eq!((opened.repo.id, opened.repo.to_string().as_str()), (42, "octo/hello"));
    assert_eq!(opened.actor.kind, ActorKind::User);
    assert_eq!(opened.issue.updated_at.to_string(), "2026-01-02T03:04:05Z");
    assert_eq!(issue_event("issues", &payload("reopened")).trigger, Trigger::Reopened);

    let mut labeled = payload("labeled");
    labeled["label"] = json!({ "name": "claude" });
    let label = "claude".to_owned();
    assert_eq!(issue_event("issues", &labeled).trigger, Trigger::Labeled { label });

    let mut assigned = payload("assigned");
    assigned["assignee"] = account(9, "my-app[bot]", "Bot");
    let Trigger::Assigned { assignee } = issue_event("issues", &assigned).trigger else {
        panic!("not assigned");
    };
    assert_eq!((assignee.id, assignee.kind), (9, ActorKind::Bot));

    let mut commented = payload("created");
    let alice = account(1, "alice", "User");
    commented["comment"] = json!({ "id": 99, "body": "@claude go", "user": alice });
    let trigger = issue_event("issue_comment", &commented).trigger;
    assert_eq!(trigger, Trigger::Commented { comment: 99, body: "@claude go".to_owned() });

    for kind in ["Bot", "Organization", "Mannequin", "user", ""] {
        let mut bot = payload("opened");
        bot["sender"]["type"] = kind.into();
        assert_eq!(issue_event("issues", &bot).actor.kind, ActorKind::Bot, "{kind}");
    }
}

#[test]
fn via_app_is_the_app_of_this_event() {
    // spec: G9
    let app = json!({ "id": 77 });
    for (action, expected) in [("opened", Some(77)), ("reopened", None), ("labeled", None)] {
        let mut by_app = payload(action);
        by_app["label"] = json!({ "name": "claude" });
        by_app["issue"]["performed_via_github_app"] = app.clone();
        assert_eq!(issue_event("issues", &by_app).via_app, expected, "{action}");
    }
    let mut comment = payload("created");
    comment["issue"]["performed_via_github_app"] = app.clone();
    comment["comment"] = json!({ "id": 1, "body": "", "user": account(1, "alice", "User") });
    assert_eq!(issue_event("issue_comment", &comment).via_app, None);
    comment["comment"]["performed_via_github_app"] = app;
    assert_eq!(issue_event("issue_comment", &comment).via_app, Some(77));
}

#[test]
fn the_sender_is_a_member_only_as_the_author_of_an_issue_or_comment() {
    // spec: W11f
    for (association, is_member) in [
        (json!("OWNER"), true),
        (json!("MEMBER"), true),
        (json!("COLLABORATOR"), true),
        (json!("CONTRIBUTOR"), false),
        (json!("NONE"), false),
        (json!("A_LATER_VALUE"), false),
        (json!(null), false),
    ] {
        // Account 1 is the sender.
        for author in [1, 2] {
            let mut labeled = payload("labeled");
            labeled["label"] = json!({ "name": "claude" });
            labeled["issue"]["user"] = account(author, "a", "User");
            labeled["issue"]["author_association"] = association.clone();
            let expected = is_member && author == 1;
            let event = issue_event("issues", &labeled);
            assert_eq!(event.actor_is_member, expected, "{association} {author}");
            let mut comment = labeled;
            comment["action"] = "created".into();
            comment["comment"] = json!({ "id": 1, "body": "", "user": account(1, "b", "User") });
            let event = issue_event("issue_comment", &comment);
            assert_eq!(event.actor_is_member, expected, "{association} {author}");
            comment["issue"]["author_association"] = json!("NONE");
            comment["comment"]["author_association"] = association.clone();
            let event = issue_event("issue_comment", &comment);
            assert_eq!(event.actor_is_member, is_member, "{association} {author}");
        }
    }
    assert!(!issue_event("issues", &payload("opened")).actor_is_member);
}

#[test]
fn irrelevant_events_and_actions_are_ignored() {
    // spec: W4c, W9a
    let ignored = |kind: &str, payload: &Value| match event_of(kind, payload) {
        Ok(Received::Ignored { reason, .. }) => reason,
        other => panic!("{kind} {payload}: {other:?}"),
    };
    for action in [
        "closed",
        "deleted",
        "edited",
        "transferred",
        "unlabeled",
        "unassigned",
        "pinned",
        "milestoned",
        "typed",
        "created",
        "Opened",
        "",
    ] {
        assert_eq!(ignored("issues", &payload(action)), "action");
    }
    for action in ["edited", "deleted", "opened"] {
        assert_eq!(ignored("issue_comment", &payload(action)), "action");
    }
    assert_eq!(ignored("issues", &json!({})), "action");
    for kind in ["push", "pull_request", "Issues", "installation", "x"] {
        assert_eq!(ignored(kind, &payload("opened")), "event");
    }
    let mut on_pull = payload("created");
    on_pull["comment"] = json!({ "id": 1, "body": "" });
    on_pull["issue"]["pull_request"] = json!({ "url": "https://example.com" });
    assert_eq!(ignored("issue_comment", &on_pull), "pull request");
    assert_eq!(event_of("ping", &json!({ "zen": "x", "hook_id": 1 })), Ok(Received::Ping));
}

#[test]
fn text_that_the_sender_did_not_write_starts_nothing() {
    // spec: W11a
    let ignored = |kind: &str, payload: &Value| match event_of(kind, payload) {
        Ok(Received::Ignored { reason, .. }) => reason,
        other => panic!("{kind} {payload}: {other:?}"),
    };
    // A transfer is an `opened` in the new repository. The sender may be the author as well.
    let old_issue = json!({ "number": 3, "title": "Crash ä", "user": account(1, "alice", "User") });
    let old_repository = json!({ "id": 41, "name": "elsewhere" });
    for (action, changes) in [
        ("opened", json!({ "old_issue": old_issue, "old_repository": old_repository })),
        ("opened", json!({ "old_issue": null, "old_repository": old_repository })),
        ("opened", json!({ "old_issue": old_issue })),
        ("labeled", json!({ "old_issue": old_issue, "old_repository": old_repository })),
    ] {
        for sender in [1, 2] {
            let mut transferred = payload(action);
            transferred["changes"] = changes.clone();
            transferred["sender"]["id"] = sender.into();
            transferred["label"] = json!({ "name": "claude" });
            assert_eq!(ignored("issues", &transferred), "transferred issue", "{transferred}");
        }
    }
    for changes in [json!(null), json!({}), json!({ "title": { "from": "x" } })] {
        let mut opened = payload("opened");
        opened["changes"] = changes;
        assert_eq!(issue_event("issues", &opened).trigger, Trigger::Opened);
    }
    for author in [account(2, "mallory", "User"), json!(null)] {
        // The policy of the core compares the author of an issue with the actor.
        let mut opened = payload("opened");
        opened["issue"]["user"] = author.clone();
        let event = issue_event("issues", &opened);
        let us = ccc_core::vcs::BotIdentity::new(9, "my-app[bot]", "");
        let checked = ccc_core::policy::TrustPolicy::default().check_event(&event, &us);
        assert_eq!(checked, Err(ccc_core::run::SkipReason::NotAuthor), "{author}");
        let mut commented = payload("created");
        commented["comment"] = json!({ "id": 99, "body": "@claude go", "user": author });
        assert_eq!(ignored("issue_comment", &commented), "not the author", "{author}");
    }
}

#[test]
fn the_signature_of_a_form_is_over_its_raw_bytes() {
    // spec: W9b
    let json = payload("opened").to_string();
    let form = |text: &str| {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", text)
            .finish();
        let signature = sign(body.as_bytes());
        let mut delivery = raw("issues", &signature, body.as_bytes());
        delivery.content_type = Some("application/x-www-form-urlencoded");
        receive(&delivery)
    };
    assert!(matches!(form(&json), Ok(Received::Event { .. })));
    assert_eq!(status(&form("{")), 400);
    let body =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &json).finish();
    let over_the_json = sign(json.as_bytes());
    let mut delivery = raw("issues", &over_the_json, body.as_bytes());
    delivery.content_type = Some("application/x-www-form-urlencoded");
    assert_eq!(receive(&delivery), Err(Rejection::Signature));
    for body in ["", "payload", "other={}", "payload={}&payload={}"] {
        let signature = sign(body.as_bytes());
        let mut delivery = raw("issues", &signature, body.as_bytes());
        delivery.content_type = Some("application/x-www-form-urlencoded");
        assert_eq!(status(&receive(&delivery)), 400, "{body}");
    }
}

#[test]
fn a_signed_invalid_payload_is_malformed() {
    // spec: W4a
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_inside = format!(r#"{{"action":"opened","issue":{{"title":{deep}}}}}"#);
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "[]",
        "\"opened\"",
        "{",
        "{\"action\":1}",
        "{\"action\":\"opened\"}",
        "\u{feff}{}",
        "{\"action\":\"opened\",\"action\":\"opened\"}",
        "{}{}",
        "{\"a\":\0}",
        &deep,
        &deep_inside,
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    bodies.push(b"{\"action\":\"\xff\"}".to_vec());
    bodies.push(b"{\"x\":\"\xff\"}".to_vec());
    let good = payload("opened");
    for (pointer, value) in [
        ("/issue/number", json!(-1)),
        ("/issue/number", json!(1.5)),
        ("/issue/number", json!("7")),
        ("/issue/title", json!(null)),
        ("/issue/title", json!("a\0b")),
        ("/issue/body", json!("a\0b")),
        ("/issue/body", json!(["x"])),
        ("/issue/updated_at", json!("yesterday")),
        ("/repository/id", json!(null)),
        ("/repository/name", json!("..")),
        ("/repository/name", json!("a/b")),
        ("/repository/owner/login", json!("")),
        ("/repository/owner", json!(null)),
        ("/sender", json!(null)),
        ("/sender/id", json!("1")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        bodies.push(bad.to_string().into_bytes());
    }
    for body in bodies {
        let answer = receive(&raw("issues", &sign(&body), &body));
        let shown: String = String::from_utf8_lossy(&body).chars().take(80).collect();
        assert_eq!(status(&answer), 400, "{shown}: {answer:?}");
    }
    for (kind, action) in
        [("issues", "labeled"), ("issues", "assigned"), ("issue_comment", "created")]
    {
        assert_eq!(status(&event_of(kind, &payload(action))), 400, "{action}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_cause_no_panic(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        signature in any::<String>(),
        event in "issues|issue_comment|ping|[a-z]{0,9}",
        form in any::<bool>(),
    ) {
        // spec: W3
        let _ = receive(&raw(&event, &signature, &body));
        let signature = sign(&body);
        let mut delivery = raw(&event, &signature, &body);
        if form {
            delivery.content_type = Some("application/x-www-form-urlencoded");
        }
        let _ = receive(&delivery);
    }

    #[test]
    fn the_text_of_an_issue_arrives_unchanged(title in "[^\0]{0,40}", body in "[^\0]{0,40}") {
        // spec: W2a
        let mut payload = payload("opened");
        payload["issue"]["title"] = title.clone().into();
        payload["issue"]["body"] = body.clone().into();
        let event = issue_event("issues", &payload);
        prop_assert_eq!((event.issue.title, event.issue.body), (title, body));
    }
}

#[test]
fn a_text_that_is_larger_than_a_text_of_github_is_cut() {
    // spec: W12e
    for (characters, expected) in [(65_536, 131_072), (131_073, 262_144), (1 << 20, 262_144)] {
        let mut payload = payload("opened");
        payload["issue"]["body"] = json!("ä".repeat(characters));
        let event = issue_event("issues", &payload);
        assert_eq!(event.issue.body.len(), expected, "{characters}");
        assert_eq!(event.issue.body.capacity(), expected, "{characters}");
    }
}
