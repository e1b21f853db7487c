//! The search for credentials in one text. All keywords are searched in one pass; each occurrence
//! of a keyword is then checked in a bounded window.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::contexts::{CONTEXTS, Context, MAX_READ};
use super::dotted::{azure_client_secret, discord, first_part, jwt, telegram};
use super::formats::{Edge, FORMATS, Format};
use super::keys::{FIRST, PEM, PUTTY, SSH2, material, pem};
use super::meter::{Cancelled, Meter};
use super::placeholder::{changes_of, has_placeholder, is_mixed, is_placeholder};
use super::shape::Class::{self, Hex, LowerHex};
use super::shape::{Part, least, matched};
use super::url;

/// Number of bytes of a text after which the search checks whether it was cancelled.
const CHUNK: usize = 64 << 10;

/// Number of passes over a credential that decide whether it is a placeholder.
const JUDGE_PASSES: usize = 6;

/// The check of an occurrence of a keyword.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Format(&'static Format),
    Context(&'static Context),
    Pem,
    Header(&'static str),
    Url,
    Jwt,
    Telegram,
    AzureSecret,
}

/// A credential in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) format: &'static str,
    /// The start of the secret, by which two occurrences are compared. Text that follows a secret in
    /// one of them can look like a part of it, so the end is not compared.
    pub(super) value: Vec<u8>,
}

/// The text in which credentials are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// Text as an author wrote it, or without an encoding.
    Plain,
    /// Text that was joined of lines or of distant parts. Neighbours in it may have nothing to do
    /// with each other, so only formats with a rare start are searched.
    Joined,
}

/// The names of the credentials that are in no table, with their sources.
pub(super) const SPECIAL: &[(&str, &str)] = &[
    ("private key", "https://www.rfc-editor.org/rfc/rfc7468"),
    ("SSH2 private key", "https://www.rfc-editor.org/rfc/rfc4716"),
    ("PuTTY private key", "https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html"),
    ("password in a URL", "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"),
    ("JSON Web Token", "https://www.rfc-editor.org/rfc/rfc7519"),
    ("Telegram token", "https://github.com/Yelp/detect-secrets: telegram_token"),
    ("Discord token", "https://github.com/Yelp/detect-secrets: discord"),
    ("Azure secret", "https://github.com/gitleaks/gitleaks: azure-ad-client-secret"),
];

struct Keywords {
    rules: Vec<(&'static str, Rule)>,
    automaton: Option<AhoCorasick>,
}

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| {
    let formats = FORMATS
        .iter()
        .flat_map(|format| format.starts.iter().map(move |start| (*start, Rule::Format(format))));
    let contexts = CONTEXTS
        .iter()
        .flat_map(|context| context.names.iter().map(move |name| (*name, Rule::Context(context))));
    let special = [
        (PEM, Rule::Pem),
        (SSH2, Rule::Header("SSH2 private key")),
        (PUTTY, Rule::Header("PuTTY private key")),
        ("://", Rule::Url),
        ("eyJ", Rule::Jwt),
        (":AA", Rule::Telegram),
        ("Q~", Rule::AzureSecret),
    ];
    let rules: Vec<_> = formats.chain(contexts).chain(special).collect();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        // About three times faster than the automaton that is chosen for so many keywords.
        .kind(Some(AhoCorasickKind::DFA))
        .build(rules.iter().map(|(keyword, _)| *keyword))
        .ok();
    Keywords { rules, automaton }
});

/// Returns the credentials in `bytes`, sorted by their ends.
///
/// # Errors
/// [`Cancelled`] if the scan was cancelled.
pub(super) fn hits(bytes: &[u8], text: Text, meter: &mut Meter) -> Result<Vec<Hit>, Cancelled> {
    let Some(automaton) = &KEYWORDS.automaton else {
        // Without keywords nothing can be searched, so nothing may pass.
        let value = bytes.to_vec();
        return Ok(vec![Hit { start: 0, end: bytes.len(), format: "unchecked text", value }]);
    };
    let mut found: Vec<Hit> = Vec::new();
    let mut covered = 0;
    let mut counted = 0;
    for occurrence in automaton.find_overlapping_iter(bytes) {
        if occurrence.end() >= counted + CHUNK {
            meter.add(occurrence.end() - counted)?;
            counted = occurrence.end();
        }
        let (keyword, rule) = KEYWORDS.rules[occurrence.pattern().as_usize()];
        let (start, end) = (occurrence.start(), occurrence.end());
        if start < covered {
            continue;
        }
        let exact = &bytes[start..end] == keyword.as_bytes();
        let hit = match rule {
            Rule::Context(_) if text == Text::Joined => None,
            Rule::Context(context) => {
                meter.add(MAX_READ * JUDGE_PASSES)?;
                let value = context.value(bytes, end);
                value.map(|(from, to)| hit(bytes, from..to, context.least(), context.name))
            }
            _ if !exact => None,
            Rule::Format(format) => of_format(bytes, start, end, format, text, meter)?,
            _ => special(bytes, start, end, rule, text, meter)?,
        };
        if let Some(hit) = hit {
            // Not the end of the hit: a second secret can follow without a separator, and only the
            // compared part decides whether a secret is new.
            covered = (hit.start + hit.value.len()).max(covered);
            found.push(hit);
        }
    }
    meter.add(bytes.len() - counted)?;
    if text == Text::Plain {
        found.extend(bots(bytes, meter)?);
    }
    Ok(found)
}

/// Returns the hit at `range`, of whose bytes at most `compared` are compared.
fn hit(bytes: &[u8], range: Range<usize>, compared: usize, format: &'static str) -> Hit {
    let Range { start, end } = range;
    Hit { start, end, format, value: bytes[start..end.min(start + compared)].to_vec() }
}

fn of_format(
    bytes: &[u8],
    start: usize,
    body: usize,
    format: &'static Format,
    text: Text,
    meter: &mut Meter,
) -> Result<Option<Hit>, Cancelled> {
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let begins = before.is_none_or(|b| !Class::Word.has(b));
    if format.edge != Edge::Any && !begins || format.edge == Edge::Whole && text == Text::Joined {
        return Ok(None);
    }
    let matched = matched(bytes, body, format.body);
    meter.add(usize::try_from(matched.steps).unwrap_or(usize::MAX))?;
    let Some(end) = matched.end else { return Ok(None) };
    let next = bytes.get(end).copied();
    if format.edge == Edge::Whole
        && next.is_some_and(|b| Class::Token.has(b) || Class::Base64.has(b))
    {
        return Ok(None);
    }
    meter.add((end - start) * JUDGE_PASSES)?;
    let compared = body - start + least(format.body);
    Ok(is_random(&bytes[body..end], format.body, text)
        .then(|| hit(bytes, start..end, compared, format.name)))
}

/// Returns whether the body of a credential is random, and not a placeholder. In joined text, a
/// placeholder can be followed by text that does not belong to it, so no part of it may be one.
fn is_random(body: &[u8], parts: &[Part], text: Text) -> bool {
    let least = least(parts);
    let hex = parts.iter().all(|part| match part {
        Part::Run(class, ..) => matches!(class, Hex | LowerHex),
        Part::Text(_) => true,
    });
    let entropy = if hex || least < 24 { 2.6 } else { 3.0 };
    let first = &body[..least.min(body.len())];
    let whole = text == Text::Plain || !has_placeholder(first) && changes_of(first) >= 0.3;
    whole && !is_placeholder(body, least, entropy) && is_mixed(body)
}

fn special(
    bytes: &[u8],
    start: usize,
    end: usize,
    rule: Rule,
    text: Text,
    meter: &mut Meter,
) -> Result<Option<Hit>, Cancelled> {
    let begins = start.checked_sub(1).is_none_or(|at| !Class::Token.has(bytes[at]));
    let plain = text == Text::Plain;
    meter.add(match rule {
        Rule::Pem | Rule::Header(_) => FIRST,
        Rule::Url => url::MAX_USER_INFO,
        // The header, and at most four more parts.
        Rule::Jwt if begins => 5 * first_part(bytes, start),
        _ => MAX_READ,
    })?;
    let ranged = |range: Option<(usize, usize)>, format| {
        range.map(|(start, end)| hit(bytes, start..end, end - start, format))
    };
    let key = |found: Option<super::keys::Material>, format| {
        found.map(|key| Hit { start, end: key.end, format, value: key.value })
    };
    let found = match rule {
        Rule::Pem => key(pem(bytes, end), "private key"),
        Rule::Header(format) => key(material(bytes, end), format),
        Rule::Url if plain => ranged(url::password(bytes, start), "password in a URL"),
        Rule::Jwt if begins => jwt(bytes, start)
            .map(|token| hit(bytes, start..token.end, token.compared - start, "JSON Web Token")),
        Rule::Telegram if plain => ranged(telegram(bytes, start), "Telegram token"),
        Rule::AzureSecret if plain => ranged(azure_client_secret(bytes, start), "Azure secret"),
        _ => None,
    };
    meter.add(found.as_ref().map_or(0, |hit| hit.end - hit.start))?;
    Ok(found)
}

/// Returns the tokens of Discord bots, which have no keyword.
fn bots(bytes: &[u8], meter: &mut Meter) -> Result<Vec<Hit>, Cancelled> {
    meter.add(bytes.len())?;
    let found = memchr::memchr_iter(b'.', bytes).filter_map(|dot| discord(bytes, dot));
    Ok(found.map(|(start, end)| hit(bytes, start..end, end - start, "Discord token")).collect())
}
