//! Counting of a response's tokens while the response is forwarded.

use std::sync::Arc;

use ccc_core::ErrorKind;
use ccc_core::untrusted_text::one_line;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::model::proxy::budget::{Account, CallFailure};
use crate::model::proxy::charge::Charge;
use crate::model::proxy::usage::Usage;

/// Maximum length of a line that is parsed for usage, in bytes. A longer line counts as text of the
/// response.
const MAX_LINE: usize = 256 << 10;

/// An event of a streamed response that reports usage or an error.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum UsageEvent {
    MessageStart {
        message: Start,
    },
    ContentBlockStart {
        content_block: Block,
    },
    MessageDelta {
        usage: Usage,
        #[serde(default)]
        delta: Delta,
    },
    MessageStop,
    /// An event without a meaning, which keeps the connection open.
    Ping,
    Error {
        error: StreamError,
    },
}

/// A block of a message, such as a text or a thought.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
}

/// The change of a message that a stream event reports.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    /// The reason why the response ended. The response does not become longer afterwards.
    stop_reason: Option<IgnoredAny>,
}

/// An error that the API reports in a response with the status of a success.
#[derive(Deserialize)]
pub(crate) struct StreamError {
    #[serde(rename = "type")]
    kind: String,
}

impl StreamError {
    /// Returns the failure of the call.
    pub(crate) fn failure(&self) -> CallFailure {
        let kind = match self.kind.as_str() {
            "rate_limit_error" => ErrorKind::RateLimited,
            _ => ErrorKind::Unavailable,
        };
        let name = one_line(&self.kind, 60);
        let text = format!("the model's API ended its answer with an error: {name}");
        CallFailure { kind, text }
    }
}

#[derive(Deserialize)]
struct Start {
    usage: Usage,
}

/// The meter of one response. It reads the server-sent events of the response, and updates the
/// charge of the call.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) charge: Charge,
    account: Arc<Account>,
    line: Vec<u8>,
    too_long: bool,
    started: bool,
    /// Whether the present event has the name `error`.
    error_event: bool,
}

impl Meter {
    pub(crate) fn new(charge: Charge, account: Arc<Account>) -> Self {
        Self {
            charge,
            account,
            line: Vec::new(),
            too_long: false,
            started: false,
            error_event: false,
        }
    }

    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.take(&bytes[..end]);
            self.end_of_line();
            bytes = &bytes[end + 1..];
        }
        self.take(bytes);
    }

    fn take(&mut self, bytes: &[u8]) {
        self.too_long |= self.line.len() + bytes.len() > MAX_LINE;
        if self.too_long {
            self.charge.add_text(bytes.len());
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// Reads the last line, which may lack a line break, at the end of the whole response.
    /// `by_api` states whether the API ended the response, and the agent did not cause the end.
    pub(crate) fn end(&mut self, by_api: bool) {
        self.end_of_line();
        if by_api && !self.charge.has_count() {
            self.charge.close();
        } else {
            self.charge.complete();
        }
    }

    /// Records that the API closed the connection in the middle of the response.
    pub(crate) fn broken(&mut self) {
        self.charge.close();
    }

    fn end_of_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.trim_ascii().is_empty() {
            self.error_event &= self.too_long;
        } else if let Some(name) = line.strip_prefix(b"event:").filter(|_| !self.too_long) {
            self.error_event = name.trim_ascii() == b"error";
            if self.error_event {
                self.charge.fail();
            }
        } else if let Some(data) = line.strip_prefix(b"data:").filter(|_| !self.too_long) {
            self.read_data(data.trim_ascii());
        }
        self.line = line;
        self.line.clear();
        self.too_long = false;
    }

    /// Reads the data of an event, in JSON.
    fn read_data(&mut self, data: &[u8]) {
        match serde_json::from_slice(data) {
            Ok(UsageEvent::MessageStart { message }) if !self.started => {
                self.started = true;
                self.charge.start(message.usage);
            }
            Ok(UsageEvent::ContentBlockStart { content_block }) => {
                self.charge.begin();
                if !matches!(content_block.kind.as_str(), "text" | "tool_use") {
                    self.charge.hide_tokens();
                }
            }
            Ok(UsageEvent::MessageDelta { usage, delta }) => {
                self.charge.update(usage, delta.stop_reason.is_some());
            }
            Ok(UsageEvent::MessageStop) => self.charge.complete(),
            Ok(UsageEvent::Error { error }) => {
                self.charge.fail();
                self.account.set_last_failure(self.charge.model(), error.failure());
            }
            Ok(UsageEvent::Ping) => {}
            _ if is_text(data) => self.charge.add_text(data.len()),
            _ if self.error_event => {}
            // The event can be the beginning of a message whose counts cannot be read.
            _ => self.charge.begin(),
        }
    }
}

/// Returns whether `data`, the JSON of a stream event, carries a piece of the response text. If it
/// does, the whole JSON counts as text. The estimated cost is therefore too high until the API
/// reports the token count.
fn is_text(data: &[u8]) -> bool {
    memchr::memmem::find(&data[..data.len().min(80)], b"content_block_delta").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::price::Price;
    use crate::model::proxy::bound::TokenBound;
    use crate::model::proxy::charge::Call;

    /// Returns the charge of a call with a body of `body_bytes` bytes.
    fn charge(account: &Arc<Account>, body_bytes: u64) -> Charge {
        let (price, bound) = (Price::from_dollars(4.0, 20.0), TokenBound::of(b"{}", Some(0)));
        let call = Call { model: "m".into(), price, body_bytes, bound };
        call.reserve(account, &account.join_queue()).unwrap()
    }

    /// Returns the cost of a stream that arrives in pieces of `size` bytes, in millionths of a
    /// dollar.
    fn cost(stream: &str, size: usize) -> u64 {
        let (account, _notices) = Account::new(None);
        let account = Arc::new(account);
        let mut meter = Meter::new(charge(&account, 40_000), Arc::clone(&account));
        stream.as_bytes().chunks(size).for_each(|piece| meter.read(piece));
        drop(meter);
        account.spent().0
    }

    #[test]
    fn a_stream_costs_what_the_api_counts_however_it_is_cut_into_pieces() {
        // spec: X3d
        let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
                     {\"input_tokens\":100,\"output_tokens\":1,\"cache_read_input_tokens\":1000}}}\n\n";
        let text = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"delta\":{{\"text\":\
             \"{}\"}}}}\n\n",
            "x".repeat(4_000)
        );
        let end = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":50}}\r\n\r\n\
                   data: {\"type\":\"message_stop\"}\n\n";
        for (stream, expected) in [
            // No usage was reported: only the request is charged, as if nothing was read from a
            // cache.
            (String::new(), 40_000),
            (start.to_owned(), 400 + 400 + 20),
            (format!("{start}{text}{end}"), 400 + 400 + 50 * 20),
            // The stream was cut off: only the forwarded text is known.
            (format!("{start}{text}"), 400 + 400 + 1_012 * 20),
            (format!("{start}{start}"), 400 + 400 + 20),
        ] {
            for size in [1, 7, 100_000] {
                assert_eq!(cost(&stream, size), expected, "{size} {stream:.80}");
            }
        }
    }

    #[test]
    fn an_early_end_after_hidden_tokens_costs_the_whole_reservation() {
        // spec: X3d
        let begin = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":0,\
                     \"output_tokens\":0}}}\n\n";
        for (kind, is_hidden) in
            [("text", false), ("tool_use", false), ("thinking", true), ("redacted_thinking", true)]
        {
            let block = format!(
                "data: {{\"type\":\"content_block_start\",\"content_block\":{{\"type\":\"{kind}\"}}}}\n\n"
            );
            let (account, _notices) = Account::new(Some(200_000));
            let account = Arc::new(account);
            let price = Price::from_dollars(4.0, 20.0);
            let bound = TokenBound::of(b"{}", Some(5_000));
            let call = Call { model: "m".into(), price, body_bytes: 0, bound };
            let charge = call.reserve(&account, &account.join_queue()).unwrap();
            let mut meter = Meter::new(charge, Arc::clone(&account));
            meter.read(format!("{begin}{block}").as_bytes());
            meter.broken();
            drop(meter);
            assert_eq!(account.can_fit(150_000), !is_hidden, "{kind}");
        }
    }

    #[test]
    fn an_endless_line_is_counted_and_not_stored() {
        let (account, _notices) = Account::new(None);
        let account = Arc::new(account);
        let mut meter = Meter::new(charge(&account, 0), Arc::clone(&account));
        for _ in 0..100 {
            meter.read(&[b'x'; 10_000]);
        }
        assert!(meter.line.len() <= MAX_LINE);
        assert!(meter.charge.tokens().output > 100_000);
    }
}
