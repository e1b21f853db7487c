//! Beta features of the model's API that the header `anthropic-beta` enables.

use crate::model::proxy::rule::Rule;

/// Pairs of a text and a rule. The rule forbids every beta feature whose name contains the text.
const FORBIDDEN: &[(&str, Rule)] = &[
    ("mcp-client-", Rule::McpServers),
    ("mcp-servers-", Rule::McpServers),
    ("mcp-tunnels-", Rule::McpServers),
    ("code-execution-", Rule::ServerTools),
    ("skills-", Rule::ServerTools),
    ("web-fetch-", Rule::ServerTools),
    ("files-api-", Rule::RemoteSources),
    // The sums of `usage` do not include the output of a compaction, so its cost would not be
    // counted.
    ("compact-", Rule::UnknownFields),
];

/// The beta features that are forwarded, without the dates at the ends of their names. None of them
/// changes the price of a token, or sends data to another service.
///
/// Features that change the price are missing: `context-1m` (input of more than 200,000 tokens costs
/// twice as much with some models) and `fast-mode` (several times as much).
const FORWARDED: &[&str] = &[
    "adaptive-thinking",
    "advanced-tool-use",
    "claude-code",
    "context-management",
    "dev-full-thinking",
    "effort",
    "extended-cache-ttl",
    "fine-grained-tool-streaming",
    "interleaved-thinking",
    "oauth",
    "output-128k",
    "pdfs",
    "prompt-caching",
    "prompt-caching-scope",
    "redact-thinking",
    "structured-outputs",
    "task-budgets",
    "token-counting",
    "token-efficient-tools",
    "tool-examples",
    "tool-search-tool",
];

/// Returns the first forbidden feature in `betas`, a list of names that commas separate, for which
/// `holds` returns `true`, and the rule that forbids it.
pub(super) fn forbidden(betas: &str, holds: impl Fn(Rule) -> bool) -> Option<(&str, Rule)> {
    betas.split(',').find_map(|beta| {
        let mut rules = FORBIDDEN.iter().filter(|(text, _)| beta.contains(text));
        rules.find(|(_, rule)| holds(*rule)).map(|(_, rule)| (beta, *rule))
    })
}

/// Returns the features in `betas` that are forwarded, separated by commas, or `None` if there are
/// none. An agent names some features in each request, whether the request uses them or not. A
/// feature that is not forwarded has no effect, so such a request is not refused (spec: X3d).
pub(super) fn forwarded(betas: &str) -> Option<String> {
    let names: Vec<&str> = betas.split(',').map(str::trim_ascii).filter(is_forwarded).collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// Returns whether `name` is a known name, followed by a hyphen and a date.
fn is_forwarded(name: &&str) -> bool {
    FORWARDED.iter().any(|known| {
        let date = name.strip_prefix(known).and_then(|rest| rest.strip_prefix('-'));
        date.is_some_and(|date| {
            let digits = date.bytes().filter(u8::is_ascii_digit).count();
            digits == 8 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_features_that_do_not_change_a_price_are_forwarded() {
        // spec: X3d
        for (betas, expected) in [
            ("", ""),
            ("effort-2025-11-24", "effort-2025-11-24"),
            ("claude-code-20250219, oauth-2025-04-20", "claude-code-20250219,oauth-2025-04-20"),
            // Long contexts, fast responses, and tools that cost money for each use.
            ("context-1m-2025-08-07", ""),
            ("effort-2025-11-24,context-1m-2025-08-07", "effort-2025-11-24"),
            ("fast-mode-2026-02-01,\teffort-2025-11-24 ", "effort-2025-11-24"),
            ("advisor-tool-2026-03-01,web-search-2025-03-05", ""),
            ("priority-tier-2026-01-01,a-later-one-2027-01-01", ""),
            // Names that only begin or end like a known name.
            ("effort", ""),
            ("effort-", ""),
            ("effort-2025-11-24-context-1m", ""),
            ("effort-2025-11-24;context-1m-2025-08-07", ""),
            ("effort-2025-11-24 context-1m-2025-08-07", ""),
            ("effort-1m-2025-11-24", ""),
            ("effort-2025-11-245", ""),
            ("no-effort-2025-11-24", ""),
            ("\"effort-2025-11-24\"", ""),
            (",,effort-2025-11-24,,", "effort-2025-11-24"),
        ] {
            assert_eq!(forwarded(betas).unwrap_or_default(), expected, "{betas}");
        }
        for known in FORWARDED {
            let beta = format!("{known}-2025-01-01");
            assert!(forbidden(&beta, |_| true).is_none(), "{beta}");
        }
    }
}
