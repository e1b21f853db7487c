//! The constructs of a Markdown document that can contain hidden text, with their positions.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag};

use super::labels::label_end;

/// A link or an image.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) image: bool,
    pub(super) form: LinkForm,
    pub(super) range: Range<usize>,
    /// The position of the `]` after the link's text.
    pub(super) text_end: usize,
}

/// The form of a link's target.
#[derive(Debug)]
pub(super) enum LinkForm {
    /// The target is beside the text: `[text](url "title")`.
    Inline { url: String, title: String },
    /// A label is beside the text: `[text][label]`. `definition` is the position of the definition
    /// of this label.
    Full { definition: usize },
    /// The text is the label: `[label]` or `[label][]`.
    Label { definition: usize },
}

/// The definition of a link's label: `[label]: url "title"`.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) range: Range<usize>,
    pub(super) label: String,
    pub(super) url: String,
    pub(super) title: Option<String>,
}

/// A footnote, or a reference to a footnote.
#[derive(Debug)]
pub(super) struct Footnote {
    pub(super) label: String,
    /// The range of `[^label]` without the brackets and `^`.
    pub(super) label_range: Range<usize>,
    pub(super) range: Range<usize>,
}

/// A piece of raw HTML. The lines of an HTML block are one piece.
#[derive(Debug)]
pub(super) struct Html {
    /// The HTML without the marks of block quotes and lists.
    pub(super) text: String,
    /// Pairs of a position in `text` and the position of the same byte in the document, one for
    /// each line.
    pub(super) lines: Vec<(usize, usize)>,
    pub(super) range: Range<usize>,
    pub(super) inline: bool,
}

impl Html {
    /// Converts a range of `text` to a range of the document.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        if self.inline {
            return self.range.clone();
        }
        let position = |at: usize| {
            let line = self.lines.partition_point(|(start, _)| *start <= at).saturating_sub(1);
            let (start, source) = self.lines.get(line).copied().unwrap_or((0, self.range.start));
            source + (at - start)
        };
        // The end is computed from the last byte, because the next byte can be on another line.
        position(range.start)..position(range.end.saturating_sub(1)) + 1
    }
}

/// The constructs of a document that can contain hidden text, in their order.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) html: Vec<Html>,
    pub(super) links: Vec<Link>,
    pub(super) definitions: Vec<Definition>,
    pub(super) footnotes: Vec<Footnote>,
    pub(super) footnote_references: Vec<Footnote>,
    /// The range of each fenced code block.
    pub(super) fences: Vec<Range<usize>>,
    /// The ranges of table rows after the last cell of each row.
    pub(super) row_ends: Vec<Range<usize>>,
    /// Entities for characters that are not displayed.
    pub(super) invisible: Vec<Range<usize>>,
    /// The ranges between blocks. They contain definitions, white space and the marks of block
    /// quotes and list items.
    pub(super) gaps: Vec<Range<usize>>,
    /// The number of events that the parser returned.
    pub(super) events: usize,
}

/// An element that is open while the events are read.
struct Open {
    range: Range<usize>,
    /// The end of the last event in the element.
    last_child: usize,
    link: Option<LinkForm>,
    image: bool,
    row: bool,
    html: bool,
}

/// The extensions of Markdown that VCS hosts have.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_FOOTNOTES)
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS);

/// Reads `text` as Markdown with the extensions of VCS hosts.
pub(super) fn read(text: &str) -> Document {
    let mut events = Parser::new_ext(text, OPTIONS).into_offset_iter();
    let mut reader =
        Reader { text, document: Document::default(), open: Vec::new(), images: 0, covered: 0 };
    while let Some((event, range)) = events.next() {
        reader.document.events += 1;
        let definition =
            |id: &str| events.reference_definitions().get(id).map(|def| def.span.start);
        reader.event(event, range, definition);
    }
    reader.cover(text.len()..text.len());
    let mut document = reader.document;
    document.definitions.extend(events.reference_definitions().iter().map(|(label, found)| {
        Definition {
            range: found.span.clone(),
            label: label.to_owned(),
            url: found.dest.to_string(),
            title: found.title.as_ref().map(ToString::to_string),
        }
    }));
    document.definitions.sort_by_key(|definition| definition.range.start);
    document
}

struct Reader<'a> {
    text: &'a str,
    document: Document,
    open: Vec<Open>,
    /// The number of images that are open. The text of an image is not displayed.
    images: usize,
    /// The end of the text that belongs to a block.
    covered: usize,
}

impl Reader<'_> {
    fn event(
        &mut self,
        event: Event<'_>,
        range: Range<usize>,
        definition: impl Fn(&str) -> Option<usize>,
    ) {
        match event {
            Event::Start(tag) => self.start(tag, range, definition),
            Event::End(_) => self.end(&range),
            leaf => {
                self.cover(range.clone());
                self.child(range.end);
                if self.images == 0 {
                    self.leaf(&leaf, range);
                }
            }
        }
    }

    fn start(
        &mut self,
        tag: Tag<'_>,
        range: Range<usize>,
        definition: impl Fn(&str) -> Option<usize>,
    ) {
        let mut open = Open {
            last_child: range.start,
            range: range.clone(),
            link: None,
            image: false,
            row: false,
            html: false,
        };
        match tag {
            // These contain blocks, so the gaps between the blocks can contain definitions.
            Tag::BlockQuote(_) | Tag::List(_) | Tag::Item => {
                self.open.push(open);
                return;
            }
            Tag::FootnoteDefinition(label) => {
                let note = self.footnote(&label, range.clone());
                self.cover(range.start..note.label_range.end + 2);
                self.document.footnotes.push(note);
                self.open.push(open);
                return;
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_)) => self.document.fences.push(range.clone()),
            Tag::HtmlBlock => {
                open.html = true;
                self.document.html.push(Html {
                    text: String::new(),
                    lines: Vec::new(),
                    range: range.clone(),
                    inline: false,
                });
            }
            Tag::TableHead | Tag::TableRow => open.row = true,
            Tag::Link { link_type, dest_url, title, id } => {
                open.link = form(link_type, &dest_url, &title, &id, definition);
            }
            Tag::Image { link_type, dest_url, title, id } => {
                open.link = form(link_type, &dest_url, &title, &id, definition);
                open.image = true;
                self.images += 1;
            }
            _ => {}
        }
        self.cover(range);
        self.open.push(open);
    }

    fn end(&mut self, range: &Range<usize>) {
        let Some(open) = self.open.pop() else { return };
        self.child(range.end);
        if open.row {
            self.document.row_ends.push(open.last_child..range.end);
        }
        if open.image {
            self.images -= 1;
        }
        let Some(form) = open.link else { return };
        if self.images == 0 {
            let after = self.text.get(open.last_child..range.end).unwrap_or_default();
            let text_end = after.find(']').map_or(range.end, |at| open.last_child + at);
            let (image, range) = (open.image, open.range);
            self.document.links.push(Link { image, form, range, text_end });
        }
    }

    fn leaf(&mut self, event: &Event<'_>, range: Range<usize>) {
        let in_html = self.open.last().is_some_and(|open| open.html);
        match event {
            Event::Html(line) => {
                if let (true, Some(html)) = (in_html, self.document.html.last_mut()) {
                    html.lines.push((html.text.len(), range.start));
                    html.text.push_str(line);
                }
            }
            Event::InlineHtml(html) => self.document.html.push(Html {
                text: html.to_string(),
                lines: Vec::new(),
                range,
                inline: true,
            }),
            Event::FootnoteReference(label) => {
                let note = self.footnote(label, range);
                self.document.footnote_references.push(note);
            }
            Event::Text(shown) if !in_html => {
                let source = &self.text[range.clone()];
                if source.starts_with('&')
                    && source != &**shown
                    && shown.chars().all(crate::untrusted_text::visible::is_invisible)
                {
                    self.document.invisible.push(range);
                }
            }
            _ => {}
        }
    }

    /// Returns the footnote or the reference at `range`, which starts with `[^label]`.
    fn footnote(&self, label: &str, range: Range<usize>) -> Footnote {
        let start = range.start + 2;
        let length = label_end(self.text.get(start..range.end).unwrap_or_default());
        let end = length.map_or(start, |length| start + length);
        Footnote { label: label.to_lowercase(), label_range: start..end, range }
    }

    /// Records that `range` belongs to a block.
    fn cover(&mut self, range: Range<usize>) {
        if range.start > self.covered {
            self.document.gaps.push(self.covered..range.start);
        }
        self.covered = self.covered.max(range.end);
    }

    /// Records that an event of the innermost open element ends at `end`.
    fn child(&mut self, end: usize) {
        if let Some(open) = self.open.last_mut() {
            open.last_child = open.last_child.max(end);
        }
    }
}

/// Returns the form of a link, or `None` for a link whose text is its address.
fn form(
    link_type: LinkType,
    url: &str,
    title: &str,
    id: &str,
    definition: impl Fn(&str) -> Option<usize>,
) -> Option<LinkForm> {
    match link_type {
        LinkType::Inline => Some(LinkForm::Inline { url: url.to_owned(), title: title.to_owned() }),
        LinkType::Reference => definition(id).map(|definition| LinkForm::Full { definition }),
        LinkType::Collapsed | LinkType::Shortcut => {
            definition(id).map(|definition| LinkForm::Label { definition })
        }
        _ => None,
    }
}
