//! Tests of the Durable Object, and of a client whose Durable Object or channel fails.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::testing::ManualClock;
use ccc_core::{Clock as _, Error, ErrorKind, Result, async_trait};
use serde_json::{Value, json};

use super::blob_store::ObjectBlobStore;
use super::protocol::{Base64, digest};
use super::rows::Rows;
use super::{Channel, DurableObjectCredentialStore, MessageId, handle_message};
use crate::keys::Keys;
use crate::sealed::{BlobStore as _, Change, RecordId};

#[path = "../../tests/it/common/memory_rows.rs"]
mod memory_rows;

use memory_rows::MemoryRows;

fn ask(rows: &MemoryRows, ask: Value) -> Value {
    let answer = handle_message(rows, ask.to_string().as_bytes(), None).unwrap().unwrap();
    serde_json::from_slice(&answer).unwrap()
}

fn record_id(version: u64) -> String {
    RecordId { name: [7; 32], version }.to_string()
}

#[test]
fn a_repeated_write_is_answered_as_written() {
    // spec: S7c
    let rows = MemoryRows::default();
    let write = |from: Option<&[u8]>, index: &str, put: u64, remove: Option<u64>| {
        json!({
            "ask": "write", "from": from.map(digest), "index": index,
            "put": [record_id(put), "cmVjb3Jk"], "remove": remove.map(record_id),
        })
    };
    let (first, second) = (write(None, "b25l", 1, None), write(Some(b"one"), "dHdv", 2, Some(1)));
    assert_eq!(ask(&rows, first.clone()), json!({"answer": "written"}));
    assert_eq!(ask(&rows, first.clone()), json!({"answer": "written"}));
    assert_eq!(ask(&rows, second.clone()), json!({"answer": "written"}));
    // A repeated write can arrive after a later write.
    for again in [&first, &second, &first] {
        assert_eq!(ask(&rows, again.clone()), json!({"answer": "written"}));
    }
    assert_eq!(rows.get("index").unwrap().unwrap(), b"two");
    assert_eq!(rows.names("record/", 9).unwrap(), [format!("record/{}", record_id(2))]);
    // A new write has no effect if the index on which it is based was replaced.
    assert_eq!(ask(&rows, write(Some(b"one"), "c2l4", 2, None)), json!({"answer": "overtaken"}));
    assert_eq!(ask(&rows, write(None, "c2l4", 2, None)), json!({"answer": "overtaken"}));
    let mut before = "two".to_owned();
    let mut last = Value::Null;
    for number in 0..200 {
        let index = format!("{number:06}");
        let text = Base64(index.clone().into_bytes());
        last = json!({
            "ask": "write", "from": digest(before.as_bytes()), "index": text, "put": null, "remove": null,
        });
        assert_eq!(ask(&rows, last.clone()), json!({"answer": "written"}));
        before = index;
    }
    assert_eq!(ask(&rows, last), json!({"answer": "written"}));
    assert_eq!(
        ask(&rows, first),
        json!({"answer": "overtaken"}),
        "the first write must be forgotten"
    );
    assert_eq!(
        rows.get("done").unwrap().unwrap().len(),
        64 * 64,
        "the row must not grow without limit"
    );
}

#[test]
fn a_repeated_message_has_no_effect() {
    // spec: S7b
    let rows = MemoryRows::default();
    let message = br#"{"ask": "derivation", "fresh": "x"}"#;
    let id = |date: i64, nonce: char| MessageId { date, nonce: nonce.to_string().repeat(32) };
    let now = 1_000_000;
    let first = id(now, 'a');
    assert!(handle_message(&rows, message, Some((&first, now))).unwrap().is_some());
    for later in [0, 1, 300_000, 300_001, 600_000] {
        let again = handle_message(&rows, message, Some((&first, now + later))).unwrap();
        assert!(again.is_none(), "accepted again after {later} ms");
    }
    assert!(handle_message(&rows, message, Some((&id(now, 'b'), now))).unwrap().is_some());
    assert!(handle_message(&rows, message, Some((&id(now + 1, 'a'), now))).unwrap().is_some());
    // Only the nonces of messages that are too old to be accepted are removed.
    let late = id(now + 600_001, 'c');
    assert!(handle_message(&rows, message, Some((&late, now + 600_001))).unwrap().is_some());
    assert_eq!(rows.names("nonce/", 9).unwrap().len(), 1);
}

#[test]
fn a_sweep_removes_other_records_only_if_the_index_is_unchanged() {
    let rows = MemoryRows::default();
    rows.put("index", b"newest").unwrap();
    for version in [1, 2, 3] {
        rows.put(&format!("record/{}", record_id(version)), b"x").unwrap();
    }
    let sweep = |from: &[u8], keep: &[u64], left: &[u64]| {
        let keep: Vec<String> = keep.iter().copied().map(record_id).collect();
        let question = json!({"ask": "sweep", "from": digest(from), "keep": keep});
        assert_eq!(ask(&rows, question), json!({"answer": "swept"}));
        let left: Vec<String> =
            left.iter().map(|version| format!("record/{}", record_id(*version))).collect();
        assert_eq!(rows.names("record/", 9).unwrap(), left);
    };
    sweep(b"older", &[], &[1, 2, 3]);
    sweep(b"newest", &[1, 3], &[1, 3]);
    sweep(b"newest", &[], &[]);
    assert_eq!(rows.get("index").unwrap().unwrap(), b"newest");
}

#[test]
fn the_derivation_that_was_stored_first_is_returned() {
    // spec: S3b
    let rows = MemoryRows::default();
    for fresh in ["first", "second"] {
        let kept = ask(&rows, json!({"ask": "derivation", "fresh": fresh}));
        assert_eq!(kept, json!({"answer": "derivation", "kept": "first"}));
    }
}

#[test]
fn a_derivation_that_is_damaged_is_not_replaced() {
    // spec: S8
    let rows = MemoryRows::default();
    rows.put("derivation", b"argon2id \xff").unwrap();
    let kept = ask(&rows, json!({"ask": "derivation", "fresh": "x"}))["kept"].clone();
    assert!(kept.as_str().unwrap().parse::<crate::keys::Derivation>().is_err());
    assert_eq!(rows.get("derivation").unwrap().unwrap(), b"argon2id \xff");
}

#[test]
fn an_object_with_records_and_no_index_answers_lost() {
    // spec: S8
    let rows = MemoryRows::default();
    rows.put(&format!("record/{}", record_id(1)), b"x").unwrap();
    let before = rows.0.borrow().clone();
    for question in [
        json!({"ask": "index"}),
        json!({"ask": "record", "place": record_id(1)}),
        json!({"ask": "write", "from": null, "index": "b25l", "put": null, "remove": record_id(1)}),
        json!({"ask": "sweep", "from": digest(b""), "keep": []}),
        json!({"ask": "derivation", "fresh": "x"}),
    ] {
        assert_eq!(ask(&rows, question.clone()), json!({"answer": "lost"}), "{question}");
    }
    assert_eq!(*rows.0.borrow(), before);
}

#[test]
fn an_invalid_message_changes_nothing() {
    let rows = MemoryRows::default();
    let elsewhere = json!({"ask": "record", "place": "../index"});
    let plus = json!({"ask": "record", "place": record_id(1).replace('.', ".+")});
    let large = || Base64(vec![0; 2_000_001]);
    let index =
        json!({"ask": "write", "from": null, "index": large(), "put": null, "remove": null});
    let record = json!({
        "ask": "write", "from": null, "index": "", "put": [record_id(1), large()], "remove": null,
    });
    let outside =
        json!({"ask": "write", "from": null, "index": "", "put": ["index", ""], "remove": null});
    let more = json!({"ask": "index", "and": "more"});
    let nothing = [json!({"ask": "everything"}), json!([])];
    for wrong in [elsewhere, plus, index, record, outside, more].into_iter().chain(nothing) {
        let answer = ask(&rows, wrong.clone());
        assert_eq!(
            answer["answer"],
            "misunderstood",
            "{}",
            wrong.to_string().chars().take(80).collect::<String>()
        );
    }
    for bytes in [&b""[..], b"\xff", b"{", br#"{"ask": "hunter2"}"#] {
        let answer = handle_message(&rows, bytes, None).unwrap().unwrap();
        let shown = String::from_utf8(answer).unwrap();
        assert!(shown.contains("misunderstood") && !shown.contains("hunter2"), "{shown}");
    }
    assert!(rows.0.borrow().is_empty());
}

/// A channel that returns the given answers in order, and then repeats the last answer.
#[derive(Clone, Debug)]
struct Odd(Arc<Mutex<(usize, Answers)>>);

type Answers = Vec<Result<&'static str, ErrorKind>>;

impl Odd {
    fn new(answers: &[Result<&'static str, ErrorKind>]) -> Self {
        Self(Arc::new(Mutex::new((0, answers.to_vec()))))
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().0
    }
}

#[async_trait]
impl Channel for Odd {
    async fn send(&self, _: Vec<u8>) -> Result<Vec<u8>> {
        let mut held = self.0.lock().unwrap();
        let (asked, answers) = &mut *held;
        let answer = answers[(*asked).min(answers.len() - 1)];
        *asked += 1;
        answer.map(|text| text.as_bytes().to_vec()).map_err(|kind| Error::new(kind, "injected"))
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()))
}

#[tokio::test]
async fn an_object_that_is_unavailable_slow_or_wrong_is_a_clear_error() {
    // spec: S7c
    const NOTHING: &str = r#"{"answer": "index", "index": null}"#;
    const MORE: &str = r#"{"answer": "index", "index": null, "and": "more"}"#;
    type Case<'a> = (&'a [Result<&'static str, ErrorKind>], ErrorKind, usize, u64);
    let cases: [Case<'_>; 10] = [
        (&[Err(ErrorKind::Unavailable)], ErrorKind::Unavailable, 4, 2_100),
        (&[Err(ErrorKind::TimedOut)], ErrorKind::TimedOut, 4, 2_100),
        (&[Err(ErrorKind::Refused)], ErrorKind::Refused, 1, 0),
        (&[Ok("<html>hunter2</html>")], ErrorKind::Unexpected, 1, 0),
        (&[Ok("")], ErrorKind::Unexpected, 1, 0),
        (&[Ok(r#"{"answer": "swept"}"#)], ErrorKind::Unexpected, 1, 0),
        (&[Ok(MORE)], ErrorKind::Unexpected, 1, 0),
        (&[Ok(r#"{"answer": "lost"}"#)], ErrorKind::Corrupt, 1, 0),
        (&[Ok(r#"{"answer": "misunderstood", "why": "x"}"#)], ErrorKind::Unsupported, 1, 0),
        (&[Ok(NOTHING), Err(ErrorKind::TimedOut), Ok("{}")], ErrorKind::Unexpected, 3, 100),
    ];
    for (answers, expected, asked, waited) in cases {
        let (odd, clock) = (Odd::new(answers), clock());
        let start = clock.now();
        let keys = Keys::parse(&Keys::generate().unwrap()).unwrap();
        let opened = async {
            let clock = Arc::new(Arc::clone(&clock));
            DurableObjectCredentialStore::open(odd.clone(), clock, &keys).await
        };
        let ticks = async {
            loop {
                tokio::task::yield_now().await;
                clock.advance(Duration::from_millis(50));
            }
        };
        let error = tokio::select! {
            opened = opened => opened.unwrap_err(),
            () = ticks => unreachable!(),
        };
        assert_eq!(error.kind(), expected, "{answers:?}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert_eq!(odd.asked(), asked, "{answers:?}");
        assert!(clock.now() >= start + Duration::from_millis(waited), "{answers:?}");
    }
}

/// Writes a record of `record` bytes to a Durable Object that always answers `answer`. Returns the
/// result of the write, and the number of messages that were sent.
async fn write(answer: &'static str, record: usize) -> (Result<bool, ErrorKind>, usize) {
    let odd = Odd::new(&[Ok(answer)]);
    let blobs = ObjectBlobStore::new(Box::new(odd.clone()), Arc::new(clock()));
    let put = Some((RecordId { name: [7; 32], version: 1 }, vec![0; record]));
    let change = Change { from: None, index: Arc::default(), put, remove: None };
    let written = blobs.write(Arc::new(change)).await;
    (written.map_err(|error| error.kind()), odd.asked())
}

#[tokio::test]
async fn a_write_succeeds_if_the_object_answers_written() {
    // spec: S9
    const WRITTEN: &str = r#"{"answer": "written"}"#;
    for (answer, record, expected) in [
        (WRITTEN, 2_000_000, (Ok(true), 1)),
        (r#"{"answer": "overtaken"}"#, 1, (Ok(false), 1)),
        (r#"{"answer": "swept"}"#, 1, (Err(ErrorKind::Unexpected), 1)),
        (WRITTEN, 2_000_001, (Err(ErrorKind::LimitExceeded), 0)),
    ] {
        assert_eq!(write(answer, record).await, expected, "{answer}, {record} bytes");
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_not_sent() {
    let odd = Odd::new(&[Ok(r#"{"answer": "swept"}"#)]);
    let blobs = ObjectBlobStore::new(Box::new(odd.clone()), Arc::new(clock()));
    let live = |places| (0..places).map(|version| RecordId { name: [7; 32], version }).collect();
    blobs.remove_unlisted(Arc::default(), live(10)).await.unwrap();
    let error = blobs.remove_unlisted(Arc::default(), live(100_000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    assert_eq!(odd.asked(), 1);
}
