//! Ways out over the model's API: the one thing that a container reaches.

use ccc_runner::Rule;

use super::probe::{Change, Harm, Probe, Wall, Weak};
use super::weak::HOST_NETWORK;

/// The proxy refuses it for this rule, which the other proxy lacks.
const fn refused(name: &'static str, script: &'static str, rule: Rule) -> Probe {
    let (weak, wall) = match rule {
        Rule::Paths => (
            "a proxy without the rule `paths`",
            Wall { text: "refused: not for agents", says: &["is not for agents"] },
        ),
        Rule::ServerTools => (
            "a proxy without the rule `server_tools`",
            Wall { text: "refused: server_tools", says: &["not allowed (server_tools)"] },
        ),
        Rule::McpServers => (
            "a proxy without the rule `mcp_servers`",
            Wall { text: "refused: mcp_servers", says: &["not allowed (mcp_servers)"] },
        ),
        Rule::RemoteSources => (
            "a proxy without the rule `remote_sources`",
            Wall { text: "refused: remote_sources", says: &["not allowed (remote_sources)"] },
        ),
        Rule::Models => (
            "a proxy without the rule `models`",
            Wall { text: "refused: models", says: &["not allowed (models)"] },
        ),
        _ => (
            "a proxy without the rule `unknown_fields`",
            Wall { text: "refused: unknown_fields", says: &["not allowed (unknown_fields)"] },
        ),
    };
    let weak = Weak { text: weak, change: Change::ModelProxy(rule) };
    Probe { name, script, harm: Harm::Asks, weak, wall }
}

pub(crate) const PROBES: &[Probe] = &[
    Probe {
        name: "the model's API sends elsewhere",
        script: "ask 'POST /v1/messages' '' $'x-app: elsewhere\\r\\n'",
        harm: Harm::Reaches,
        weak: HOST_NETWORK,
        wall: Wall { text: "nobody follows", says: &["HTTP/1.1 502 "] },
    },
    refused(
        "the model's API searches the web",
        r#"ask 'POST /v1/messages' ',"tools":[{"type":"web_search_20250305","name":"web_search"}]'"#,
        Rule::ServerTools,
    ),
    refused(
        "the model's API fetches a page",
        r#"ask 'POST /v1/messages' ',"tools":[{"type":"web_fetch_20250910","name":"web_fetch"}]'"#,
        Rule::ServerTools,
    ),
    refused(
        "the model's API runs code",
        r#"ask 'POST /v1/messages' ',"tools":[{"type":"code_execution_20250825","name":"code_execution"}]'"#,
        Rule::ServerTools,
    ),
    refused(
        "the model's API talks to an MCP server",
        r#"ask 'POST /v1/messages' ',"mcp_servers":[{"type":"url","name":"x","url":"https://x.invalid/"}]'"#,
        Rule::McpServers,
    ),
    refused(
        "the model's API fetches a picture",
        r#"ask 'POST /v1/messages' ',"system":[{"type":"image","source":{"type":"url","url":"https://x.invalid/"}}]'"#,
        Rule::RemoteSources,
    ),
    refused(
        "the model's API does what we do not know yet",
        r#"ask 'POST /v1/messages' ',"callback":"https://x.invalid/"'"#,
        Rule::UnknownFields,
    ),
    refused("the model's batches", "ask 'POST /v1/messages/batches'", Rule::Paths),
    refused("the model's files", "ask 'POST /v1/files'", Rule::Paths),
];
