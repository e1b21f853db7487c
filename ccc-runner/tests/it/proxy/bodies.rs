//! Tests of the rules for the bodies of requests.

mod cases;

use cases::At::{self, Beta, Block, Field, Message, Model, Tool};
use cases::{ALLOWED, REFUSED};
use ccc_runner::Rule::Models;
use ccc_runner::{ModelPattern, ModelProxy, Rule, Rules};

use super::api::{Api, Reply};
use super::wire::{Answer, ask, message, request};
use super::{PLAIN, notices, open, shown, start};

/// Puts `text` into a request. Returns the value of the beta header, and the body. `place` selects
/// one of four places for a block.
fn put(at: At, text: &str, place: usize) -> (String, String) {
    let (mut beta, mut model, mut fields) = (String::new(), "claude-a", String::new());
    let (mut content, mut beside) = (r#""hi""#.to_owned(), String::new());
    match at {
        Field => fields = format!(",{text}"),
        Tool => fields = format!(r#","tools":[{text}]"#),
        Model => model = text,
        Beta => beta = text.to_owned(),
        Message => beside = format!(",{text}"),
        Block => match place {
            0 => content = format!("[{text}]"),
            1 => {
                content =
                    format!(r#"[{{"type":"tool_result","tool_use_id":"t","content":[{text}]}}]"#);
            }
            2 => {
                let source = format!(r#"{{"type":"content","content":[{text}]}}"#);
                content = format!(r#"[{{"type":"document","source":{source}}}]"#);
            }
            _ => fields = format!(r#","system":[{{"type":"text","text":"x"}},{text}]"#),
        },
    }
    let messages = format!(
        r#"[{{"role":"user","content":"x"}},{{"role":"user","content":{content}{beside}}}]"#
    );
    let model = format!(r#"{{"model":"{model}","max_tokens":10,"messages":{messages}{fields}}}"#);
    (beta, model)
}

/// An API, and a proxy with some rules in front of it.
struct Gate {
    api: Api,
    proxy: ModelProxy,
}

impl Gate {
    async fn with(rules: Rules) -> Self {
        let api = Api::saying(|| Reply::json(r#"{"input_tokens":1}"#)).await;
        let proxy = start(&api.url, |builder| builder.rules(rules)).await;
        Self { api, proxy }
    }

    async fn send(&self, path: &str, beta: &str, body: &str) -> (Answer, Vec<String>) {
        let mut access = open(&self.proxy, None);
        let mut headers = vec![format!("x-api-key: {}", shown(&access))];
        if !beta.is_empty() {
            headers.push(format!("anthropic-beta: {beta}"));
        }
        let mut bytes = request(path, &headers, body);
        // Sends this character as one byte of Latin-1.
        if let Some(at) = memchr::memmem::find(&bytes, "\u{ff}".as_bytes()) {
            bytes.splice(at..at + 2, [0xff]);
        }
        let answer = ask(self.proxy.url(), &bytes).await;
        if answer.status != 200 {
            assert_eq!(access.spent().0, 0, "{body}");
        }
        (answer, notices(&mut access))
    }

    /// Checks that a request is refused by `rule`, or is forwarded unchanged if there is no rule.
    async fn check(&self, path: &str, (beta, body): &(String, String), rule: Option<Rule>) {
        let before = self.api.seen().len();
        let (answer, said) = self.send(path, beta, body).await;
        let seen = self.api.seen().split_off(before);
        let context = format!("{path} {beta} {body}: {answer:?} {said:?}");
        if let Some(rule) = rule {
            let kind = "invalid_request_error";
            assert_eq!((answer.status, &*answer.error()), (400, kind), "{context}");
            assert!(seen.is_empty(), "{context}");
            assert_eq!(said.len(), 1, "{context}");
            assert!(said[0].contains(&format!("the rule `{rule}`")), "{context}");
        } else {
            assert_eq!((answer.status, said.len(), seen.len()), (200, 0, 1), "{context}");
            assert!(seen[0].ends_with(&format!("\r\n\r\n{body}")), "{context} {seen:?}");
        }
    }
}

const PATHS: [&str; 2] = ["POST /v1/messages", "POST /v1/messages/count_tokens"];

fn places(at: At) -> std::ops::Range<usize> {
    if matches!(at, Block) { 0..4 } else { 0..1 }
}

#[tokio::test]
async fn requests_that_can_carry_data_out_are_refused() {
    // spec: X3c
    let gate = Gate::with(Rules::default()).await;
    for &(rule, at, text) in REFUSED {
        for place in places(at) {
            for path in PATHS {
                gate.check(path, &put(at, text, place), Some(rule)).await;
            }
        }
    }
}

#[tokio::test]
async fn each_refused_request_passes_only_without_its_rule() {
    // spec: X3c
    for rule in Rule::ALL {
        let without = Gate::with(Rules::default().dangerously_without(rule)).await;
        let others = Rule::ALL.into_iter().filter(|other| *other != rule);
        let others = others.fold(Rules::default(), Rules::dangerously_without);
        let alone = Gate::with(others).await;
        for &(_, at, text) in REFUSED.iter().filter(|(each, ..)| *each == rule) {
            without.check(PATHS[0], &put(at, text, 0), None).await;
            alone.check(PATHS[0], &put(at, text, 0), Some(rule)).await;
        }
    }
}

#[tokio::test]
async fn requests_that_an_agent_needs_are_forwarded_unchanged() {
    let gate = Gate::with(Rules::default()).await;
    gate.check(PATHS[0], &(String::new(), PLAIN.to_owned()), None).await;
    for &(at, text) in ALLOWED {
        for place in places(at) {
            gate.check(PATHS[0], &put(at, text, place), None).await;
        }
    }
}

#[tokio::test]
async fn only_the_models_that_the_operator_lists_are_permitted() {
    // spec: X3c
    let listed = ["claude-opus-4-8", "house-*"].map(ModelPattern::new);
    let gate = Gate::with(Rules::default().with_models(listed)).await;
    for (model, rule) in [
        ("claude-opus-4-8", None),
        ("house-1", None),
        ("house-", None),
        ("claude-opus-4-80", Some(Models)),
        ("claude-opus-4-7", Some(Models)),
        ("claude-a", Some(Models)),
        ("my-house-1", Some(Models)),
        ("house", Some(Models)),
        ("*", Some(Models)),
    ] {
        gate.check(PATHS[0], &put(Model, model, 0), rule).await;
    }
    let none = Gate::with(Rules::default().with_models([])).await;
    none.check(PATHS[0], &put(Model, "claude-a", 0), Some(Models)).await;
}

/// Checks that a small body does not become a large structure in memory.
#[tokio::test]
async fn a_body_with_too_many_values_is_refused() {
    // spec: X3c
    let api = Api::saying(|| Reply::message(1, 1)).await;
    let proxy = start(&api.url, |builder| builder).await;
    let access = open(&proxy, None);
    for (field, value) in
        [("messages", "{}"), ("tools", "{}"), ("system", r#"{"type":"text"}"#), ("metadata", "[]")]
    {
        // Two more values are the request and the list.
        for (count, status) in [(499_998, 200), (499_999, 400)] {
            let values = vec![value; count].join(",");
            let body = format!(r#"{{"model":"claude-a","max_tokens":1,"{field}":[{values}]}}"#);
            let answer = ask(proxy.url(), &message(shown(&access), &body)).await;
            assert_eq!(answer.status, status, "{field} {count}");
            let named = answer.body.contains("more than 500000 objects and lists");
            assert_eq!(named, status == 400, "{field} {count}");
        }
    }
}
