//! Parts of requests, with the rules that they break.

use ccc_runner::Rule;
use ccc_runner::Rule::{McpServers, Models, RemoteSources, ServerTools, UnknownFields};

/// The place of a case's text in a request that breaks no other rule.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// A field of the request.
    Field,
    /// One of the tools.
    Tool,
    /// A block in a user message, in a tool result, in a document, or in the system prompt.
    Block,
    Model,
    /// The value of the header `anthropic-beta`.
    Beta,
    /// A field of a message.
    Message,
}
use At::{Beta, Block, Field, Message, Model, Tool};

/// Cases that break exactly one rule, with that rule.
pub(super) const REFUSED: &[(Rule, At, &str)] = &[
    (ServerTools, Tool, r#"{"type":"web_search_20250305","name":"web_search","max_uses":5}"#),
    (ServerTools, Tool, r#"{"name":"web_search","max_uses":5,"type":"web_search_20260209"}"#),
    (ServerTools, Tool, r#"{"type":"web_fetch_20250910","name":"web_fetch"}"#),
    (ServerTools, Tool, r#"{"type":"web_fetch_20260209","name":"web_fetch"}"#),
    (ServerTools, Tool, r#"{"type":"code_execution_20250522","name":"code_execution"}"#),
    (ServerTools, Tool, r#"{"type":"code_execution_20250825","name":"code_execution"}"#),
    (ServerTools, Tool, r#"{"type":"code_execution_20260120","name":"code_execution"}"#),
    (ServerTools, Tool, r#"{"type":"bash_code_execution_20250825","name":"b"}"#),
    (ServerTools, Tool, r#"{"type":"tool_search_tool_regex_20251119","name":"t"}"#),
    (ServerTools, Tool, r#"{"type":"tool_search_tool_bm25_20251119","name":"t"}"#),
    (ServerTools, Tool, r#"{"type":"advisor_20260301","name":"advisor","model":"claude-b"}"#),
    (ServerTools, Tool, r#"{"type":"computer_20250124","name":"computer"}"#),
    (ServerTools, Tool, r#"{"type":"bash_20250124","name":"bash"}"#),
    (ServerTools, Tool, r#"{"type":"text_editor_20250728","name":"str_replace_based_edit_tool"}"#),
    (ServerTools, Tool, r#"{"type":"memory_20250818","name":"memory"}"#),
    (ServerTools, Tool, r#"{"type":"agent_toolset_20260401"}"#),
    (ServerTools, Tool, r#"{"type":"nobody_knows","name":"x"}"#),
    (ServerTools, Tool, r#"{"type":"","name":"x"}"#),
    (ServerTools, Tool, r#"{"type":"Custom","name":"x"}"#),
    (ServerTools, Tool, r#"{"type":"custom ","name":"x"}"#),
    (ServerTools, Tool, r#"{"t\u0079pe":"web\u005fsearch_20250305","name":"x"}"#),
    (
        ServerTools,
        Tool,
        r#"{"name":"x","input_schema":{},"allowed_callers":["code_execution_20250825"]}"#,
    ),
    (
        ServerTools,
        Tool,
        r#"{"name":"x","input_schema":{},"allowed_callers":["direct","code_execution_20260120"]}"#,
    ),
    (
        ServerTools,
        Tool,
        r#"{"name":"Read","input_schema":{}},{"type":"web_search_20250305","name":"w"}"#,
    ),
    (ServerTools, Field, r#""container":"container_01""#),
    (ServerTools, Field, r#""container":{"skills":[{"type":"anthropic","skill_id":"pptx"}]}"#),
    (ServerTools, Field, r#""to\u006fls":[{"type":"web_search_20250305","name":"web_search"}]"#),
    (ServerTools, Field, "\"tools\" \t\r\n:\t[ { \"type\"\n:\"web_search_20250305\" } ] "),
    (ServerTools, Beta, "code-execution-2025-05-22"),
    (ServerTools, Beta, "effort-2025-11-24,code-execution-2025-08-25"),
    (ServerTools, Beta, "skills-2025-10-02"),
    (ServerTools, Beta, "web-fetch-2025-09-10"),
    (McpServers, Tool, r#"{"type":"mcp_toolset","mcp_server_name":"x"}"#),
    (
        McpServers,
        Field,
        r#""mcp_servers":[{"type":"url","url":"https://evil.example/sse","name":"x"}]"#,
    ),
    (McpServers, Field, r#""mcp_servers":[]"#),
    (McpServers, Field, r#""mcp_\u0073ervers":[{"type":"url","url":"https://evil.example/sse"}]"#),
    (McpServers, Beta, "mcp-client-2025-04-04"),
    (McpServers, Beta, "mcp-client-2025-11-20"),
    (McpServers, Beta, "effort-2025-11-24,\t mcp-client-2025-11-20 ,x"),
    (McpServers, Beta, "MCP-Client-2025-11-20"),
    (McpServers, Beta, "effort-2025-11-24\r\nanthropic-beta: mcp-client-2025-11-20"),
    (
        McpServers,
        Beta,
        "effort-2025-11-24\r\nAnthropic-Beta: x\r\nANTHROPIC-BETA:mcp-client-2025-11-20",
    ),
    (McpServers, Beta, "mcp-client-2025-11-20,\u{ff}"),
    (McpServers, Beta, "x mcp-client-2025-11-20"),
    (McpServers, Beta, "mcp-servers-2025-12-04"),
    (McpServers, Beta, "mcp-tunnels-2026-06-22"),
    (
        RemoteSources,
        Block,
        r#"{"type":"image","source":{"type":"url","url":"https://evil.example/?q=secret"}}"#,
    ),
    (
        RemoteSources,
        Block,
        r#"{"source":{"url":"https://evil.example/","type":"url"},"type":"image"}"#,
    ),
    (RemoteSources, Block, r#"{"type":"image","source":{"type":"file","file_id":"file_01"}}"#),
    (
        RemoteSources,
        Block,
        r#"{"type":"document","source":{"type":"url","url":"https://evil.example/a.pdf"}}"#,
    ),
    (RemoteSources, Block, r#"{"type":"document","source":{"type":"file","file_id":"file_01"}}"#),
    (RemoteSources, Block, r#"{"type":"document","source":{"url":"https://evil.example/a.pdf"}}"#),
    (RemoteSources, Block, r#"{"type":"document","source":{"type":"s3","uri":"s3://x/y"}}"#),
    (RemoteSources, Block, r#"{"type":"image","source":"https://evil.example/a.png"}"#),
    (
        RemoteSources,
        Block,
        r#"{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url","url":"https://e"}}]}}"#,
    ),
    (
        RemoteSources,
        Block,
        r#"{"type":"document","source":{"type":"content","content":{"type":"image","source":{"type":"url","url":"https://e"}}}}"#,
    ),
    (
        RemoteSources,
        Block,
        r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"},{"type":"image","source":{"type":"url","url":"https://e"}}]}"#,
    ),
    (
        RemoteSources,
        Block,
        r#"{"type":"search_result","source":"here","title":"t","content":[{"type":"image","source":{"type":"url","url":"https://e"}}]}"#,
    ),
    (
        RemoteSources,
        Block,
        r#"{"type":"imag\u0065","\u0073ource":{"type":"u\u0072l","url":"https://e"}}"#,
    ),
    (RemoteSources, Beta, "files-api-2025-04-14"),
    (UnknownFields, Block, r#"{"type":"container_upload","file_id":"file_01"}"#),
    (UnknownFields, Block, r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#),
    (UnknownFields, Block, r#"{"type":"web_search_tool_result","tool_use_id":"s","content":[]}"#),
    (
        UnknownFields,
        Block,
        r#"{"type":"mcp_tool_use","id":"m","name":"x","server_name":"y","input":{}}"#,
    ),
    (UnknownFields, Block, r#"{"type":"tool_addition","tool":{"type":"web_search_20250305"}}"#),
    (UnknownFields, Block, r#"{"type":"compaction","content":"x"}"#),
    (UnknownFields, Block, r#"{"type":"nobody_knows"}"#),
    (UnknownFields, Block, r#"{"text":"no type"}"#),
    (
        UnknownFields,
        Block,
        r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"container_upload","file_id":"f"}]}"#,
    ),
    (UnknownFields, Message, r#""tools":[{"type":"web_search_20250305"}]"#),
    (UnknownFields, Message, r#""model":"claude-b""#),
    (UnknownFields, Field, r#""speed":"fast""#),
    (UnknownFields, Field, r#""service_tier":"auto""#),
    (UnknownFields, Field, r#""inference_geo":"us""#),
    (UnknownFields, Field, r#""fallbacks":[{"model":"claude-b"}]"#),
    (UnknownFields, Field, r#""betas":["mcp-client-2025-11-20"]"#),
    (UnknownFields, Field, r#""anthropic_beta":["mcp-client-2025-11-20"]"#),
    (UnknownFields, Field, r#""prompt":"x""#),
    (UnknownFields, Field, r#""Tools":[{"type":"web_search_20250305"}]"#),
    (UnknownFields, Field, r#""MCP_SERVERS":[]"#),
    (UnknownFields, Field, r#""tools\u0000":[{"type":"web_search_20250305"}]"#),
    (UnknownFields, Field, r#""":1"#),
    (UnknownFields, Field, r#""speed":"fast","temperature":1"#),
    (UnknownFields, Beta, "compact-2026-01-12"),
    (Models, Model, "gpt-5"),
    (Models, Model, "Claude-a"),
    (Models, Model, " claude-a"),
    (Models, Model, "x/claude-a"),
    (Models, Model, "claude"),
    (Models, Model, ""),
    (Models, Model, r"\u0067pt-5"),
];

/// Cases that break no rule.
pub(super) const ALLOWED: &[(At, &str)] = &[
    (Message, r#""output_config":{"effort":"high"}"#),
    (Beta, "per-turn-control-2026-07-01"),
    (
        Tool,
        r#"{"name":"Read","description":"x","input_schema":{"type":"object","properties":{"type":{"type":"string"}}},"cache_control":{"type":"ephemeral"},"defer_loading":true}"#,
    ),
    (Tool, r#"{"type":"custom","name":"Read","input_schema":{},"allowed_callers":["direct"]}"#),
    (Tool, r#"{"type":null,"name":"Read","input_schema":{}}"#),
    (
        Field,
        r#""system":"words","metadata":{"user_id":"u"},"temperature":1,"stop_sequences":["x"]"#,
    ),
    (
        Field,
        r#""system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"1h"}}]"#,
    ),
    (
        Field,
        r#""thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"high"},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}"#,
    ),
    (Field, r#""tool_choice":{"type":"auto"},"top_p":1,"top_k":1,"tools":[],"stream":false"#),
    (Field, r#""metadata":{"tools":[{"type":"web_search_20250305"}],"mcp_servers":[]}"#),
    (Block, r#"{"type":"text","text":"{\"tools\":[{\"type\":\"web_search_20250305\"}]}"}"#),
    (Block, r#"{"type":"text","text":"half a pair: \ud83d"}"#),
    (
        Block,
        r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}"#,
    ),
    (
        Block,
        r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"aGk="}}"#,
    ),
    (
        Block,
        r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hi"}}"#,
    ),
    (Block, r#"{"type":"document","source":{"type":"content","content":"hi"}}"#),
    (
        Block,
        r#"{"type":"document","source":{"type":"content","content":[{"type":"text","text":"hi"}]}}"#,
    ),
    (
        Block,
        r#"{"type":"thinking","thinking":"x","signature":"y"},{"type":"redacted_thinking","data":"z"}"#,
    ),
    (
        Block,
        r#"{"type":"tool_use","id":"t","name":"Bash","input":{"type":"web_search_20250305","source":{"type":"url"}}}"#,
    ),
    (Block, r#"{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"x"}"#),
    (Block, r#"{"type":"tool_result","tool_use_id":"t"}"#),
    (
        Block,
        r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},{"type":"tool_reference","tool_name":"Read"}]}"#,
    ),
    (
        Block,
        r#"{"type":"search_result","source":"https://a.example/","title":"t","content":[{"type":"text","text":"x"}]}"#,
    ),
    (
        Beta,
        "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,prompt-caching-scope-2026-01-05,mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,effort-2025-11-24,structured-outputs-2025-12-15",
    ),
    (Model, "claude-opus-4-8"),
    (Model, r"\u0063laude-a"),
];
