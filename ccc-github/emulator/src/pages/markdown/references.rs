//! Links for mentions, references to issues, and addresses in text.

use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

/// The names to which mentions and references become links.
pub(crate) trait Names {
    /// Returns whether there is an account `login`.
    fn has_account(&self, login: &str) -> bool;
    /// Returns the path of the page of the issue or pull request `number`, or `None` if there is
    /// none. `repository` is the full name of its repository, or `None` for the present one.
    fn issue(&self, repository: Option<&str>, number: u64) -> Option<String>;
}

/// Adds the events that display `text` to `events`.
pub(super) fn link<'t>(text: &str, names: &dyn Names, events: &mut Vec<Event<'t>>) {
    let mut shown = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let is_start = text[..at].chars().next_back().is_none_or(|c| !is_word(c));
        match reference(&text[at..], names).filter(|_| is_start) {
            Some((length, target)) => {
                push_text(&text[shown..at], events);
                push_link(&text[at..at + length], target, events);
                at += length;
                shown = at;
            }
            // A word is skipped as a whole, so that the rest of a long word is not read again.
            None if is_word(c) => at += word(&text[at..]).max(c.len_utf8()),
            None => at += c.len_utf8(),
        }
    }
    push_text(&text[shown..], events);
}

fn push_text(text: &str, events: &mut Vec<Event<'_>>) {
    if !text.is_empty() {
        events.push(Event::Text(text.to_owned().into()));
    }
}

fn push_link(text: &str, target: String, events: &mut Vec<Event<'_>>) {
    let (title, id) = (CowStr::Borrowed(""), CowStr::Borrowed(""));
    let link_type = LinkType::Inline;
    events.push(Event::Start(Tag::Link { link_type, dest_url: target.into(), title, id }));
    events.push(Event::Text(text.to_owned().into()));
    events.push(Event::End(TagEnd::Link));
}

/// Returns the length and the target of the reference at the start of `text`.
fn reference(text: &str, names: &dyn Names) -> Option<(usize, String)> {
    mention(text, names).or_else(|| issue(text, names)).or_else(|| address(text))
}

/// Reads a mention, such as `@octocat`.
fn mention(text: &str, names: &dyn Names) -> Option<(usize, String)> {
    let rest = text.strip_prefix('@')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let login = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
    let is_end = !rest[login.len()..].starts_with(|c| is_word(c) || c == '/');
    let is_account = is_end && login.len() <= 39 && names.has_account(login);
    is_account.then(|| (1 + login.len(), format!("/{login}")))
}

/// Reads a reference to an issue: `#7`, `GH-7` or `owner/name#7`.
fn issue(text: &str, names: &dyn Names) -> Option<(usize, String)> {
    let (before, rest) = if let Some(rest) = text.strip_prefix('#') {
        ("", rest)
    } else if text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("gh-")) {
        ("", &text[3..])
    } else {
        text[..word(text)].contains('/').then_some(())?;
        text.split_once('#').filter(|(name, _)| name.len() == word(text))?
    };
    let repository = if before.is_empty() { None } else { Some(before) };
    let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
    let is_end = !rest[digits.len()..].starts_with(is_word);
    let target = names.issue(repository, digits.parse().ok().filter(|_| is_end)?)?;
    Some((text.len() - rest.len() + digits.len(), target))
}

/// Reads an address, such as `https://github.com` or `www.github.com`
/// (<https://github.github.com/gfm/#autolinks-extension->).
fn address(text: &str) -> Option<(usize, String)> {
    let starts =
        |start: &&str| text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start));
    let start = ["http://", "https://", "www."].into_iter().find(starts)?;
    let end = text.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(text.len());
    let mut shown = text[..end].trim_end_matches(|c| "?!.,:*_~'\"".contains(c));
    // A bracket at the end belongs to the text around the address, unless it has a partner.
    while let Some(shorter) = shown.strip_suffix(')')
        && shown.matches(')').count() > shown.matches('(').count()
    {
        shown = shorter.trim_end_matches(|c| "?!.,:*_~'\"".contains(c));
    }
    let host = shown.get(start.len()..)?.split(['/', '?', '#']).next()?;
    let is_host = host.contains('.') || start != "www." && !host.is_empty();
    let scheme = if start == "www." { "http://" } else { "" };
    is_host.then(|| (shown.len(), format!("{scheme}{shown}")))
}

/// Returns whether `c` is part of a word. A reference begins and ends beside other characters.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the length of the word at the start of `text`, with the characters that the name of a
/// repository can contain.
fn word(text: &str) -> usize {
    text.find(|c: char| !is_word(c) && !"-./".contains(c)).unwrap_or(text.len())
}
