//! Markdown of issues and comments, as GitHub displays it.

mod html;
mod references;
mod scheme;
#[cfg(test)]
mod tests;

use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, TextMergeStream};

use html::RawHtml;
pub(crate) use references::Names;
use scheme::is_permitted;

/// The extensions of Markdown that GitHub has in issues and comments.
const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_GFM);

/// Returns `text`, the Markdown of an issue or a comment, as HTML. `names` are the names to which
/// mentions and references become links.
///
/// A line break is displayed as a line break. Of raw HTML, only the elements and attributes that
/// GitHub permits remain. The result contains no script, no style and no link to a scheme other than
/// `http`, `https` and `mailto`.
pub(crate) fn markdown(text: &str, names: &dyn Names) -> Markup {
    let mut renderer = Renderer { names, links: 0, code: false, raw: RawHtml::default() };
    let mut events = Vec::new();
    let mut block = None;
    for event in TextMergeStream::new(Parser::new_ext(text, OPTIONS)) {
        match event {
            // The lines of an HTML block are one text, because a tag can have several lines.
            Event::Start(Tag::HtmlBlock) => block = Some(String::new()),
            Event::End(TagEnd::HtmlBlock) => {
                let html = renderer.raw.cleaned(&block.take().unwrap_or_default());
                events.push(Event::Html(html.into()));
            }
            Event::Html(html) | Event::Text(html) if block.is_some() => {
                block.get_or_insert_default().push_str(&html);
            }
            event => renderer.event(event, &mut events),
        }
    }
    events.push(Event::Html(renderer.raw.leave().into()));
    let mut page = String::with_capacity(2 * text.len());
    pulldown_cmark::html::push_html(&mut page, events.into_iter());
    PreEscaped(page)
}

/// The state while the events of a document are converted.
struct Renderer<'n> {
    names: &'n dyn Names,
    /// The number of open links. GitHub adds no links in a link.
    links: usize,
    /// Whether a code block is open.
    code: bool,
    raw: RawHtml,
}

impl Renderer<'_> {
    /// Adds the events that display `event` to `events`.
    fn event<'t>(&mut self, event: Event<'t>, events: &mut Vec<Event<'t>>) {
        match &event {
            Event::Start(_) => self.raw.enter(),
            Event::End(_) => {
                let tags = self.raw.leave();
                if !tags.is_empty() {
                    events.push(Event::Html(tags.into()));
                }
            }
            _ => {}
        }
        events.push(match event {
            Event::Text(text) if self.links == 0 && !self.code && !self.raw.is_code() => {
                references::link(&text, self.names, events);
                return;
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                Event::InlineHtml(self.raw.cleaned(&html).into())
            }
            Event::SoftBreak => Event::HardBreak,
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                self.links += 1;
                let dest_url = permitted(dest_url);
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            }
            Event::End(TagEnd::Link) => {
                self.links = self.links.saturating_sub(1);
                Event::End(TagEnd::Link)
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                self.links += 1;
                let dest_url = permitted(dest_url);
                Event::Start(Tag::Image { link_type, dest_url, title, id })
            }
            Event::End(TagEnd::Image) => {
                self.links = self.links.saturating_sub(1);
                Event::End(TagEnd::Image)
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                self.code = true;
                Event::Start(Tag::CodeBlock(kind))
            }
            Event::End(TagEnd::CodeBlock) => {
                self.code = false;
                Event::End(TagEnd::CodeBlock)
            }
            other => other,
        });
    }
}

/// Returns `url` if its scheme is permitted, and otherwise an empty address.
fn permitted(url: CowStr<'_>) -> CowStr<'_> {
    if is_permitted(&url) { url } else { CowStr::Borrowed("") }
}
