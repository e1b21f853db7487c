//! Sanitising of untrusted text before an agent or a person reads it.

#[cfg(feature = "git")]
mod ci_commands;
mod control;
#[cfg(feature = "git")]
mod markdown;
mod output_end;
mod visible;

#[cfg(feature = "git")]
pub use markdown::{displayed_markdown, mentionable_text};

#[cfg(feature = "git")]
pub(crate) use ci_commands::deactivate_ci_commands;

pub use control::without_control_sequences;
pub use output_end::OutputEnd;
use visible::{is_invisible, visible};

/// Maximum size, in bytes, of an issue's description and of each comment in a prompt (spec: X12c).
pub const MAX_TEXT: usize = 64 * 1024;

/// Returns `text` unchanged if it has at most `max` bytes. Otherwise cuts the text and appends the line
/// `[truncated]`, so that the result has at most `max` bytes. The cut is at the end of a line, or
/// between two characters if the last line is longer than half of the result. If `max` is less than 12, a text that is too long becomes `\n[truncated]`, which has 12 bytes.
#[must_use]
pub fn truncate(text: &str, max: usize) -> String {
    const MARK: &str = "\n[truncated]";
    if text.len() <= max {
        return text.to_owned();
    }
    let end =
        (0..=max.saturating_sub(MARK.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let end = text[..end].rfind('\n').filter(|line| *line > end / 2).unwrap_or(end);
    // At the end of a cut text, a character such as a joiner has no effect and is not visible.
    format!("{}{MARK}", text[..end].trim_end_matches(is_invisible))
}

/// Returns `text` as one line of at most `max_chars` characters. Each sequence of white space, line
/// breaks and invisible characters becomes one space. If the line is too long, it is cut and ends
/// with `…`.
///
/// # Examples
///
/// ```
/// use ccc_core::untrusted_text::one_line;
///
/// assert_eq!(one_line("first\nsecond", 100), "first second");
/// ```
#[must_use]
pub fn one_line(text: &str, max_chars: usize) -> String {
    let visible = visible(&without_control_sequences(text), Some(' '));
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max_chars {
        return line;
    }
    let cut: String = line.chars().take(max_chars.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end_matches(is_invisible))
}

/// Returns `text` in a form that prevents notifications and links on a VCS host. The function
/// inserts a zero-width space into each mention (`@a`), issue reference (`#7`, `GH-7`) and URL
/// (`https://…`, `www.…`). The displayed text looks the same.
#[must_use]
pub fn deactivate_references(text: &str) -> String {
    let mut quiet = String::with_capacity(text.len() + 16);
    let before = |at: usize, word: &str| {
        at >= word.len()
            && text.as_bytes()[at - word.len()..at].eq_ignore_ascii_case(word.as_bytes())
    };
    for (at, c) in text.char_indices() {
        quiet.push(c);
        let names = match c {
            '#' | '@' => true,
            '-' => before(at, "gh"),
            '.' => before(at, "www"),
            ':' => text[at..].starts_with("://"),
            _ => false,
        };
        if names {
            quiet.push('\u{200b}');
        }
    }
    quiet
}

/// Escapes untrusted text for Markdown. The result notifies no account, closes no issue, loads no
/// image and hides no text (spec: X13).
///
/// Invisible characters are removed. Characters that format text in Markdown are escaped, so that
/// they are displayed, and so are HTML comments. Mentions, issue references and URLs are made
/// [inactive](deactivate_references).
///
/// # Examples
///
/// ```
/// use ccc_core::untrusted_text::markdown_escape;
///
/// let escaped = markdown_escape("@octocat ![x](https://example.org)");
/// assert!(!escaped.contains("@octocat") && !escaped.contains("!["));
/// ```
#[must_use]
pub fn markdown_escape(text: &str) -> String {
    let visible = deactivate_references(&visible(&without_control_sequences(text), None));
    let mut escaped = String::with_capacity(visible.len() + 16);
    for c in visible.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '!' | '[' | ']' | '`' | '*' | '_' | '~' | '|' | '\\' | '$' | '=' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Returns `text` as a Markdown block quote. The text is [truncated](truncate) to `max` bytes first
/// and [escaped](markdown_escape) afterwards.
#[must_use]
pub fn markdown_quote(text: &str, max: usize) -> String {
    markdown_escape(&truncate(text.trim(), max))
        .lines()
        .map(|line| format!("> {line}").trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns `text` as a Markdown code block in `language`. The fence has more backticks than any
/// sequence of backticks in `text`, so that `text` cannot end the block.
#[must_use]
pub fn markdown_fence(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2);
    let fence = "`".repeat(longest + 1);
    format!("{fence}{language}\n{}\n{fence}", text.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escaped_text_shows_comments_and_has_no_invisible_characters() {
        // spec: X13a
        for (text, expected) in [
            ("a<!-- b -->", "a&lt;\\!-- b --&gt;"),
            ("a\r\nb\rc", "a\nc"),
            ("\u{1b}[31ma\u{1b}[0m", "a"),
            ("\u{202e}abc\u{200b}\u{fe0f}\u{feff}", "abc"),
            ("\u{1f469}\u{200d}\u{1f4bb}\u{200d}", "\u{1f469}\u{200d}\u{1f4bb}"),
            ("a\0b\u{7}", "ab"),
        ] {
            assert_eq!(markdown_escape(text), expected);
        }
    }

    #[test]
    fn mentions_references_and_addresses_are_made_inactive() {
        // spec: X13a
        for (text, expected) in [
            ("fixes #7", "fixes #\u{200b}7"),
            ("@all", "@\u{200b}all"),
            ("closes GH-3, gh-4", "closes GH-\u{200b}3, gh-\u{200b}4"),
            ("www.a.example", "www.\u{200b}a.example"),
            ("https://h/1", "https:\u{200b}//h/1"),
            ("a-b: c.d", "a-b: c.d"),
            ("ä-1", "ä-1"),
        ] {
            assert_eq!(deactivate_references(text), expected);
        }
        assert_eq!(markdown_escape("$x$ ==="), "\\$x\\$ \\=\\=\\=");
    }

    #[test]
    fn a_fence_cannot_be_closed_from_inside() {
        assert_eq!(markdown_fence("diff", "a\n"), "```diff\na\n```");
        assert!(markdown_fence("", "```\n@all").starts_with("````\n"));
    }

    proptest! {
        #[test]
        fn escaped_text_mentions_no_account(text in any::<String>()) {
            let escaped = markdown_escape(&text);
            for (at, _) in escaped.match_indices(['@', '#']) {
                prop_assert_eq!(escaped[at + 1..].chars().next(), Some('\u{200b}'));
            }
            prop_assert!(!escaped.contains('<'));
        }

        #[test]
        fn truncated_text_fits(text in any::<String>(), max in 20_usize..200) {
            prop_assert!(truncate(&text, max).len() <= max.max(text.len().min(max)));
            prop_assert!(one_line(&text, max).chars().count() <= max);
            prop_assert!(!one_line(&text, max).contains(['\n', '\r', '\0']));
        }
    }
}
