//! Tests of messages without a valid and current signature.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::runtime::{Runtime, SECRET, client};

const INDEX: &str = r#"{"ask":"index"}"#;

/// A message with its headers, signed as `docs/envelope.md` specifies.
#[derive(Clone)]
struct Message {
    path: String,
    body: String,
    date: String,
    nonce: String,
    signature: String,
}

fn message(path: &str, body: &str, secret: &str, later: i64, nonce: u8) -> Message {
    let date = (jiff::Timestamp::now().as_millisecond() + later * 1_000).to_string();
    let nonce = hex::encode([nonce; 16]);
    let what = hex::encode(Sha256::digest(body));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("ccc/v1/ask\n{path}\n{date}\n{nonce}\n{what}").as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    Message { path: path.to_owned(), body: body.to_owned(), date, nonce, signature }
}

async fn send(runtime: &Runtime, message: &Message) -> (u16, String) {
    let client = client();
    let request = client
        .post(format!("{}{}", runtime.url(), message.path))
        .header("ccc-date", &message.date)
        .header("ccc-nonce", &message.nonce)
        .header("ccc-signature", &message.signature)
        .body(message.body.clone());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn unsigned_old_and_repeated_messages_are_refused() {
    // spec: S7b
    let runtime = Runtime::start();
    let path = "/credentials/main";
    let good = message(path, INDEX, SECRET, 0, 1);
    let (status, answer) = send(&runtime, &good).await;
    assert_eq!((status, &*answer), (200, r#"{"answer":"index","index":null}"#));
    assert_eq!(send(&runtime, &good).await.0, 409, "a repeated message was accepted");
    let signed = |nonce| message(path, INDEX, SECRET, 0, nonce);
    let changed = |change: fn(&mut Message), nonce| {
        let mut message = signed(nonce);
        change(&mut message);
        message
    };
    let derivation = r#"{"ask":"derivation","fresh":"x"}"#;
    let cases = [
        ("another secret", message(path, INDEX, &SECRET.replace('a', "b"), 0, 2), 401),
        ("too old", message(path, INDEX, SECRET, -310, 3), 401),
        ("from the future", message(path, INDEX, SECRET, 310, 4), 401),
        ("another body", changed(|message| message.body = derivation_of(), 5), 401),
        ("another store", changed(|message| message.path += "-other", 6), 401),
        ("another nonce", changed(|message| message.nonce = hex::encode([99; 16]), 7), 401),
        ("no signature", changed(|message| message.signature.clear(), 8), 401),
        ("a name that is a path", message("/credentials/a/b", INDEX, SECRET, 0, 9), 404),
        ("no name", message("/credentials/", INDEX, SECRET, 0, 10), 404),
        ("another route", message("/", INDEX, SECRET, 0, 11), 404),
        ("invalid JSON", message(path, "{", SECRET, 0, 12), 200),
        ("a valid message", message(path, derivation, SECRET, 0, 13), 200),
        (
            "a valid message to another store",
            message("/credentials/other", INDEX, SECRET, 0, 1),
            200,
        ),
    ];
    for (what, message, expected) in cases {
        let (status, answer) = send(&runtime, &message).await;
        assert_eq!(status, expected, "{what}: {answer}");
        assert!(!answer.contains(SECRET), "{what}: {answer}");
        assert_eq!(answer.contains("misunderstood"), what == "invalid JSON", "{what}: {answer}");
    }
    // A body that is too large is refused before it is read.
    let head = format!("POST {path} HTTP/1.1");
    assert_eq!(runtime.status_of_head(&head, (6 << 20) + 1), "413");
}

fn derivation_of() -> String {
    r#"{"ask":"derivation","fresh":"y"}"#.to_owned()
}
