//! The reader of Markdown, and the functions that make text safe for Markdown, lines and
//! terminals.

use ccc_core::untrusted_text::{
    displayed_markdown, markdown_escape, markdown_fence, markdown_quote, mentionable_text,
    one_line, truncate, without_control_sequences,
};
use pulldown_cmark::{Event, Options, Parser, Tag};

/// Characters that no result contains in any place.
const HOSTILE: [char; 22] = [
    '\0',
    '\u{7}',
    '\u{8}',
    '\u{1b}',
    '\r',
    '\u{7f}',
    '\u{85}',
    '\u{9b}',
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{180e}',
    '\u{200b}',
    '\u{200e}',
    '\u{200f}',
    '\u{202e}',
    '\u{2060}',
    '\u{2066}',
    '\u{3164}',
    '\u{feff}',
    '\u{e0001}',
    '\u{1d173}',
];

/// The extensions of Markdown that GitHub has.
const PUBLISHED: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_MATH)
    .union(Options::ENABLE_GFM);

/// Checks the properties of each function for one text, which is the input.
pub(crate) fn run(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    reader(text);
    published(text);
    lines(text);
}

/// Checks that the reader's result is a fixed point, contains no hostile character, and is not much
/// longer than the text.
fn reader(text: &str) {
    let displayed = displayed_markdown(text, usize::MAX);
    assert_eq!(displayed_markdown(&displayed, usize::MAX), displayed);
    assert!(!displayed.contains(HOSTILE), "{displayed:?}");
    // The longest mark replaces a few characters.
    assert!(displayed.len() <= 16 * text.len() + 100, "{} bytes", displayed.len());
    let short = displayed_markdown(text, 100);
    assert!(short.len() <= 100 && (displayed.len() > 100 || short == displayed));
    let mentionable = mentionable_text(text);
    assert!(mentionable.len() <= displayed.len() * 2 + 2, "{mentionable:?}");
    // A reader sees each word in which a mention is found. The word can contain the character that an
    // entity such as `&#115;` stands for.
    let mentions = mentionable.split_whitespace().filter(|word| word.starts_with('@'));
    for word in mentions.filter(|_| !displayed.contains('&')) {
        let name = word.trim_start_matches('@');
        let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        assert!(displayed.contains(name), "{word:?} in {displayed:?}");
    }
}

/// Checks that published text has no links, images, HTML or mentions, and cannot leave its block.
fn published(text: &str) {
    for escaped in [markdown_escape(text), markdown_quote(text, 1_000)] {
        assert!(!escaped.contains('<'));
        for (at, sign) in escaped.match_indices(['@', '#']) {
            assert!(escaped[at + sign.len()..].starts_with('\u{200b}'), "{escaped:?}");
        }
        assert!(escaped.len() <= 6 * text.len() + 100);
        for event in Parser::new_ext(&escaped, PUBLISHED) {
            let is_active = matches!(
                event,
                Event::Html(_)
                    | Event::InlineHtml(_)
                    | Event::FootnoteReference(_)
                    | Event::InlineMath(_)
                    | Event::DisplayMath(_)
                    | Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Strikethrough)
            );
            assert!(!is_active, "{event:?} in {escaped:?}");
        }
    }
    let fence = markdown_fence("text", text);
    let mut depth = 0;
    let mut blocks = 0;
    for event in Parser::new_ext(&fence, Options::empty()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => {
                depth += 1;
                blocks += 1;
            }
            Event::End(_) => depth -= 1,
            Event::Text(_) => assert_eq!(depth, 1, "{fence:?}"),
            event => panic!("{event:?} in {fence:?}"),
        }
    }
    assert_eq!(blocks, 1, "{fence:?}");
}

/// Checks that lines are short, and that terminals display only text.
fn lines(text: &str) {
    let plain = without_control_sequences(text);
    assert!(plain.len() <= text.len() && !plain.contains(['\u{1b}', '\r', '\u{9b}', '\u{9d}']));
    assert_eq!(without_control_sequences(&plain), plain);
    let line = one_line(text, 80);
    assert!(line.chars().count() <= 80 && !line.contains(char::is_control), "{line:?}");
    assert_eq!(one_line(&line, 80), line);
    let cut = truncate(text, 50);
    assert!(cut.len() <= 50 && (cut == text || cut.ends_with("\n[truncated]")));
}
