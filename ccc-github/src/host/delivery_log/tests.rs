use serde_json::json;

use super::*;

fn content(guid: &str, headers: &[(&str, &str)], payload: &str) -> Result<SentContent, String> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let payload = RawValue::from_string(payload.to_owned()).unwrap();
    let request = Sent { headers: Some(headers), payload: Some(payload) };
    let detailed = Detailed { guid: guid.to_owned(), url: None, request };
    detailed.content("github.com", Timestamp::UNIX_EPOCH)
}

#[test]
fn a_request_of_the_log_passes_the_checks_of_a_delivery() {
    // spec: W8c
    const TYPE: (&str, &str) = ("Content-Type", "application/json");
    let id = ("X-GitHub-Delivery", "one");
    let issues = ("X-GitHub-Event", "issues");
    let ignored = r#"{"action":"closed"}"#;
    let form = ("content-type", "application/x-www-form-urlencoded");
    for good in [TYPE, form] {
        assert_eq!(content("one", &[good, id, issues], ignored), Ok(SentContent::Ignored));
    }
    let ping = ("X-GitHub-Event", "ping");
    assert_eq!(content("one", &[TYPE, id, ping], "{}"), Ok(SentContent::Ignored));
    let (text, gzip) = (("content-type", "text/plain"), ("content-encoding", "gzip"));
    for (headers, payload, expected) in [
        (&[TYPE, id][..], ignored, "X-GitHub-Event"),
        (&[TYPE, issues], ignored, "X-GitHub-Delivery"),
        (&[id, issues], ignored, "the content type"),
        (&[text, id, issues], ignored, "the content type"),
        (&[TYPE, gzip, id, issues], ignored, "Content-Encoding"),
        (&[TYPE, id, issues], r#"{"action":"opened"}"#, "malformed payload"),
    ] {
        let why = content("one", headers, payload).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
    let other = content("two", &[TYPE, id, issues], ignored).unwrap_err();
    assert!(other.contains("differs"), "{other}");
}

#[test]
fn an_address_is_shown_without_a_credential() {
    for (address, expected) in [
        ("https://a.example/hook", "https://a.example/hook"),
        ("https://user:pass@a.example/hook?token=1#x", "https://a.example/hook"),
        ("not a url", ""),
    ] {
        assert_eq!(without_credential(address), expected);
    }
}
