//! Benchmark of a delivery of 20 KB: verifying its signature and parsing its meaning, compared with
//! the HMAC that every receiver must compute.

mod support;

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use ccc_core::Secret;
use ccc_core::event::IssueEvent;
use ccc_github::webhook::{Meaning, RawDelivery, Secrets, Webhook, verify};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha256;

use support::{Report, Result, Side, Stopwatch};

/// Maximum ratio to the HMAC: parsing may cost as much as verification.
const MOST: f64 = 2.0;
const SECRET: &str = "It's a Secret to Everybody";
const BYTES: usize = 20_000;
const ROUNDS: usize = 501;
/// Number of deliveries in one measurement. They take much less than a scheduler's time slice, so
/// that preemption seldom affects a measurement.
const DELIVERIES: usize = 10;

fn main() -> Result<ExitCode> {
    let mut report = Report::new("webhook");
    let body = payload()?;
    let signature = sign(&body)?;
    report.say(&format!("a payload of {} bytes", body.len()));
    let secrets = Secrets::new([Secret::from(SECRET)])?;
    let webhook = Webhook::new(secrets.clone(), "github.com");
    let raw = RawDelivery::from_body(&body)
        .with_event("issues")
        .with_delivery("72d3162e-cc78-11e3-81ab-4c9367dc0958")
        .with_signature(&signature)
        .with_content_type("application/json");
    let now = Timestamp::UNIX_EPOCH;
    let Meaning::Event(expected) = webhook.meaning(&raw)? else {
        return Err("the payload is not an event".into());
    };
    if expected.issue.body.len() < BYTES / 4 || tree(&secrets, &raw)? != summary(&expected) {
        return Err("the payload was not parsed completely".into());
    }

    let mut hmac = Side::new("HMAC alone");
    let mut ours = Side::new("verify and parse");
    let mut kept = Side::new("verify, parse, and digest for storage");
    let mut dom = Side::new("verify and parse into a tree");
    for round in 0..ROUNDS {
        // Rotates the order, so that no side is always first.
        for turn in 0..4 {
            let (side, watch) = ((round + turn) % 4, Stopwatch::start());
            for _ in 0..DELIVERIES {
                match side {
                    0 => drop(black_box(sign(black_box(&body))?)),
                    1 => drop(black_box(webhook.meaning(black_box(&raw))?)),
                    2 => drop(black_box(webhook.receive(black_box(&raw), now)?)),
                    _ => drop(black_box(tree(&secrets, black_box(&raw))?)),
                }
            }
            [&mut hmac, &mut ours, &mut kept, &mut dom][side]
                .add(watch.elapsed() / DELIVERIES as u32);
        }
    }
    report.goal(&ours, &hmac, MOST);
    report.figure(&kept, &hmac);
    report.must_miss(&dom, &hmac, MOST);
    Ok(report.finish())
}

/// Returns an `issues` payload from GitHub's examples with a long description, such as a pasted
/// stack trace.
fn payload() -> Result<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/npm/node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let text = std::fs::read(&file)
        .map_err(|e| format!("run .ci/install, which downloads {}: {e}", file.display()))?;
    let all: Vec<Value> = serde_json::from_slice(&text)?;
    let issues = all.iter().filter(|entry| entry["name"] == "issues");
    let mut opened: Vec<&Value> = issues
        .flat_map(|entry| entry["examples"].as_array().into_iter().flatten())
        // An example with `changes` is an issue moved from another repository. It contains that
        // repository too.
        .filter(|example| example["action"] == "opened" && example["changes"].is_null())
        .collect();
    opened.sort_by_key(|example| example.to_string().len());
    let mut payload = (*opened.last().ok_or("there is no example of issues.opened")?).clone();
    let mut body = "It crashes when I open a file:\r\n\r\n```\r\n".to_owned();
    for line in 1.. {
        body.push_str(&format!(
            "    at com.example.editor.document.buffer.BufferLoader.loadSegment{line}\
             (BufferLoader.java:{})\r\n",
            line * 17 % 900,
        ));
        payload["issue"]["body"] = Value::from(format!("{body}```\r\n"));
        let bytes = serde_json::to_vec(&payload)?;
        if bytes.len() >= BYTES {
            return Ok(bytes);
        }
    }
    Err("no description is long enough".into())
}

fn sign(body: &[u8]) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(body);
    Ok(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

type Summary = (u64, u64, String, String);

fn summary(event: &IssueEvent) -> Summary {
    let issue = &event.issue;
    (event.repo.id, issue.number, issue.title.clone(), issue.body.clone())
}

/// Parses the delivery into a tree of all its fields. It does less than the webhook, so the
/// additional time is the cost of the tree.
fn tree(secrets: &Secrets, raw: &RawDelivery<'_>) -> Result<Summary> {
    if !verify(secrets, raw.body, raw.signatures[0]) {
        return Err("the signature is wrong".into());
    }
    let tree: Value = serde_json::from_slice(raw.body)?;
    let text = |path: &str| tree.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let number = |path: &str| tree.pointer(path).and_then(Value::as_u64);
    (|| {
        let (repo, issue) = (number("/repository/id")?, number("/issue/number")?);
        Some((repo, issue, text("/issue/title")?, text("/issue/body")?))
    })()
    .ok_or_else(|| "a field is missing".into())
}
