//! The parts of a Markdown text in which a mention notifies an account.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::document::OPTIONS;

/// HTML elements in which a mention notifies no account.
const QUIET: [&str; 7] = ["a", "code", "pre", "tt", "style", "script", "textarea"];

/// Returns the parts of `text` in which a VCS host finds mentions. A VCS host finds none in code,
/// in links and addresses, in the titles and texts of images, and in markup. A quote also counts as a
/// part without mentions, because it only repeats an earlier text (spec: X20d).
///
/// # Examples
///
/// ```
/// use ccc_core::untrusted_text::mentionable_text;
///
/// assert!(mentionable_text("**@octocat**, fix it").contains("@octocat"));
/// assert!(!mentionable_text("[x](@octocat) `@octocat`").contains("@octocat"));
/// ```
#[must_use]
pub fn mentionable_text(text: &str) -> String {
    let text = super::displayed(text);
    let mut found = Found::default();
    for event in Parser::new_ext(&text, OPTIONS) {
        match event {
            Event::Start(
                Tag::Link { .. } | Tag::Image { .. } | Tag::CodeBlock(_) | Tag::BlockQuote(_),
            ) => {
                found.quiet += 1;
                found.separate();
            }
            Event::End(
                TagEnd::Link | TagEnd::Image | TagEnd::CodeBlock | TagEnd::BlockQuote(_),
            ) => {
                found.quiet = found.quiet.saturating_sub(1);
            }
            Event::Text(text) => found.push(&text),
            Event::Html(html) | Event::InlineHtml(html) => found.html(&html),
            // Text in different elements is never part of one mention.
            _ => found.separate(),
        }
    }
    without_addresses(&found.text)
}

#[derive(Default)]
struct Found {
    text: String,
    /// The number of open elements of Markdown in which a mention notifies no account.
    quiet: usize,
    /// The same number for elements of HTML.
    quiet_html: usize,
}

impl Found {
    fn push(&mut self, text: &str) {
        if self.quiet == 0 && self.quiet_html == 0 {
            self.text.push_str(text);
        }
    }

    fn separate(&mut self) {
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Adds the text between the tags of `html`.
    fn html(&mut self, html: &str) {
        let mut rest = html;
        while let Some(start) = rest.find('<') {
            self.push(&rest[..start]);
            self.separate();
            let Some(end) = rest[start..].find('>') else { return };
            self.tag(&rest[start + 1..start + end]);
            rest = &rest[start + end + 1..];
        }
        self.push(rest);
    }

    /// Counts the open elements. `tag` is the text of a tag without `<` and `>`.
    fn tag(&mut self, tag: &str) {
        let is_end = tag.starts_with('/');
        let name = tag.trim_start_matches('/');
        let name = name.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        if QUIET.contains(&name.to_ascii_lowercase().as_str()) && !tag.ends_with('/') {
            self.quiet_html =
                if is_end { self.quiet_html.saturating_sub(1) } else { self.quiet_html + 1 };
        }
    }
}

/// Returns `text` without the addresses that a VCS host displays as links.
fn without_addresses(text: &str) -> String {
    const STARTS: [&str; 4] = ["http://", "https://", "ftp://", "www."];
    let is_address = |word: &str| {
        let word = word.to_ascii_lowercase();
        STARTS.iter().filter_map(|start| word.find(start)).min()
    };
    let mut kept = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        match is_address(word) {
            Some(at) => {
                kept.push_str(&word[..at]);
                kept.push(' ');
            }
            None => kept.push_str(word),
        }
    }
    kept
}
