//! The scenario of a scripted model, and its responses in the format of the Messages API.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use ccc_core::{Clock, Error, ErrorKind, Result, SystemClock};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::pattern::ModelPattern;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    #[serde(default)]
    turn: Vec<Turn>,
    #[serde(default)]
    model: BTreeMap<String, Turns>,
}

/// The turns for the models whose names match one pattern.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turns {
    turn: Vec<Turn>,
}

/// One turn of a scenario: failures, and then a response.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Turn {
    think: Option<String>,
    say: Option<String>,
    r#use: Vec<Use>,
    fail: Option<Fail>,
    wait: Option<f64>,
    end: End,
    tokens: Tokens,
}

/// A tool use in a response.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    tool: String,
    #[serde(default)]
    input: toml::Table,
}

/// The failures before a response: the first `times` requests for the turn receive the HTTP status
/// `status`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fail {
    status: u16,
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    #[default]
    Whole,
    /// The connection breaks in the middle of the response.
    Cut,
    /// The response stops in the middle, and the connection stays open.
    Stall,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tokens {
    input: u64,
    output: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { input: 1_000, output: 100 }
    }
}

impl Scenario {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let invalid = |line: String| Error::new(ErrorKind::InvalidInput, line);
        let scenario: Self = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            invalid(format!(
                "line {line} of the scripted model's scenario is invalid: {}",
                e.message()
            ))
        })?;
        let others = scenario.model.values().flat_map(|model| &model.turn);
        for turn in scenario.turn.iter().chain(others) {
            if let Some(seconds) = turn.wait.filter(|s| Duration::try_from_secs_f64(*s).is_err()) {
                return Err(invalid(format!(
                    "the scripted model's scenario contains `wait = {seconds}`, which is not a valid \
                     duration in seconds"
                )));
            }
            if let Some(status) = turn.fail.as_ref().map(|fail| fail.status)
                && !(400..=599).contains(&status)
            {
                return Err(invalid(format!(
                    "the scripted model's scenario contains a failure with status {status}: use an \
                     HTTP status from 400 to 599"
                )));
            }
        }
        Ok(scenario)
    }

    /// Returns the turns for `model`: the turns of the first pattern that matches. If no pattern
    /// matches, returns the turns that belong to no pattern.
    pub(super) fn turns(&self, model: &str) -> &[Turn] {
        let other = self.model.iter().find(|(name, _)| ModelPattern::new(*name).matches(model));
        other.map_or(&self.turn, |(_, model)| &model.turn)
    }
}

impl Turn {
    /// Returns the turn that answers every request after the last turn of a scenario.
    pub(super) fn done() -> Self {
        Self { say: Some("Done.".to_owned()), ..Self::default() }
    }

    pub(super) fn wait(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.wait?).ok()
    }

    /// Returns the HTTP status with which a request for this turn fails, or `None` if the request
    /// succeeds. `asked` is the number of earlier requests for this turn.
    pub(super) fn fails(&self, asked: u32) -> Option<StatusCode> {
        let fail = self.fail.as_ref().filter(|fail| asked < fail.times)?;
        StatusCode::from_u16(fail.status).ok()
    }

    fn stop_reason(&self) -> &'static str {
        if self.r#use.is_empty() { "end_turn" } else { "tool_use" }
    }

    /// Returns the content blocks of the response. `at` is the index of this turn in the scenario.
    fn content(&self, at: usize) -> Vec<Value> {
        let think = self.think.iter().map(
            |text| json!({ "type": "thinking", "thinking": text, "signature": "c2NyaXB0ZWQ=" }),
        );
        let say = self.say.iter().map(|text| json!({ "type": "text", "text": text }));
        let uses = self.r#use.iter().enumerate().map(|(nth, each)| {
            let id = format!("toolu_scripted_{at}_{nth}");
            json!({ "type": "tool_use", "id": id, "name": each.tool, "input": each.input })
        });
        think.chain(say).chain(uses).collect()
    }

    /// Returns the response as one JSON message. `at` is the index of this turn in the scenario.
    pub(super) fn message(&self, model: &str, at: usize) -> Value {
        let Tokens { input, output } = self.tokens;
        json!({
            "id": format!("msg_scripted_{at}"), "type": "message", "role": "assistant",
            "model": model, "content": self.content(at), "stop_reason": self.stop_reason(),
            "stop_sequence": null, "usage": { "input_tokens": input, "output_tokens": output },
        })
    }

    /// Returns the response as server-sent events. `at` is the index of this turn in the scenario,
    /// and `asked` the number of earlier requests for this turn.
    pub(super) fn events(
        &self,
        model: &str,
        at: usize,
        asked: u32,
    ) -> impl Stream<Item = std::io::Result<Bytes>> + Send + use<> {
        let Tokens { input, output } = self.tokens;
        let mut start = self.message(model, at);
        (start["content"], start["stop_reason"]) = (json!([]), Value::Null);
        start["usage"] = json!({ "input_tokens": input, "output_tokens": 1 });
        let mut all = vec![json!({ "type": "message_start", "message": start })];
        for (index, piece) in self.content(at).into_iter().enumerate() {
            all.extend(pieces(index, piece));
        }
        let half = all.len().div_ceil(2);
        let delta = json!({ "stop_reason": self.stop_reason(), "stop_sequence": null });
        let usage = json!({ "output_tokens": output });
        all.push(json!({ "type": "message_delta", "delta": delta, "usage": usage }));
        all.push(json!({ "type": "message_stop" }));
        let failed = self.fail.as_ref().map_or(0, |fail| fail.times);
        let end = if asked == failed { self.end } else { End::Whole };
        if end != End::Whole {
            all.truncate(half);
        }
        let sent = all.into_iter().map(|event| {
            let name = event["type"].as_str().unwrap_or_default();
            Ok(Bytes::from(format!("event: {name}\ndata: {event}\n\n")))
        });
        let rest = stream::once(async move {
            match end {
                End::Whole => None,
                End::Cut => {
                    // Give the earlier events time to arrive. Otherwise the client would receive no
                    // part of the response.
                    SystemClock.sleep(Duration::from_millis(50)).await;
                    Some(Err(std::io::Error::other("the scenario cuts the connection")))
                }
                End::Stall => std::future::pending().await,
            }
        });
        stream::iter(sent).chain(rest.filter_map(std::future::ready))
    }
}

/// Converts the content block `piece` to three stream events: the start of the block, all content
/// of the block, and the end of the block. `index` is the position of the block in the message.
fn pieces(index: usize, mut piece: Value) -> [Value; 3] {
    let kind = piece["type"].as_str().unwrap_or_default().to_owned();
    let mut take = |field: &str, empty: Value| std::mem::replace(&mut piece[field], empty);
    let delta = match kind.as_str() {
        "tool_use" => {
            let input = take("input", json!({})).to_string();
            json!({ "type": "input_json_delta", "partial_json": input })
        }
        "thinking" => json!({ "type": "thinking_delta", "thinking": take("thinking", json!("")) }),
        _ => json!({ "type": "text_delta", "text": take("text", json!("")) }),
    };
    [
        json!({ "type": "content_block_start", "index": index, "content_block": piece }),
        json!({ "type": "content_block_delta", "index": index, "delta": delta }),
        json!({ "type": "content_block_stop", "index": index }),
    ]
}
