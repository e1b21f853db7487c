//! The most tokens that a request can use, computed from its body.
//!
//! A token has at least one byte of text, so the body has at least as many bytes as its text has
//! tokens. Prose and code have about four bytes per token, so this bound is about four times too
//! high. If it does not fit within the spending limit, the API counts the input tokens instead.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::model::price::Tokens;

/// The most tokens that the API adds to a request, for example instructions for the use of tools.
/// Anthropic's documentation states at most 804 tokens.
const ADDED: u64 = 1_000;
/// The most tokens of one image. Anthropic's documentation states at most 4,784.
const IMAGE: u64 = 8_000;
/// The most tokens of a document that is not plain text, and of content that is not in the request:
/// the size of the largest context window. A PDF of a few bytes can have many pages.
const DOCUMENT: u64 = 1_000_000;
/// A count of the API is an estimate. The count is raised by this fraction, and by [`COUNT_SLACK`].
const COUNT_ERROR: u64 = 16;
const COUNT_SLACK: u64 = 256;

/// The kind of cache to which a request can write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum CacheWrite {
    #[default]
    None,
    FiveMinutes,
    Hour,
}

/// The most tokens that a request can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenBound {
    input: u64,
    output: u64,
    cache: CacheWrite,
}

impl TokenBound {
    /// Computes the bound of the request with this body. A request without `max_tokens` has no
    /// bound.
    pub(crate) fn of(body: &[u8], max_tokens: Option<u64>) -> Self {
        let mut found = Findings::default();
        let mut json = serde_json::Deserializer::from_slice(body);
        if Inspect(&mut found).deserialize(&mut json).is_err() {
            // The body is nested too deeply. Assume the most expensive content.
            (found.cache, found.documents) = (CacheWrite::Hour, 1);
        }
        let bytes = body.len() as u64;
        let input = bytes
            .saturating_add(ADDED)
            .saturating_add(found.images.saturating_mul(IMAGE))
            .saturating_add(found.documents.saturating_mul(DOCUMENT));
        let max = max_tokens.unwrap_or(u64::MAX);
        // With interleaved thinking, the budget of the thinking can exceed `max_tokens`.
        let thinking = found.thinking.filter(|budget| *budget >= max).unwrap_or(0);
        Self { input, output: max.saturating_add(thinking), cache: found.cache }
    }

    /// Returns a bound whose input is `count`, which the API has counted, if that is lower.
    pub(crate) fn with_count(self, count: u64) -> Self {
        let counted = count.saturating_add(count / COUNT_ERROR).saturating_add(COUNT_SLACK);
        Self { input: self.input.min(counted), ..self }
    }

    /// Returns the tokens of the bound. The whole input counts as written to the cache if the
    /// request writes to a cache, because that is more expensive than input without a cache.
    pub(crate) fn tokens(self) -> Tokens {
        let mut tokens = Tokens { output: self.output, ..Tokens::default() };
        *match self.cache {
            CacheWrite::None => &mut tokens.input,
            CacheWrite::FiveMinutes => &mut tokens.cache_write,
            CacheWrite::Hour => &mut tokens.cache_write_hour,
        } = self.input;
        tokens
    }

    /// Returns the tokens of the output only.
    pub(crate) fn output(self) -> Tokens {
        Tokens { output: self.output, ..Tokens::default() }
    }
}

/// The properties of a body that determine the bound. They are searched at any depth, so that no
/// part of a request can hide them. A field of a tool's input with the same name only raises the
/// bound.
#[derive(Debug, Default)]
struct Findings {
    images: u64,
    documents: u64,
    cache: CacheWrite,
    thinking: Option<u64>,
}

/// Reads any JSON value, and adds its properties to the findings.
struct Inspect<'a>(&'a mut Findings);

impl<'de> DeserializeSeed<'de> for Inspect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Inspect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Inspect(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "cache_control" => {
                    self.0.cache = self.0.cache.max(CacheWrite::FiveMinutes);
                    map.next_value_seed(Inspect(self.0))?;
                }
                "type" | "ttl" | "budget_tokens" => {
                    let value = map.next_value_seed(Scalar(self.0))?;
                    self.0.note(&key, &value);
                }
                _ => map.next_value_seed(Inspect(self.0))?,
            }
        }
        Ok(())
    }
}

impl Findings {
    fn note(&mut self, key: &str, value: &Value<'_>) {
        match (key, value) {
            // Each image and each document has a source of one of these types.
            ("type", Value::Text(kind)) => match &**kind {
                "image" => self.images = self.images.saturating_add(1),
                "document" | "url" | "file" => self.documents = self.documents.saturating_add(1),
                _ => {}
            },
            ("ttl", Value::Text(time)) if &**time != "5m" => self.cache = CacheWrite::Hour,
            ("budget_tokens", Value::Number(budget)) => {
                self.thinking = self.thinking.max(Some(*budget));
            }
            _ => {}
        }
    }
}

/// A value of which only texts and whole numbers matter.
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Other,
}

/// Reads a value that should be a text or a number. Inspects any other value.
struct Scalar<'a>(&'a mut Findings);

impl<'de> DeserializeSeed<'de> for Scalar<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        // The cast rounds down, and converts a number that is too large to the largest one.
        Ok(Value::Number(number as u64))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Value<'de>, A::Error> {
        Inspect(self.0).visit_seq(seq).map(|()| Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value<'de>, A::Error> {
        Inspect(self.0).visit_map(map).map(|()| Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_counts_every_byte_and_the_most_expensive_content() {
        // spec: X3d
        let none = |input, output| Tokens { input, output, ..Tokens::default() };
        let five = |cache_write, output| Tokens { cache_write, output, ..Tokens::default() };
        let hour =
            |cache_write_hour, output| Tokens { cache_write_hour, output, ..Tokens::default() };
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        for (body, extra, expected) in [
            ("{}", 0, none as fn(u64, u64) -> Tokens),
            (r#"{"system":"cache_control image document"}"#, 0, none),
            (r#"{"messages":[{"content":[{"cache_control":{"type":"ephemeral"}}]}]}"#, 0, five),
            (r#"{"cache_control":{"type":"ephemeral","ttl":"5m"}}"#, 0, five),
            (r#"{"tools":[{"cache_control":{"ttl":"1h"}},{"cache_control":{}}]}"#, 0, hour),
            // A later lifetime, and an escaped name.
            (r#"{"cache_control":{"ttl":"24h"}}"#, 0, hour),
            (r#"{"cache\u005fcontrol":{"t\u0074l":"1h"}}"#, 0, hour),
            (r#"{"cache_control":null}"#, 0, five),
            (r#"{"content":[{"type":"image"},{"content":[{"type":"image"}]}]}"#, 2 * IMAGE, none),
            (r#"{"content":[{"type":"text","type":"document"}]}"#, DOCUMENT, none),
            (r#"{"type":[{"type":"image"}],"ttl":{"type":"image"}}"#, 2 * IMAGE, none),
            (&deep, DOCUMENT, hour),
        ] {
            let bound = TokenBound::of(body.as_bytes(), Some(7));
            let input = body.len() as u64 + ADDED + extra;
            assert_eq!(bound.tokens(), expected(input, 7), "{body:.80}");
        }
    }

    #[test]
    fn the_output_includes_thinking_and_can_be_unlimited() {
        // spec: X3d
        for (thinking, max, expected) in [
            ("1024", Some(2_000), 2_000),
            ("2000", Some(2_000), 4_000),
            ("18446744073709551615", Some(10), u64::MAX),
            ("1e300", Some(10), u64::MAX),
            ("-1", Some(10), 10),
            ("\"5000\"", Some(10), 10),
            ("null", None, u64::MAX),
            ("5", Some(0), 5),
        ] {
            let body = format!(r#"{{"thinking":{{"budget_tokens":{thinking}}}}}"#);
            let bound = TokenBound::of(body.as_bytes(), max);
            assert_eq!(bound.output().output, expected, "{thinking} {max:?}");
        }
    }

    #[test]
    fn a_count_lowers_the_bound_and_never_raises_it() {
        // spec: X3d
        let body = format!("\"{}\"", "x".repeat(9_998));
        let bound = TokenBound::of(body.as_bytes(), Some(1));
        for (count, expected) in [(0, 256), (1_600, 1_956), (10_000, 10_881), (u64::MAX, 11_000)] {
            assert_eq!(bound.with_count(count).tokens().input, expected, "{count}");
        }
    }
}
