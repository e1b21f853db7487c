//! The search for credentials in one text. All keywords are searched in one pass; each occurrence
//! of a keyword is then checked in a bounded window.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::contexts::{CONTEXTS, Context, Reading};
use super::dotted::{
    MAX_PART, azure_client_secret, azure_devops, first_part, jwt, mailchimp, maxmind, telegram,
};
use super::formats::{Edge, FORMATS, Format, GOOGLE_KEY};
use super::hit::{Hit, hit, identity};
use super::keys::{FIRST, PEM, PUTTY, SSH2, material, pem};
use super::logins::{LOGINS, Login};
use super::meter::{Cancelled, Meter};
use super::passes::Places;
use super::placeholder::{changes_of, entropy_of, has_placeholder, is_mixed, is_placeholder};
use super::shape::Class::{self, Hex, LowerHex};
use super::shape::{Part, least, matched};
use super::{der, firebase, jwk, manifest, published, sql_rows, url};

/// Number of bytes of a text after which the search checks whether it was cancelled.
const CHUNK: usize = 64 << 10;

/// Maximum number of bytes that are read for a token with parts.
const MAX_READ: usize = 304;

/// Maximum length of the header of a JSON Web Token after `_` or `-`.
const MAX_INNER_HEADER: usize = 192;

/// Minimum entropy of a credential that consists of upper-case letters only, in bits per character.
const MIN_ENTROPY_OF_LETTERS: f64 = 3.0;

/// Number of passes over a credential that decide whether it is a placeholder.
const JUDGE_PASSES: usize = 6;

/// The check of an occurrence of a keyword.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Format(&'static Format),
    Context(&'static Context),
    Login(&'static Login),
    /// A mark of a private key in binary form.
    Binary,
    /// The type of a JSON Web Key.
    KeyType,
    /// The type of a document of Kubernetes.
    Kind,
    /// A statement of SQL with rows.
    Rows,
    Pem,
    Header(&'static str),
    Url,
    Jwt,
    Telegram,
    AzureSecret,
    AzureDevOps,
    MaxMind,
    Mailchimp,
}

/// The text in which credentials are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// Text as an author wrote it, or without an encoding.
    Plain,
    /// Text whose adjacent string literals are joined. The columns of a row in it are joined too.
    Split,
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
    (
        "Azure DevOps token",
        "https://learn.microsoft.com/en-us/purview/sit-defn-azure-devops-personal-access-token",
    ),
    ("MaxMind key", "https://github.com/gitleaks/gitleaks: maxmind-license-key"),
    ("Mailchimp key", "https://github.com/gitleaks/gitleaks: mailchimp-api-key"),
    ("PostgreSQL password", "https://www.postgresql.org/docs/current/libpq-pgpass.html"),
    ("binary private key", "https://www.rfc-editor.org/rfc/rfc5958"),
    ("JSON Web Key", "https://www.rfc-editor.org/rfc/rfc7517"),
    ("secret beside its name", "https://github.com/gitleaks/gitleaks: generic-api-key"),
    ("secret in a row of SQL", "https://www.postgresql.org/docs/current/sql-insert.html"),
    ("secret in a table", "https://www.rfc-editor.org/rfc/rfc4180"),
    ("Kubernetes Secret", "https://kubernetes.io/docs/concepts/configuration/secret/"),
];

struct Keywords {
    rules: Vec<(&'static [u8], Rule)>,
    automaton: Option<AhoCorasick>,
}

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| {
    let formats = FORMATS.iter().flat_map(|format| {
        format.starts.iter().map(move |start| (start.as_bytes(), Rule::Format(format)))
    });
    let contexts = CONTEXTS.iter().flat_map(|context| {
        context.names.iter().map(move |name| (name.as_bytes(), Rule::Context(context)))
    });
    let logins = LOGINS.iter().flat_map(|login| {
        login.words.iter().map(move |word| (word.as_bytes(), Rule::Login(login)))
    });
    let special = [
        (PEM, Rule::Pem),
        (SSH2, Rule::Header("SSH2 private key")),
        (PUTTY, Rule::Header("PuTTY private key")),
        ("://", Rule::Url),
        ("eyJ", Rule::Jwt),
        (":AA", Rule::Telegram),
        ("Q~", Rule::AzureSecret),
        ("AZDO", Rule::AzureDevOps),
        ("_mmk", Rule::MaxMind),
        ("-us", Rule::Mailchimp),
        (jwk::TYPE, Rule::KeyType),
        (manifest::KIND, Rule::Kind),
        (sql_rows::INSERT, Rule::Rows),
        (sql_rows::REPLACE, Rule::Rows),
        (sql_rows::COPY, Rule::Rows),
    ];
    let special = special.map(|(keyword, rule)| (keyword.as_bytes(), rule));
    let binary = der::MARKS.map(|mark| (mark, Rule::Binary));
    let rules: Vec<_> =
        formats.chain(contexts).chain(logins).chain(special).chain(binary).collect();
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
        return Ok(vec![Hit {
            start: 0,
            end: bytes.len(),
            format: "unchecked text",
            least: bytes.len(),
            value,
        }]);
    };
    let mut found: Vec<Hit> = Vec::new();
    let mut covered = 0;
    let mut counted = 0;
    let (mut places, mut reading) = (Places::default(), Reading::default());
    for occurrence in automaton.find_overlapping_iter(bytes) {
        if occurrence.end() >= counted + CHUNK {
            meter.add(occurrence.end() - counted)?;
            counted = occurrence.end();
        }
        let (keyword, rule) = KEYWORDS.rules[occurrence.pattern().as_usize()];
        let (start, end) = (occurrence.start(), occurrence.end());
        let exact = &bytes[start..end] == keyword;
        match rule {
            Rule::KeyType if exact && is_member(bytes, end) => places.key_types.push(start),
            Rule::Rows if text == Text::Plain => places.statements.push(start..end),
            Rule::Kind => places.has_kind |= exact && is_member(bytes, end),
            Rule::Context(context)
                if text != Text::Joined && context.names_a_secret(bytes, start, end) =>
            {
                places.headers.add(bytes, start, end);
                places.areas.add(end);
            }
            _ => {}
        }
        if start < covered {
            continue;
        }
        let hit = match rule {
            Rule::Context(_) | Rule::Login(_) if text == Text::Joined => None,
            Rule::Context(context) => {
                let value = context.value(bytes, start, end, &mut reading);
                meter.add(std::mem::take(&mut reading.steps))?;
                value.map(|(from, to)| hit(bytes, from..to, context.least(), context.name))
            }
            Rule::Login(login) => {
                let mut steps = 0;
                let value = (login.secret)(bytes, start, end, &mut steps);
                meter.add(steps)?;
                value.map(|(from, to)| hit(bytes, from..to, to - from, login.name))
            }
            _ if !exact => None,
            Rule::KeyType | Rule::Kind | Rule::Rows => None,
            Rule::Format(format) => of_format(bytes, start, end, format, text, meter)?,
            _ => special(bytes, start, end, rule, text, meter)?,
        };
        if let Some(hit) = hit {
            // Not the end of the hit: a second secret can follow without a separator.
            covered = (hit.start + hit.least).max(covered);
            found.push(hit);
        }
    }
    meter.add(bytes.len() - counted)?;
    if text != Text::Joined {
        found.extend(places.secrets(bytes, meter)?);
    }
    Ok(found)
}

/// Returns whether the text at `end` follows the name of a member of an object.
fn is_member(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_some_and(|next| matches!(next, b'"' | b'\'' | b':' | b'=' | b' '))
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
    if format.name == GOOGLE_KEY {
        meter.add(firebase::MAX_READ)?;
        if firebase::is_public_key(bytes, start..end, text == Text::Joined) {
            return Ok(None);
        }
    }
    if published::is_example(&bytes[start..end]) {
        return Ok(None);
    }
    let shortest = body - start + least(format.body);
    Ok(is_random(&bytes[body..end], format.body, text)
        .then(|| hit(bytes, start..end, shortest, format.name)))
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
    // A random text in an alphabet without lower-case letters has no digit in one case of 30.
    let is_upper = parts.iter().all(|part| match part {
        Part::Run(class, ..) => !class.has(b'z') && !class.has(b'a'),
        Part::Text(_) => true,
    });
    let first = &body[..least.min(body.len())];
    let whole = text != Text::Joined || !has_placeholder(first) && changes_of(first) >= 0.3;
    let mixed = is_mixed(body) || is_upper && entropy_of(first) >= MIN_ENTROPY_OF_LETTERS;
    whole && !is_placeholder(body, least, entropy) && mixed
}

fn special(
    bytes: &[u8],
    start: usize,
    end: usize,
    rule: Rule,
    text: Text,
    meter: &mut Meter,
) -> Result<Option<Hit>, Cancelled> {
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let begins = before.is_none_or(|b| !Class::Token.has(b));
    // The alphabet of a token has `_` and `-`, so only a short header is read after them.
    let inner = !begins && before.is_some_and(|b| matches!(b, b'_' | b'-'));
    let most = if begins { MAX_PART } else { MAX_INNER_HEADER };
    let plain = text != Text::Joined;
    meter.add(match rule {
        Rule::Pem | Rule::Header(_) => FIRST,
        Rule::Binary => der::MAX_READ,
        Rule::Url => url::MAX_USER_INFO,
        // The header, and at most four more parts.
        Rule::Mailchimp => 48,
        Rule::Jwt if begins || inner => 5 * first_part(bytes, start, most),
        _ => MAX_READ,
    })?;
    let ranged = |range: Option<(usize, usize)>, format| {
        range.map(|(start, end)| hit(bytes, start..end, end - start, format))
    };
    let key = |found: Option<super::keys::Material>, format| {
        found.map(|key| Hit {
            start,
            end: key.end,
            format,
            least: key.value.len(),
            value: identity(&key.value),
        })
    };
    let found = match rule {
        Rule::Pem => key(pem(bytes, end), "private key"),
        Rule::Binary if plain => der::private_key(bytes, start)
            .map(|range| hit(bytes, range, der::COMPARED, "binary private key")),
        Rule::Header(format) => key(material(bytes, end), format),
        Rule::Url if plain => ranged(url::password(bytes, start), "password in a URL"),
        Rule::Jwt if begins || inner => jwt(bytes, start, most)
            .map(|token| hit(bytes, start..token.end, token.compared - start, "JSON Web Token")),
        Rule::Telegram if plain => ranged(telegram(bytes, start), "Telegram token"),
        Rule::AzureDevOps if plain => ranged(azure_devops(bytes, start), "Azure DevOps token"),
        Rule::Mailchimp if plain => ranged(mailchimp(bytes, start), "Mailchimp key"),
        Rule::MaxMind if plain => ranged(maxmind(bytes, start), "MaxMind key"),
        Rule::AzureSecret if plain => ranged(azure_client_secret(bytes, start), "Azure secret"),
        _ => None,
    };
    meter.add(found.as_ref().map_or(0, |hit| hit.end - hit.start))?;
    Ok(found)
}
