//! Tests of the secrets with which runs authenticate to the proxy.

use ccc_core::Secret;
use ccc_runner::{ModelCredential, ModelProxy, Rules, ScriptedModel};

use super::wire::{ask, request};
use super::{PLAIN, open, shown, start};

/// Headers of a request, with the run that it authenticates. `A` and `B` stand for the secrets of
/// two runs, `OLD` for the secret of a run that has ended, and `KEY` for the credential.
const CASES: &[(&[&str], Option<char>)] = &[
    (&["x-api-key: A"], Some('A')),
    (&["authorization: Bearer A"], Some('A')),
    (&["authorization: bearer A"], Some('A')),
    (&["authorization: BEARER A"], Some('A')),
    (&["x-api-key: A", "authorization: Bearer A"], Some('A')),
    (&["x-api-key: A", "x-api-key: A"], Some('A')),
    (&["x-api-key: B"], Some('B')),
    (&["authorization: Bearer B"], Some('B')),
    (&[], None),
    (&["x-api-key: "], None),
    (&["authorization: "], None),
    (&["authorization: Bearer "], None),
    (&["authorization: A"], None),
    (&["authorization: Basic A"], None),
    (&["authorization: Bearer  A"], None),
    (&["authorization: Bearer A, Bearer B"], None),
    (&["x-api-key: A, A"], None),
    (&["x-api-key: AA"], None),
    (&["x-api-key: run-0000000000000000000000000000000000000000000000000000000000000000"], None),
    (&["x-api-key: KEY"], None),
    (&["authorization: Bearer KEY"], None),
    (&["x-api-key: OLD"], None),
    (&["authorization: Bearer OLD"], None),
    (&["x-api-key: A", "authorization: Bearer B"], None),
    (&["x-api-key: B", "authorization: Bearer A"], None),
    (&["x-api-key: A", "x-api-key: B"], None),
    (&["authorization: Bearer A", "authorization: Bearer B"], None),
    (&["x-api-key: A", "authorization: Bearer "], None),
    (&["x-api-key: A", "authorization: Basic dTpw"], None),
    (&["x-api-key: A", "x-api-key: "], None),
    (&["cookie: x-api-key=A"], None),
    (&["proxy-authorization: Bearer A"], None),
];

async fn check(
    proxy: &ModelProxy,
    model: &ScriptedModel,
    headers: &[&str],
    expected: Option<char>,
) {
    let key = || ModelCredential::ApiKey(model.key().clone());
    let (a, b) = (proxy.open(key(), None).unwrap(), proxy.open(key(), None).unwrap());
    let over = proxy.open(key(), None).unwrap();
    let old = shown(&over).to_owned();
    drop(over);
    let secret = model.key().expose_str().unwrap();
    // The longer words are replaced first, because some of them contain `A` or `B`. The secrets
    // contain neither letter, because their hexadecimal digits are in lower case.
    let put = |line: &&str| {
        let (name, value) = line.split_once(": ").unwrap();
        let value =
            value.replace("KEY", "\u{1}").replace("OLD", "\u{2}").replace("Bearer", "\u{3}");
        let value = value.replace("BEARER", "\u{4}").replace("Basic", "\u{5}");
        let value = value.replace('A', shown(&a)).replace('B', shown(&b));
        let value = value.replace('\u{1}', secret).replace('\u{2}', &old);
        let value = value.replace('\u{3}', "Bearer").replace('\u{4}', "BEARER");
        format!("{name}: {}", value.replace('\u{5}', "Basic"))
    };
    let lines: Vec<String> = headers.iter().map(put).collect();
    let before = model.seen().len();
    let answer = ask(proxy.url(), &request("POST /v1/messages", &lines, PLAIN)).await;
    let let_in = [&a, &b].map(|access| access.spent().0 > 0);
    assert_eq!(let_in, [expected == Some('A'), expected == Some('B')], "{headers:?}: {answer:?}");
    let (status, kind) = if expected.is_some() { (200, "") } else { (401, "authentication_error") };
    assert_eq!((answer.status, &*answer.error()), (status, kind), "{headers:?}: {answer:?}");
    // The secret of a run that has ended is unknown, and its credential was removed.
    assert_eq!(
        answer.body.contains("the run's secret is missing or wrong"),
        expected.is_none(),
        "{headers:?}: {answer:?}"
    );
    // Only authenticated requests reach the API, and never the secret of a run.
    assert_eq!(model.seen().len() - before, usize::from(expected.is_some()), "{headers:?}");
    for seen in &model.seen()[before..] {
        assert_eq!(seen.headers["x-api-key"], secret);
        assert!(!seen.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_request_with_the_secret_of_a_run_is_accepted_and_charged_to_that_run() {
    // spec: X3b
    let model = ScriptedModel::start("").await.unwrap();
    let proxy = start(model.url(), |builder| builder).await;
    for (headers, expected) in CASES {
        check(&proxy, &model, headers, *expected).await;
    }
}

#[tokio::test]
async fn every_run_has_a_different_secret_that_does_not_contain_the_credential() {
    // spec: X3b
    let proxy = start("http://127.0.0.1:9", |builder| builder).await;
    let all: Vec<_> = (0..100).map(|_| open(&proxy, None)).collect();
    let secrets: std::collections::BTreeSet<&str> = all.iter().map(shown).collect();
    assert_eq!(secrets.len(), 100);
    assert!(secrets.iter().all(|secret| secret.len() >= 64 && !secret.contains(super::KEY)));
}

#[tokio::test]
async fn debug_output_shows_no_secret() {
    let model = ScriptedModel::start("").await.unwrap();
    let proxy = start(model.url(), |builder| builder).await;
    let key = model.key().expose_str().unwrap().to_owned();
    let all = [ModelCredential::ApiKey, ModelCredential::OAuthToken, ModelCredential::BearerToken];
    for credential in all.map(|make| make(Secret::from(key.clone()))) {
        let access = proxy.open(credential.clone(), Some(1_000_000)).unwrap();
        let headers = [format!("authorization: Bearer {}", shown(&access))];
        ask(proxy.url(), &request("POST /v1/messages", &headers, PLAIN)).await;
        let seen = model.seen();
        assert!(!seen.is_empty());
        let rules = Rules::default();
        for printed in [
            format!("{credential:?}"),
            format!("{proxy:?} {access:?} {model:?}"),
            format!("{proxy:#?} {access:#?} {model:#?}"),
            format!("{seen:?} {rules:?} {:?}", ModelProxy::builder()),
        ] {
            for secret in [&key, shown(&access)] {
                assert!(!printed.contains(secret), "{printed}");
                let bytes = format!("{:?}", secret.as_bytes());
                assert!(!printed.contains(bytes.trim_matches(['[', ']'])), "{printed}");
            }
        }
    }
}

#[tokio::test]
async fn a_credential_that_is_not_a_valid_header_value_is_refused() {
    let proxy = start("http://127.0.0.1:9", |builder| builder).await;
    for text in ["", " ", "\n", "a\nb", "a\r\nx-other: b", "a\0b"] {
        let error = proxy.open(ModelCredential::ApiKey(Secret::from(text)), None).unwrap_err();
        assert_eq!(error.kind(), ccc_core::ErrorKind::InvalidInput, "{text:?}");
        assert!(!format!("{error} {error:?}").contains("x-other"), "{error:?}");
    }
}
