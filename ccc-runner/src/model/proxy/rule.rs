//! The names of the rules for requests to the model's API.

use std::fmt;

use serde::Deserialize;

/// A rule for requests to the model's API. The proxy refuses a request that breaks an enabled rule
/// (spec: X3b, X3c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// Permits only the routes that an agent needs: `HEAD` and `GET /`, `POST /v1/messages` and
    /// `POST /v1/messages/count_tokens`. Other routes give access to files, batches and the
    /// account's administration. Without this rule, requests to other routes are neither checked
    /// nor charged to the run.
    Paths,
    /// Permits only the models on the list of [`Rules::with_models`](super::rules::Rules::with_models).
    Models,
    /// Forbids tools that the API's servers execute, because such tools fetch from the web and
    /// execute code.
    ServerTools,
    /// Forbids MCP servers, because the API's servers would connect to them.
    McpServers,
    /// Forbids images and documents whose data is not in the request itself: URLs, which the API's
    /// servers would fetch, and files that were uploaded earlier.
    RemoteSources,
    /// Forbids fields and kinds of content that this version of the proxy does not know, because
    /// their effects are unknown. Beta features that it does not know, or that change the price of a
    /// token, are removed from a request. Without this rule, a request can be more expensive than
    /// the proxy counts.
    UnknownFields,
}

impl Rule {
    /// All rules.
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
    /// Writes the name of the rule as in the settings, such as `server_tools`.
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
