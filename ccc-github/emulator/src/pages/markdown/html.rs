//! The raw HTML in Markdown that GitHub permits.

use std::fmt::Write as _;

use super::scheme::is_permitted;

/// The elements that GitHub permits in user content
/// (<https://github.com/gjtorikian/html-pipeline/blob/main/lib/html_pipeline/sanitization_filter.rb>).
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "b",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "ul",
    "var",
    "wbr",
];

/// The permitted elements without contents and end tags.
const VOID: &[&str] = &["br", "hr", "img", "wbr"];

/// The permitted attributes.
const ATTRIBUTES: &[&str] = &[
    "align", "alt", "colspan", "dir", "height", "href", "lang", "open", "reversed", "rowspan",
    "src", "start", "title", "valign", "width",
];

/// The elements that GitHub displays as text
/// (<https://github.github.com/gfm/#disallowed-raw-html-extension->). Other elements that are not
/// permitted disappear, and their contents stay.
const SHOWN: &[&str] =
    &["title", "textarea", "style", "xmp", "iframe", "noembed", "noframes", "script", "plaintext"];

/// The state of raw HTML in a document: the elements that are open.
#[derive(Debug, Default)]
pub(super) struct RawHtml {
    /// The names of the open elements. `None` is the start of an element of Markdown.
    open: Vec<Option<String>>,
}

impl RawHtml {
    /// Returns whether an element is open in which GitHub adds no links.
    pub(super) fn is_code(&self) -> bool {
        self.open.iter().flatten().any(|name| ["a", "code", "pre", "tt"].contains(&name.as_str()))
    }

    /// Begins an element of Markdown. End tags in it end no element around it.
    pub(super) fn enter(&mut self) {
        self.open.push(None);
    }

    /// Ends an element of Markdown, or the document. Returns the end tags of the elements of raw HTML
    /// that are open in it, so that the rest of the page is not part of them.
    pub(super) fn leave(&mut self) -> String {
        let mut tags = String::new();
        while let Some(Some(name)) = self.open.pop() {
            let _ = write!(tags, "</{name}>");
        }
        tags
    }

    /// Returns the permitted parts of `html`. The result is written from the parsed parts, so that
    /// it contains nothing that a browser could read in another way.
    pub(super) fn cleaned(&mut self, html: &str) -> String {
        let mut cleaned = String::with_capacity(html.len());
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            escape(&rest[..at], &mut cleaned);
            rest = &rest[at..];
            let length = match hidden(rest) {
                Some(length) => length,
                None => self.tag(rest, &mut cleaned),
            };
            rest = &rest[length..];
        }
        escape(rest, &mut cleaned);
        cleaned
    }

    /// Writes the tag at the start of `text`, or the character `<` if there is no tag. Returns the
    /// length of the part of `text` that was read.
    fn tag(&mut self, text: &str, cleaned: &mut String) -> usize {
        let Some(tag) = Tag::parse(text) else {
            cleaned.push_str("&lt;");
            return 1;
        };
        if SHOWN.contains(&tag.name.as_str()) {
            cleaned.push_str("&lt;");
            return 1;
        }
        if !ELEMENTS.contains(&tag.name.as_str()) {
            return tag.length;
        }
        if tag.end {
            // The elements that were opened after this one end with it.
            let open = self.open.iter().rev().take_while(|name| name.is_some());
            let inner = open.flatten().position(|name| *name == tag.name);
            for _ in 0..inner.map_or(0, |inner| inner + 1) {
                if let Some(Some(name)) = self.open.pop() {
                    let _ = write!(cleaned, "</{name}>");
                }
            }
            return tag.length;
        }
        let _ = write!(cleaned, "<{}", tag.name);
        for (name, value) in &tag.attributes {
            let is_address = matches!(name.as_str(), "href" | "src");
            if ATTRIBUTES.contains(&name.as_str()) && (!is_address || is_permitted(value)) {
                let _ = write!(cleaned, " {name}=\"");
                escape(value, cleaned);
                cleaned.push('"');
            }
        }
        cleaned.push('>');
        if !VOID.contains(&tag.name.as_str()) {
            self.open.push(Some(tag.name));
        }
        tag.length
    }
}

/// Returns the length of the comment, declaration or processing instruction at the start of `text`.
fn hidden(text: &str) -> Option<usize> {
    let ends = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
    let (start, end) = ends.into_iter().find(|(start, _)| text.starts_with(start))?;
    let rest = &text[start.len()..];
    // Without an end, nothing after the start is displayed.
    Some(rest.find(end).map_or(text.len(), |at| start.len() + at + end.len()))
}

/// A start tag or an end tag.
struct Tag {
    name: String,
    end: bool,
    attributes: Vec<(String, String)>,
    length: usize,
}

impl Tag {
    /// Parses the tag at the start of `text`. Returns `None` if there is no complete tag.
    fn parse(text: &str) -> Option<Self> {
        let end = text.starts_with("</");
        let mut rest = &text[1 + usize::from(end)..];
        let name = take(&mut rest, |c| c.is_ascii_alphanumeric() || c == '-');
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let mut attributes = Vec::new();
        loop {
            take(&mut rest, |c| c.is_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                let length = text.len() - after.len();
                return Some(Self { name: name.to_ascii_lowercase(), end, attributes, length });
            }
            let key = take(&mut rest, |c| !c.is_whitespace() && !"/>=\"'<".contains(c));
            if key.is_empty() {
                return None;
            }
            let mut after = rest.trim_start();
            let mut value = "";
            if let Some(assigned) = after.strip_prefix('=') {
                after = assigned.trim_start();
                let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
                value = match quote {
                    Some(quote) => {
                        let (value, remaining) = after[1..].split_once(quote)?;
                        after = remaining;
                        value
                    }
                    None => take(&mut after, |c| !c.is_whitespace() && !"\"'=<>`".contains(c)),
                };
                rest = after;
            }
            attributes.push((key.to_ascii_lowercase(), value.to_owned()));
        }
    }
}

/// Removes the characters at the start of `rest` for which `is_part` is true, and returns them.
fn take<'t>(rest: &mut &'t str, is_part: impl Fn(char) -> bool) -> &'t str {
    let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let (taken, remaining) = rest.split_at(end);
    *rest = remaining;
    taken
}

/// Writes `text` with escapes for characters that have a meaning in HTML. Entities in `text` stay.
fn escape(text: &str, to: &mut String) {
    for c in text.chars() {
        match c {
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            c => to.push(c),
        }
    }
}
