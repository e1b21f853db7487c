//! Probes of the model API, the only service that a container reaches by default.

use ccc_runner::Rule;

use super::probe::{Change, Harm, Probe, Protection, Weak};
use super::weakened_container::HOST_NETWORK;

/// Returns a probe that the proxy refuses because of a rule. In the weakened container the proxy
/// lacks this rule.
const fn refused(name: &'static str, script: &'static str, rule: Rule) -> Probe {
    let (weak, wall) = match rule {
        Rule::Paths => (
            "a proxy without the rule `paths`",
            Protection { text: "refused: not for agents", says: &["agents must not send"] },
        ),
        Rule::ServerTools => (
            "a proxy without the rule `server_tools`",
            Protection { text: "refused: server_tools", says: &["the rule `server_tools`"] },
        ),
        Rule::McpServers => (
            "a proxy without the rule `mcp_servers`",
            Protection { text: "refused: mcp_servers", says: &["the rule `mcp_servers`"] },
        ),
        Rule::RemoteSources => (
            "a proxy without the rule `remote_sources`",
            Protection { text: "refused: remote_sources", says: &["the rule `remote_sources`"] },
        ),
        Rule::Models => (
            "a proxy without the rule `models`",
            Protection { text: "refused: models", says: &["the rule `models`"] },
        ),
        _ => (
            "a proxy without the rule `unknown_fields`",
            Protection { text: "refused: unknown_fields", says: &["the rule `unknown_fields`"] },
        ),
    };
    let weak = Weak { text: weak, change: Change::ModelProxy(rule) };
    Probe { name, script, harm: Harm::Asks, weak, wall }
}

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        name: "a redirect of the model API",
        script: "ask 'POST /v1/messages' '' $'x-app: elsewhere\\r\\n'",
        harm: Harm::Reaches,
        weak: HOST_NETWORK,
        wall: Protection { text: "the proxy follows no redirect", says: &["HTTP/1.1 502 "] },
    },
    refused(
        "web search by the model API",
        r#"ask 'POST /v1/messages' ',"tools":[{"type":"web_search_20250305","name":"web_search"}]'"#,
        Rule::ServerTools,
    ),
    refused(
        "page fetch by the model API",
        r#"ask 'POST /v1/messages' ',"tools":[{"type":"web_fetch_20250910","name":"web_fetch"}]'"#,
        Rule::ServerTools,
    ),
    refused(
        "code execution by the model API",
        r#"ask 'POST /v1/messages' ',"tools":[{"type":"code_execution_20250825","name":"code_execution"}]'"#,
        Rule::ServerTools,
    ),
    refused(
        "an MCP server, through the model API",
        r#"ask 'POST /v1/messages' ',"mcp_servers":[{"type":"url","name":"x","url":"https://x.invalid/"}]'"#,
        Rule::McpServers,
    ),
    refused(
        "image fetch by the model API",
        r#"ask 'POST /v1/messages' ',"system":[{"type":"image","source":{"type":"url","url":"https://x.invalid/"}}]'"#,
        Rule::RemoteSources,
    ),
    refused(
        "an unknown field in a request to the model API",
        r#"ask 'POST /v1/messages' ',"callback":"https://x.invalid/"'"#,
        Rule::UnknownFields,
    ),
    refused("the model API's batches", "ask 'POST /v1/messages/batches'", Rule::Paths),
    refused("the model API's files", "ask 'POST /v1/files'", Rule::Paths),
];
