//! Rules for requests to the model's API. They refuse requests that would send data to other
//! services, or cause costs that the operator did not permit.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::pattern::ModelPattern;
use crate::model::proxy::betas;
use crate::model::proxy::bound::TokenBound;
use crate::model::proxy::request::{Content, MessageRequest};
use crate::model::proxy::rule::Rule;

/// Maximum number of the characters `{` and `[` in a body that is parsed. The limit bounds memory:
/// each of these characters can become a parsed value of about a hundred bytes.
const MAX_VALUES: usize = 500_000;

/// The enabled rules for requests to the model's API, and the list of permitted models.
///
/// # Examples
///
/// ```
/// use ccc_runner::{ModelPattern, Rules};
///
/// let rules = Rules::default().with_models([ModelPattern::new("claude-haiku-*")]);
/// # let _ = rules;
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    models: Vec<ModelPattern>,
    without: BTreeSet<Rule>,
}

impl Default for Rules {
    /// Enables every rule, and permits the models whose names begin with `claude-`.
    fn default() -> Self {
        Self { models: vec![ModelPattern::new("claude-*")], without: BTreeSet::new() }
    }
}

impl Rules {
    /// Replaces the list of permitted models by `models`.
    #[must_use]
    pub fn with_models(mut self, models: impl IntoIterator<Item = ModelPattern>) -> Self {
        self.models = models.into_iter().collect();
        self
    }

    /// Disables `rule`: every run can then make the requests that the rule forbids.
    #[must_use]
    pub fn dangerously_without(mut self, rule: Rule) -> Self {
        self.without.insert(rule);
        self
    }

    pub(crate) fn hold(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }

    /// Checks the body of a request. `betas` are the beta features that the request enables,
    /// separated by commas. Returns the properties of a permitted request, or the reason for a
    /// refusal.
    pub(crate) fn read(&self, body: &[u8], betas: &str) -> Result<PermittedRequest, Refusal> {
        if memchr::memchr2_iter(b'{', b'[', body).count() > MAX_VALUES {
            let text = format!("the request has more than {MAX_VALUES} objects and lists");
            return Err(Refusal { rule: None, text });
        }
        let request = MessageRequest::read(body).map_err(|e| Refusal {
            rule: None,
            // Report only the position: the body comes from the agent, and users read this message.
            text: format!(
                "the body is not a valid request for a message: error at line {}, column {}",
                e.line(),
                e.column()
            ),
        })?;
        self.judge(&request, betas)?;
        Ok(PermittedRequest {
            model: request.model.into_owned(),
            bound: TokenBound::of(body, request.max_tokens),
        })
    }

    fn judge(&self, request: &MessageRequest<'_>, betas: &str) -> Result<(), Refusal> {
        let refuse = |rule: Rule, text: String| {
            if self.hold(rule) { Err(Refusal { rule: Some(rule), text }) } else { Ok(()) }
        };
        if !self.models.iter().any(|pattern| pattern.matches(&request.model)) {
            refuse(Rule::Models, format!("the model {} is not permitted", name(&request.model)))?;
        }
        if request.mcp_servers {
            refuse(Rule::McpServers, "the request names MCP servers".to_owned())?;
        }
        if request.container {
            refuse(
                Rule::ServerTools,
                "the request names a container in which the API's servers execute tools".to_owned(),
            )?;
        }
        for tool in &request.tools {
            match tool.kind.as_deref() {
                None | Some("custom") => {}
                Some("mcp_toolset") => {
                    refuse(Rule::McpServers, "the request has tools of an MCP server".to_owned())?;
                }
                Some(kind) => {
                    refuse(
                        Rule::ServerTools,
                        format!("the API's servers would execute the tool {}", name(kind)),
                    )?;
                }
            }
            if tool.allowed_callers.as_ref().is_some_and(|callers| callers.has_others) {
                refuse(
                    Rule::ServerTools,
                    "the request allows code on the API's servers to call a tool".to_owned(),
                )?;
            }
        }
        if let Some((beta, rule)) = betas::forbidden(betas, |rule| self.hold(rule)) {
            refuse(rule, format!("the request enables the beta feature {}", name(beta)))?;
        }
        if let Some(field) = &request.unknown {
            refuse(
                Rule::UnknownFields,
                format!("the request field {} is not permitted", name(field)),
            )?;
        }
        if let Some(field) = request.messages.iter().find_map(|message| message.unknown.as_ref()) {
            refuse(
                Rule::UnknownFields,
                format!("the message field {} is not permitted", name(field)),
            )?;
        }
        let messages = request.messages.iter().map(|message| &message.content);
        for content in messages.chain(&request.system) {
            self.judge_content(content, &refuse)?;
        }
        Ok(())
    }

    fn judge_content(
        &self,
        content: &Content<'_>,
        refuse: &impl Fn(Rule, String) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Content::Blocks(blocks) = content else { return Ok(()) };
        for block in blocks {
            if !BLOCKS.contains(&&*block.kind) {
                refuse(
                    Rule::UnknownFields,
                    format!("content of the type {} is not permitted", name(&block.kind)),
                )?;
            }
            if let Some(source) = &block.source {
                let known = match source.kind.as_deref() {
                    Some(kind) => SOURCES.contains(&kind),
                    None => block.kind == "search_result",
                };
                if !known {
                    let kind = source.kind.as_deref().unwrap_or("text");
                    let text = format!(
                        "content with a source of the type {} is not permitted",
                        name(kind)
                    );
                    refuse(Rule::RemoteSources, text)?;
                }
                if let Some(content) = &source.content {
                    self.judge_content(content, refuse)?;
                }
            }
            if let Some(content) = &block.content {
                self.judge_content(content, refuse)?;
            }
        }
        Ok(())
    }
}

/// Types of content blocks that carry only data that the agent already has.
const BLOCKS: &[&str] = &[
    "text",
    "image",
    "document",
    "search_result",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "tool_reference",
];
/// The types that the source of an image or document may have. With each of these types, the data
/// is in the request itself.
const SOURCES: &[&str] = &["base64", "text", "content"];
/// The properties of a permitted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PermittedRequest {
    pub(crate) model: String,
    pub(crate) bound: TokenBound,
}

/// The refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The rule that the request breaks. `None` if the body cannot be parsed or has too many values:
    /// such a request is refused even if all rules are disabled.
    rule: Option<Rule>,
    text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some(rule) => {
                write!(f, "the request is not allowed by the rule `{rule}`: {}", self.text)
            }
            None => f.write_str(&self.text),
        }
    }
}

/// Shortens `text`, a name from a request, for a one-line message, and adds backquotes around it.
fn name(text: &str) -> String {
    format!("`{}`", ccc_core::untrusted_text::one_line(text, 80))
}
