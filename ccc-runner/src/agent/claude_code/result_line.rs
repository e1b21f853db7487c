//! The result line of Claude Code's output: verdict, cost and permission denials. If a result line
//! was read, the exit status of Claude Code is not used, because it adds no information. The exit
//! status is 0 even if every tool use was denied. If it is 1, the result line already states the
//! reason of the failure.

use ccc_core::ErrorKind;
use ccc_core::agent::{AgentReport, ModelUsage, Verdict};
use ccc_core::untrusted_text::{one_line, truncate};
use serde_json::Value;

/// Maximum length of the agent's final message, in bytes.
const MAX_SUMMARY: usize = 64 << 10;
/// Maximum number of denied tool uses in a report. It is also the maximum number of models whose
/// usage is reported.
const MAX_LISTED: usize = 100;

pub(crate) fn report(line: &Value, session: Option<String>) -> AgentReport {
    let words = truncate(line["result"].as_str().unwrap_or_default().trim(), MAX_SUMMARY);
    let mut report = AgentReport::new(verdict(line, &words), words);
    report.usage = usage(&line["modelUsage"]);
    report.micro_usd = micro_usd(&line["total_cost_usd"]);
    report.denials = denials(&line["permission_denials"]);
    report.session = session;
    report
}

fn verdict(line: &Value, words: &str) -> Verdict {
    let is_error = line["is_error"].as_bool().unwrap_or(false);
    let subtype = line["subtype"].as_str().unwrap_or("");
    let limited = |what: &str| Verdict::Limited { reason: what.to_owned() };
    match (subtype, line["terminal_reason"].as_str().unwrap_or("")) {
        ("success", "" | "completed") if !is_error => Verdict::Completed,
        ("error_max_turns", _) | (_, "max_turns") => limited("the run reached its turn limit"),
        ("error_max_budget_usd", _) | (_, "budget_exhausted") => {
            limited("the run reached its spending limit")
        }
        (_, "prompt_too_long" | "blocking_limit") => {
            limited("the context window of the model is full")
        }
        // A success with any other terminal reason counts as completed, for example if a hook
        // stopped the run.
        ("success", _) if !is_error => Verdict::Completed,
        (subtype, terminal) => failed(line, subtype, terminal, words),
    }
}

fn failed(line: &Value, subtype: &str, terminal: &str, words: &str) -> Verdict {
    let status = line["api_error_status"].as_u64();
    let kind = match status {
        Some(401) => ErrorKind::Unauthenticated,
        Some(402) => ErrorKind::LimitExceeded,
        Some(403) => ErrorKind::PermissionDenied,
        Some(429) => ErrorKind::RateLimited,
        Some(500..=599) => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    };
    let errors = line["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let said = errors.chain(Some(words)).find(|said| !said.is_empty());
    let mut reason = match (subtype, said) {
        ("" | "success", Some(said)) => one_line(said, 500),
        ("" | "success", None) => "Claude Code reported a failure without a reason".to_owned(),
        (subtype, Some(said)) => format!("{}: {}", one_line(subtype, 60), one_line(said, 500)),
        (subtype, None) => one_line(subtype, 60),
    };
    let start = line["startup_failure_reason"].as_str();
    if let Some(why) = start.or(Some(terminal).filter(|why| !why.is_empty())) {
        reason.push_str(&format!(" ({})", one_line(why, 60)));
    }
    Verdict::Failed { kind, reason }
}

/// Converts US dollars to millionths of a US dollar. Returns `None` if `dollars` is not a number,
/// is negative, or is a billion or more.
fn micro_usd(dollars: &Value) -> Option<u64> {
    let micro = dollars.as_f64().filter(|dollars| (0.0..1e9).contains(dollars))? * 1e6;
    Some(micro.round() as u64)
}

fn usage(models: &Value) -> Vec<ModelUsage> {
    let all = models.as_object().into_iter().flatten().take(MAX_LISTED);
    all.map(|(model, used)| {
        let tokens = |field: &str| used[field].as_u64().unwrap_or(0);
        ModelUsage {
            model: one_line(model, 100),
            input_tokens: tokens("inputTokens"),
            output_tokens: tokens("outputTokens"),
            cache_read_tokens: tokens("cacheReadInputTokens"),
            cache_write_tokens: tokens("cacheCreationInputTokens"),
            micro_usd: micro_usd(&used["costUSD"]),
        }
    })
    .collect()
}

/// Converts the denied tool uses to the permission rules that would allow them, such as
/// `Bash(make)`. Each rule occurs once.
fn denials(denied: &Value) -> Vec<String> {
    let mut listed: Vec<String> = Vec::new();
    for denial in denied.as_array().into_iter().flatten() {
        let tool = one_line(denial["tool_name"].as_str().unwrap_or("a tool"), 100);
        let rule = match denial["tool_input"]["command"].as_str() {
            Some(command) => format!("{tool}({})", one_line(command, 200)),
            None => tool,
        };
        if listed.len() < MAX_LISTED && !listed.contains(&rule) {
            listed.push(rule);
        }
    }
    listed
}
