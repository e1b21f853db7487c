//! The targets of links and images.

use super::mark::TARGET;

/// Maximum length, in bytes, of the target of a link.
const MAX_TARGET: usize = 2_048;

/// Returns whether `url` is an address on the web, a mail address or a relative address, without
/// characters that an address does not contain. Any other target, such as `data:` or a sentence,
/// can contain text that a page does not show.
pub(super) fn is_ordinary(url: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"'<>`\\{}|^".contains(c);
    if url.len() > MAX_TARGET
        || url.contains(odd)
        || url.chars().any(crate::untrusted_text::visible::is_invisible)
    {
        return false;
    }
    let first = url.split(['/', '?', '#']).next().unwrap_or_default();
    let known = ["http:", "https:", "mailto:"];
    let starts = |scheme: &&str| {
        first.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    known.iter().any(starts) || !first.contains([':', '&'])
}

/// Returns `url` as the target of a link in Markdown, or a mark if `url` is not
/// [ordinary](is_ordinary).
pub(super) fn target(url: &str) -> String {
    if !is_ordinary(url) {
        return TARGET.to_owned();
    }
    if url.is_empty() {
        return "<>".to_owned();
    }
    let mut target = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '(' => target.push_str("%28"),
            ')' => target.push_str("%29"),
            '&' => target.push_str("&amp;"),
            _ => target.push(c),
        }
    }
    target
}
