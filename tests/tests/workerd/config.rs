//! Tests of the Worker's own store through `/config`.

use ccc_core::ErrorKind;
use serde_json::{Value, json};

use super::open_named;
use super::runtime::{Runtime, client};

const KEY: &str = include_str!("../../../ccc-github/emulator/test-key.pem");
const TOKEN: &str = "hunter2-the-admin-token-of-the-worker";
const HOOK: &str = "hunter2-canary-of-the-hook";

fn key(number: u8) -> String {
    hex::encode([&[number; 31][..], &[0]].concat())
}

fn runtime() -> Runtime {
    Runtime::with(vec![("CREDENTIALS_KEY", key(7)), ("ADMIN_TOKEN", TOKEN.to_owned())])
}

async fn ask(runtime: &Runtime, method: &str, token: &str, body: String) -> (u16, String) {
    ask_at(runtime, method, "", token, body).await
}

async fn ask_at(
    runtime: &Runtime,
    method: &str,
    query: &str,
    token: &str,
    body: String,
) -> (u16, String) {
    let client = client();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = client
        .request(method, format!("{}/config{query}", runtime.url()))
        .header("authorization", format!("Bearer {token}"))
        .body(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn app() -> String {
    json!({ "appId": 7, "privateKey": KEY, "webhookSecret": HOOK }).to_string()
}

#[tokio::test]
async fn the_workers_credentials_are_encrypted_with_a_key_that_its_object_lacks() {
    // spec: S7d, S12b, S12c
    let mut runtime = runtime();
    assert_eq!(
        ask(&runtime, "GET", TOKEN, String::new()).await,
        (200, r#"{"apps":[]}"#.to_owned())
    );
    for (method, token, body, expected, words) in [
        ("POST", "hunter2", app(), 401, "ADMIN_TOKEN"),
        ("POST", "", app(), 401, "ADMIN_TOKEN"),
        ("POST", TOKEN, "hunter2".to_owned(), 400, "not a JSON object"),
        ("POST", TOKEN, r#"{"appId": 7}"#.to_owned(), 400, "add the field `privateKey`"),
        ("PUT", TOKEN, String::new(), 405, "GET, POST and DELETE"),
        ("PROPFIND", TOKEN, String::new(), 405, "GET, POST and DELETE"),
        ("POST", TOKEN, app(), 200, "SHA256:0IOfHcvw"),
    ] {
        let (status, answer) = ask(&runtime, method, token, body).await;
        assert_eq!(status, expected, "{method} {words}: {answer}");
        assert!(answer.contains(words), "{method} {words}: {answer}");
        assert!(!answer.contains("hunter2") && !answer.contains("PRIVATE"), "{answer}");
    }
    let head = format!("POST /config HTTP/1.1\r\nauthorization: Bearer {TOKEN}");
    assert_eq!(runtime.status_of_head(&head, 1 << 20), "413");
    assert_eq!(runtime.status_of_head(&head.replace("hunter2", "hunter3"), 1 << 20), "401");
    runtime.restart();
    let (_, shown) = ask(&runtime, "GET", TOKEN, String::new()).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["apps"][0]["appId"], 7, "{shown}");

    // The secret for remote clients gives no access to the Worker's own store.
    let error = open_named(&runtime, "worker", &[7]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
    open_named(&runtime, "other", &[7]).await.unwrap();

    // Key rotation: both keys, only the new key, and back to the old key.
    for keys in [format!("{}\n{}", key(9), key(7)), key(9), format!("{}\n{}", key(7), key(9))] {
        runtime.secrets[0].1 = keys;
        runtime.restart();
        let (status, shown) = ask(&runtime, "GET", TOKEN, String::new()).await;
        assert!(status == 200 && shown.contains("SHA256:0IOfHcvw"), "{shown}");
    }
    let canaries = [HOOK, TOKEN, &key(7), "PRIVATE KEY", "github.com/7", &hex::encode(HOOK)];
    runtime.stop();
    let files = runtime.files();
    assert!(!files.is_empty(), "the disk has no files");
    for (path, contents) in files {
        let text = String::from_utf8_lossy(&contents);
        for canary in canaries {
            assert!(!text.contains(canary), "{} contains {canary}", path.display());
        }
    }
    // A wrong or missing key is an error and leaves the stored credentials unchanged.
    for (other, status, words) in [(key(8), 500, "CREDENTIALS_KEY"), (String::new(), 503, "keygen")]
    {
        runtime.secrets[0].1 = other;
        runtime.restart();
        let (found, answer) = ask(&runtime, "POST", TOKEN, app()).await;
        assert_eq!(found, status, "{answer}");
        assert!(answer.contains(words), "{answer}");
    }
    runtime.secrets[0].1 = key(7);
    runtime.restart();
    let delete = async |query: &str| ask_at(&runtime, "DELETE", query, TOKEN, String::new()).await;
    let (status, answer) = delete("").await;
    assert!(status == 400 && answer.contains("stored Apps are 7"), "{status} {answer}");
    assert_eq!(delete("?appId=7").await.0, 200);
    assert_eq!(delete("?all=true").await.0, 404);
    // If the Worker's token is missing or too short, every request is refused, even with that
    // token.
    for short in ["", "hunter2"] {
        runtime.secrets[1].1 = short.to_owned();
        runtime.restart();
        for token in [TOKEN, short] {
            let (status, answer) = ask(&runtime, "GET", token, String::new()).await;
            assert!(status == 503 && answer.contains("32 characters"), "{status} {answer}");
        }
    }
}

#[tokio::test]
async fn an_object_with_the_workers_secrets_refuses_to_work() {
    // spec: S7d
    let entry = include_str!("../../../examples/worker/entry.mjs");
    let mut runtime = runtime();
    runtime.entry = Some(
        entry
            .replace("constructor(state)", "constructor(state, env)")
            .replace("new Stored(state, {})", "new Stored(state, env)"),
    );
    runtime.restart();
    let (status, answer) = ask(&runtime, "POST", TOKEN, app()).await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("deploy the Worker with an unchanged entry.mjs"), "{answer}");
    assert!(open_named(&runtime, "main", &[1]).await.is_err());
    // With this flag, a module cannot import the secrets; without it, it can.
    let imports = entry
        .replace("{ DurableObject }", "{ DurableObject, env }")
        .replace("new Stored(state, {})", "new Stored(state, env)");
    assert_ne!(imports, entry);
    runtime.entry = Some(imports);
    for (without, status) in
        [(r#"compatibilityFlags = ["disallow_importable_env"],"#, 503), ("", 200)]
    {
        runtime.without = without;
        runtime.restart();
        assert_eq!(ask(&runtime, "GET", TOKEN, String::new()).await.0, status, "{without}");
    }
    runtime.entry = Some(entry.to_owned());
    runtime.restart();
    assert_eq!(ask(&runtime, "POST", TOKEN, app()).await.0, 200);
}
