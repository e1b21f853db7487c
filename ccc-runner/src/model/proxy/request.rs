//! A request to the Messages API. Only the fields that the rules check are parsed. The parsed
//! strings borrow from the request's body.
//!
//! A request that contains a checked field twice is refused, because the proxy could check one
//! value and the API could use the other.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::proxy::harmless_fields::HARMLESS_FIELDS;

/// The fields of a request that the rules check.
#[derive(Debug, Default)]
pub(crate) struct MessageRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) mcp_servers: bool,
    pub(crate) container: bool,
    pub(crate) tools: Vec<Tool<'a>>,
    pub(crate) messages: Vec<Message<'a>>,
    pub(crate) system: Option<Content<'a>>,
    /// The name of a field that the proxy does not know, if the request has such a field.
    pub(crate) unknown: Option<String>,
}

/// A tool that the model may use.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Tool<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(crate) kind: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) allowed_callers: Option<AllowedCallers>,
}

/// The list of the callers that a tool permits. The names are not stored, because a request can
/// have millions of them.
#[derive(Debug, Default)]
pub(crate) struct AllowedCallers {
    /// Whether the list contains a caller other than the model itself (`direct`).
    pub(crate) has_others: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Message<'a> {
    pub(crate) content: Content<'a>,
    /// The name of a field that the proxy does not know, if the message has such a field.
    pub(crate) unknown: Option<String>,
}

/// The content of a message: plain text, or a list of blocks.
#[derive(Debug, Default)]
pub(crate) enum Content<'a> {
    #[default]
    Text,
    Blocks(Vec<Block<'a>>),
}

#[derive(Debug, serde::Deserialize)]
pub(crate) struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) source: Option<Source<'a>>,
    #[serde(borrow, default)]
    pub(crate) content: Option<Content<'a>>,
}

/// The source of an image or a document.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// The type of the source. `None` if the source is plain text, as in a search result.
    pub(crate) kind: Option<Cow<'a, str>>,
    pub(crate) content: Option<Content<'a>>,
}

impl<'a> MessageRequest<'a> {
    pub(crate) fn read(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }
}

/// Reads the value of the field `name` from `map`. Returns an error if `seen` already contains the
/// field.
fn once<'a, A: MapAccess<'a>, T: Deserialize<'a>>(
    map: &mut A,
    name: &'static str,
    seen: &mut Vec<&'static str>,
) -> Result<Option<T>, A::Error> {
    if seen.contains(&name) {
        return Err(A::Error::duplicate_field(name));
    }
    seen.push(name);
    map.next_value()
}

impl<'de: 'a, 'a> Deserialize<'de> for MessageRequest<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = MessageRequest<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a request for a message")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<MessageRequest<'a>, A::Error> {
                let (mut request, mut seen) = (MessageRequest::default(), Vec::new());
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "model" => {
                            let model = once(&mut map, "model", &mut seen)?;
                            request.model = model.map(|Borrowed(model)| model).unwrap_or_default();
                        }
                        "stream" => {
                            once::<_, bool>(&mut map, "stream", &mut seen)?;
                        }
                        "max_tokens" => {
                            request.max_tokens = once(&mut map, "max_tokens", &mut seen)?;
                        }
                        "mcp_servers" => {
                            let there: Option<IgnoredAny> =
                                once(&mut map, "mcp_servers", &mut seen)?;
                            request.mcp_servers = there.is_some();
                        }
                        "container" => {
                            let there: Option<IgnoredAny> = once(&mut map, "container", &mut seen)?;
                            request.container = there.is_some();
                        }
                        "tools" => {
                            request.tools = once(&mut map, "tools", &mut seen)?.unwrap_or_default();
                        }
                        "messages" => {
                            request.messages =
                                once(&mut map, "messages", &mut seen)?.unwrap_or_default();
                        }
                        "system" => request.system = once(&mut map, "system", &mut seen)?,
                        other => {
                            if !HARMLESS_FIELDS.contains(&other) {
                                request.unknown = Some(other.to_owned());
                            }
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(request)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = Message<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'a>, A::Error> {
                let (mut message, mut seen) = (Message::default(), Vec::new());
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    if key == "content" {
                        message.content = once(&mut map, "content", &mut seen)?.unwrap_or_default();
                    } else {
                        // `output_config` sets how much the model thinks about this message.
                        if key != "role" && key != "output_config" {
                            message.unknown = Some(key.into_owned());
                        }
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(message)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

impl<'de> Deserialize<'de> for AllowedCallers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = AllowedCallers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names of callers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AllowedCallers, A::Error> {
                let mut callers = AllowedCallers::default();
                while let Some(Borrowed(name)) = seq.next_element()? {
                    callers.has_others |= name != "direct";
                }
                Ok(callers)
            }
        }
        deserializer.deserialize_seq(Names)
    }
}

/// A string that is borrowed from the input unless it contains escape sequences.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pieces<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Pieces<'a> {
            type Value = Content<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or content blocks")
            }

            fn visit_str<E>(self, _: &str) -> Result<Content<'a>, E> {
                Ok(Content::Text)
            }

            fn visit_unit<E>(self) -> Result<Content<'a>, E> {
                Ok(Content::Text)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content<'a>, A::Error> {
                let mut blocks = Vec::new();
                while let Some(block) = seq.next_element()? {
                    blocks.push(block);
                }
                Ok(Content::Blocks(blocks))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content<'a>, A::Error> {
                let block = Block::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Content::Blocks(vec![block]))
            }
        }
        deserializer.deserialize_any(Pieces(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Source<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Fields<'a> {
            #[serde(borrow, default, rename = "type")]
            kind: Cow<'a, str>,
            #[serde(borrow, default)]
            content: Option<Content<'a>>,
        }
        struct Place<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Place<'a> {
            type Value = Source<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a content source (an object or a string)")
            }

            fn visit_str<E>(self, _: &str) -> Result<Source<'a>, E> {
                Ok(Source { kind: None, content: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source<'a>, A::Error> {
                let Fields { kind, content } =
                    Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Source { kind: Some(kind), content })
            }
        }
        deserializer.deserialize_any(Place(PhantomData))
    }
}
