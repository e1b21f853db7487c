//! Tests of the header that names beta features.

use ccc_runner::{Rule, Rules};

use super::api::{Api, Reply};
use super::wire::{ask, request};
use super::{PLAIN, open, shown, start};

#[tokio::test]
async fn every_beta_feature_is_forwarded_without_the_rule_for_unknown_fields() {
    // spec: X3d
    let api = Api::saying(|| Reply::message(1, 1)).await;
    for (rules, expected) in [
        (Rules::default(), "effort-2025-11-24"),
        (
            Rules::default().dangerously_without(Rule::UnknownFields),
            "context-1m-2025-08-07, effort-2025-11-24",
        ),
    ] {
        let proxy = start(&api.url, |builder| builder.rules(rules)).await;
        let access = open(&proxy, None);
        let headers = [
            format!("x-api-key: {}", shown(&access)),
            "anthropic-beta: context-1m-2025-08-07, effort-2025-11-24".to_owned(),
        ];
        for path in ["POST /v1/messages", "POST /v1/messages/count_tokens"] {
            assert_eq!(ask(proxy.url(), &request(path, &headers, PLAIN)).await.status, 200);
            let seen = api.seen().pop().unwrap();
            assert!(seen.contains(&format!("\r\nanthropic-beta: {expected}\r\n")), "{seen}");
        }
    }
}
