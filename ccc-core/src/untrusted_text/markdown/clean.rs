//! The replacement of the hidden parts of a document.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::document::{Definition, Document, Html, Link, LinkForm};
use super::edits::Edits;
use super::elements::is_text_only;
use super::html::{Part, hidden_parts};
use super::labels::{FreshNumbers, is_number, label_end};
use super::mark::{COMMENT, TEXT};
use super::names::PlainNames;
use super::url::{is_ordinary, target};

/// Returns `text` after the hidden parts of `document`, which was read from `text`, were replaced.
pub(super) fn clean(text: &str, document: &Document) -> String {
    let mut edits = Edits::default();
    html(text, &document.html, &mut edits);
    // The footnotes and links in hidden text are not displayed, so they use no definition.
    let mut numbers = FreshNumbers::new(text);
    footnotes(text, document, &mut numbers, &mut edits);
    links(text, document, &mut numbers, &mut edits);
    for fence in &document.fences {
        info_string(text, fence, &mut edits);
    }
    for row_end in &document.row_ends {
        row(text, row_end, &mut edits);
    }
    for range in &document.invisible {
        edits.replace(range.clone(), "");
    }
    edits.apply(text)
}

/// Replaces comments and other hidden markup, attributes, and the contents of hidden elements.
fn html(text: &str, pieces: &[Html], edits: &mut Edits) {
    let mut elements = Vec::new();
    let mut names = PlainNames::default();
    for piece in pieces {
        for (range, part) in hidden_parts(&piece.text) {
            let source = piece.source(range);
            match part {
                Part::Hidden => edits.replace(source, COMMENT),
                Part::InvisibleCharacter => edits.replace(source, ""),
                Part::Unended => edits.hide(text, source.start..text.len()),
                Part::Element { name, end } => elements.push((name, end, source)),
                Part::Tag { with } => edits.replace(source, with),
                Part::Plain { name, with, end } => {
                    if !names.keeps(text, &name, source.clone(), end) {
                        edits.replace(source, with);
                    }
                }
            }
        }
    }
    // For each start tag, the index of its end tag.
    let mut ends = vec![None; elements.len()];
    let mut next_end: HashMap<&str, usize> = HashMap::new();
    let mut open_ends: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, (name, end, _)) in elements.iter().enumerate().rev() {
        match (is_text_only(name), end) {
            (true, true) => drop(next_end.insert(name.as_str(), i)),
            (true, false) => ends[i] = next_end.get(name.as_str()).copied(),
            (false, true) => open_ends.entry(name.as_str()).or_default().push(i),
            (false, false) => ends[i] = open_ends.get_mut(name.as_str()).and_then(Vec::pop),
        }
    }
    let mut after = 0;
    for (i, (_, _, tag)) in elements.iter().enumerate() {
        if let (true, Some(end)) = (i >= after, ends[i]) {
            edits.hide(text, tag.end..elements[end].2.start.max(tag.end));
            after = end;
        }
    }
}

/// Hides footnotes without a reference, and replaces labels by numbers.
fn footnotes(text: &str, document: &Document, numbers: &mut FreshNumbers, edits: &mut Edits) {
    let references = &document.footnote_references;
    let used: HashSet<&str> = references
        .iter()
        .filter(|reference| !edits.hides(reference.range.start))
        .map(|reference| reference.label.as_str())
        .collect();
    let mut labels = HashMap::new();
    for note in &document.footnotes {
        let label = note.label.as_str();
        // Of several footnotes with one label, a page shows the first.
        if !used.contains(label) || labels.contains_key(label) {
            edits.hide(text, note.range.clone());
            continue;
        }
        let shown = &text[note.label_range.clone()];
        labels.insert(label, if is_number(shown) { shown.to_owned() } else { numbers.next() });
    }
    for note in document.footnotes.iter().chain(references) {
        if let Some(number) = labels.get(note.label.as_str())
            && *number != text[note.label_range.clone()]
        {
            edits.replace(note.label_range.clone(), number.as_str());
        }
    }
}

/// Replaces the titles, unusual targets and labels of links, the texts of images, and definitions
/// without a link.
fn links(text: &str, document: &Document, numbers: &mut FreshNumbers, edits: &mut Edits) {
    let (mut used, mut displayed) = (HashSet::new(), HashSet::new());
    for link in &document.links {
        let (LinkForm::Full { definition } | LinkForm::Label { definition }) = &link.form else {
            continue;
        };
        if !edits.hides(link.range.start) {
            used.insert(*definition);
            if !link.image && matches!(link.form, LinkForm::Label { .. }) {
                displayed.insert(*definition);
            }
        }
    }
    // The labels of the definitions that are used: `None` if a page shows the label.
    let mut labels: HashMap<usize, Option<String>> = HashMap::new();
    for definition in document.definitions.iter().filter(|d| used.contains(&d.range.start)) {
        let start = definition.range.start;
        let shown = displayed.contains(&start) || is_number(&definition.label);
        labels.insert(start, if shown { None } else { Some(numbers.next()) });
    }
    let mut known = document.definitions.iter().peekable();
    for gap in &document.gaps {
        let mut at = gap.start;
        while let Some(found) = text[at..gap.end].find('[') {
            let start = at + found;
            while known.next_if(|d| d.range.start < start).is_some() {}
            at = match known.peek() {
                Some(d) if d.range.start == start => {
                    match labels.get(&start) {
                        Some(label) => define(text, d, label.as_deref(), edits),
                        None => edits.hide(text, d.range.clone()),
                    }
                    d.range.end.clamp(start + 1, gap.end.max(start + 1))
                }
                // A definition of a label that is already defined.
                other => {
                    let end = other.map_or(gap.end, |d| d.range.start.min(gap.end));
                    let shown = text[start..end].trim_end_matches(['>', ' ', '\t', '\n']);
                    edits.hide(text, start..start + shown.len());
                    end
                }
            };
            if at >= gap.end {
                break;
            }
        }
    }
    for link in &document.links {
        self::link(text, link, &labels, edits);
    }
}

/// Replaces the hidden parts of the definition `definition`. `label` is its new label, if the label
/// changes.
fn define(text: &str, definition: &Definition, label: Option<&str>, edits: &mut Edits) {
    let title = definition.title.as_deref().unwrap_or(TEXT);
    if label.is_none() && title == TEXT && is_ordinary(&definition.url) {
        return;
    }
    let source = &text[definition.range.clone()];
    let label = match label {
        Some(label) => label,
        None => label_end(source).map_or("", |end| &source[1..end]),
    };
    let title = if definition.title.is_some() { format!(" \"{TEXT}\"") } else { String::new() };
    let with = format!("[{label}]: {}{title}", target(&definition.url));
    edits.replace(definition.range.clone(), with);
}

/// Replaces the hidden parts of one link or image.
fn link(text: &str, link: &Link, labels: &HashMap<usize, Option<String>>, edits: &mut Edits) {
    let bracket = if link.image { 2 } else { 1 };
    let shown = (link.range.start + bracket).min(link.text_end)..link.text_end;
    // A page shows the text of an image only if it cannot load the image.
    let marks =
        link.image && !text[shown.clone()].trim().is_empty() && &text[shown.clone()] != TEXT;
    let tail = (link.text_end + 2).min(link.range.end)..link.range.end.saturating_sub(1);
    let tail = tail.start..tail.end.max(tail.start);
    match &link.form {
        LinkForm::Inline { url, title } => {
            if title != TEXT && !title.is_empty() || !is_ordinary(url) {
                let title = if title.is_empty() { String::new() } else { format!(" \"{TEXT}\"") };
                edits.replace(tail, format!("{}{title}", target(url)));
            }
        }
        LinkForm::Full { definition } => {
            if let Some(Some(number)) = labels.get(definition)
                && *number != text[tail.clone()]
            {
                edits.replace(tail, number.as_str());
            }
        }
        LinkForm::Label { definition } => {
            if marks {
                let label = match labels.get(definition) {
                    Some(Some(number)) => number,
                    _ => &text[shown],
                };
                edits.replace(link.range.clone(), format!("![{TEXT}][{label}]"));
            }
            return;
        }
    }
    if marks {
        edits.replace(shown, TEXT);
    }
}

/// Replaces the words after the language of a fenced code block.
fn info_string(text: &str, fence: &Range<usize>, edits: &mut Edits) {
    let line = text[fence.clone()].lines().next().unwrap_or_default();
    let info = line.trim_start_matches(['`', '~', ' ', '\t']).trim_end();
    let start = fence.start + line.trim_end().len() - info.len();
    let (language, rest) = info.split_once(char::is_whitespace).unwrap_or((info, ""));
    // Several words such as `rust,no_run` are common, but a sentence has more or longer ones.
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-#._=".contains(c);
    let words: Vec<&str> = language.split(',').collect();
    let is_word = |word: &&str| word.len() <= 32 && word.chars().all(plain);
    let is_language = language.len() <= 48 && words.len() <= 4 && words.iter().all(is_word);
    if info == TEXT || is_language && (rest.is_empty() || rest == TEXT) {
        return;
    }
    let with = if is_language { format!("{language} {TEXT}") } else { TEXT.to_owned() };
    edits.replace(start..start + info.len(), with);
}

/// Replaces the cells of a table row that are beyond the columns of the table.
fn row(text: &str, end: &Range<usize>, edits: &mut Edits) {
    let Some(rest) = text.get(end.clone()) else { return };
    let edge = |c: char| c == '|' || c.is_whitespace();
    let hidden = rest.trim_matches(edge);
    if !hidden.is_empty() && hidden != TEXT {
        let start = end.start + rest.len() - rest.trim_start_matches(edge).len();
        edits.replace(start..start + hidden.len(), TEXT);
    }
}
