//! What a run may ask the model's API, and what it may not because it would carry data out or cost
//! what nobody allowed.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

use crate::model::pattern::ModelPattern;
use crate::model::proxy::request::{Content, MessageRequest};

/// One reason to refuse a request (spec: X3b, X3c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// Only the routes that an agent needs: `HEAD` and `GET /`, `POST /v1/messages` and `POST
    /// /v1/messages/count_tokens`. Others hold files, batches and the account's administration;
    /// without this rule they are neither read nor paid for.
    Paths,
    /// Only models that are listed.
    Models,
    /// No tool that the API's servers run: they fetch from the web and execute code.
    ServerTools,
    /// No MCP server that the API's servers would talk to.
    McpServers,
    /// No picture or document that the API's servers would fetch, or that was uploaded before.
    RemoteSources,
    /// No field and no kind of content that this version does not know: it cannot say what they do.
    UnknownFields,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Paths,
        Self::Models,
        Self::ServerTools,
        Self::McpServers,
        Self::RemoteSources,
        Self::UnknownFields,
    ];
}

impl fmt::Display for Rule {
    /// As the setting spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paths => "paths",
            Self::Models => "models",
            Self::ServerTools => "server_tools",
            Self::McpServers => "mcp_servers",
            Self::RemoteSources => "remote_sources",
            Self::UnknownFields => "unknown_fields",
        })
    }
}

/// The rules, and the models that are listed.
#[derive(Clone, Debug)]
pub struct Rules {
    models: Vec<ModelPattern>,
    without: BTreeSet<Rule>,
}

impl Default for Rules {
    /// Every rule, and the models that begin with `claude-`.
    fn default() -> Self {
        Self { models: vec![ModelPattern::new("claude-*")], without: BTreeSet::new() }
    }
}

impl Rules {
    /// These models and no others.
    #[must_use]
    pub fn with_models(mut self, models: impl IntoIterator<Item = ModelPattern>) -> Self {
        self.models = models.into_iter().collect();
        self
    }

    /// Takes a rule out: what it stops is open to every run from then on.
    #[must_use]
    pub fn dangerously_without(mut self, rule: Rule) -> Self {
        self.without.insert(rule);
        self
    }

    pub(crate) fn hold(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }

    /// Reads a request's body: what is asked of which model, or the rule that it breaks.
    pub(crate) fn read(&self, body: &[u8], betas: &str) -> Result<Asked, Refusal> {
        let request = MessageRequest::read(body).map_err(|e| Refusal {
            rule: None,
            // Where, and not what: the body is the agent's, and our words go to people.
            text: format!("the body does not read as a request, at byte {}", e.column()),
        })?;
        self.judge(&request, betas)?;
        Ok(Asked {
            model: request.model.into_owned(),
            streams: request.stream.unwrap_or(false),
            max_tokens: request.max_tokens.unwrap_or(0),
        })
    }

    fn judge(&self, request: &MessageRequest<'_>, betas: &str) -> Result<(), Refusal> {
        let refuse = |rule: Rule, text: String| {
            if self.hold(rule) { Err(Refusal { rule: Some(rule), text }) } else { Ok(()) }
        };
        if !self.models.iter().any(|pattern| pattern.matches(&request.model)) {
            refuse(Rule::Models, format!("the model {} is not listed", name(&request.model)))?;
        }
        if request.mcp_servers {
            refuse(Rule::McpServers, "MCP servers are not for this API to talk to".to_owned())?;
        }
        if request.container {
            refuse(
                Rule::ServerTools,
                "there is no container for code on the API's side".to_owned(),
            )?;
        }
        for tool in &request.tools {
            match tool.kind.as_deref() {
                None | Some("custom") => {}
                Some("mcp_toolset") => {
                    refuse(Rule::McpServers, "the tools of an MCP server".to_owned())?;
                }
                Some(kind) => {
                    refuse(Rule::ServerTools, format!("the tool {} runs elsewhere", name(kind)))?;
                }
            }
            if tool.allowed_callers.iter().flatten().any(|caller| caller != "direct") {
                refuse(Rule::ServerTools, "a tool that code on the API's side calls".to_owned())?;
            }
        }
        for beta in betas.split(',') {
            if let Some((_, rule)) = BETAS.iter().find(|(start, _)| beta.contains(start)) {
                refuse(*rule, format!("the API's feature {}", name(beta)))?;
            }
        }
        if let Some(field) = &request.unknown {
            refuse(Rule::UnknownFields, format!("the field {}", name(field)))?;
        }
        if let Some(field) = request.messages.iter().find_map(|message| message.unknown.as_ref()) {
            refuse(Rule::UnknownFields, format!("a message's field {}", name(field)))?;
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
                refuse(Rule::UnknownFields, format!("content of the kind {}", name(&block.kind)))?;
            }
            if let Some(source) = &block.source {
                let known = match source.kind.as_deref() {
                    Some(kind) => SOURCES.contains(&kind),
                    None => block.kind == "search_result",
                };
                if !known {
                    let kind = source.kind.as_deref().unwrap_or("text");
                    let text = format!("content from a source of the kind {}", name(kind));
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

/// Kinds of content that only carry what the agent has already.
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
/// Sources that are in the request itself.
const SOURCES: &[&str] = &["base64", "text", "content"];
/// Betas that switch on what a rule forbids.
const BETAS: &[(&str, Rule)] = &[
    ("mcp-client-", Rule::McpServers),
    ("mcp-servers-", Rule::McpServers),
    ("mcp-tunnels-", Rule::McpServers),
    ("code-execution-", Rule::ServerTools),
    ("skills-", Rule::ServerTools),
    ("web-fetch-", Rule::ServerTools),
    ("files-api-", Rule::RemoteSources),
    // What it writes on the way is not in the sums of `usage`.
    ("compact-", Rule::UnknownFields),
];

/// What counts of a request that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) streams: bool,
    pub(crate) max_tokens: u64,
}

/// Why a request does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `None` for one that cannot be read: no rule is there to take out.
    rule: Option<Rule>,
    text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some(rule) => write!(f, "not allowed ({rule}): {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// A name out of a request, fit for a line of ours.
fn name(text: &str) -> String {
    format!("`{}`", ccc_core::untrusted_text::one_line(text, 80))
}
