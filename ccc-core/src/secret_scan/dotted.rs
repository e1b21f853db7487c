//! Tokens that consist of parts with a fixed meaning: JSON Web Tokens, and tokens of bots.

use super::base64::decode;
use super::placeholder::{entropy_of, is_mixed, is_placeholder};
use super::shape::Class::{Alnum, Digit, LowerHex, Token, Word};

/// Maximum length of a part of a JSON Web Token.
pub(super) const MAX_PART: usize = 4096;

/// Texts in the payload of documented examples, such as the one of <https://jwt.io>.
const EXAMPLES: &[&[u8]] = &[b"John Doe", b"1234567890", b"example", b"Jane Doe"];

fn run(bytes: &[u8], at: usize, most: usize) -> &[u8] {
    let rest = &bytes[at.min(bytes.len())..bytes.len().min(at + most)];
    &rest[..rest.iter().take_while(|b| Token.has(**b)).count()]
}

/// Returns the length of the first part of the token that begins at `at`, at most `most`.
pub(super) fn first_part(bytes: &[u8], at: usize, most: usize) -> usize {
    run(bytes, at, most).len()
}

/// A JSON Web Token in a text.
pub(super) struct Jwt {
    pub(super) end: usize,
    /// The end of the part of the token that is compared: the start of the signature.
    pub(super) compared: usize,
}

/// Minimum length of a signature.
const MIN_SIGNATURE: usize = 20;

/// Returns the JSON Web Token that begins at `at`. The header must be JSON with an algorithm and have
/// at most `most` characters, and the signature must be present.
pub(super) fn jwt(bytes: &[u8], at: usize, most: usize) -> Option<Jwt> {
    let header = run(bytes, at, most);
    let mut end = at + header.len();
    if bytes.get(end) != Some(&b'.') || header.len() < 16 {
        return None;
    }
    let value: serde_json::Value = serde_json::from_slice(&decode(header)).ok()?;
    value.get("alg")?;
    let mut parts = Vec::new();
    while parts.len() < 4 && bytes.get(end) == Some(&b'.') {
        let part = run(bytes, end + 1, MAX_PART);
        end += 1 + part.len();
        parts.push((part, end));
    }
    let claims = decode(parts.first()?.0);
    // An encrypted token has five parts. Text such as `.txt` can follow the three parts of a signed
    // one.
    let fifth = parts.get(3).filter(|(part, _)| part.len() >= MIN_SIGNATURE);
    let (last, end) = *fifth.or(parts.get(1))?;
    let example = EXAMPLES.iter().any(|known| memchr::memmem::find(&claims, known).is_some());
    let signed = last.len() >= MIN_SIGNATURE && !is_placeholder(last, MIN_SIGNATURE, 3.0);
    let compared = end.saturating_sub(last.len()) + MIN_SIGNATURE;
    (signed && !example && is_mixed(last)).then_some(Jwt { end, compared })
}

/// Returns the range of the token of a Telegram bot around its `:AA` at `colon`.
pub(super) fn telegram(bytes: &[u8], colon: usize) -> Option<(usize, usize)> {
    let digits = digits_before(bytes, colon, 11);
    let body = run(bytes, colon + 1, 36);
    let random = body.len() == 35 && is_mixed(body) && !is_placeholder(body, 30, 3.5);
    ((8..=10).contains(&digits) && random).then(|| (colon - digits, colon + 1 + body.len()))
}

fn digits_before(bytes: &[u8], end: usize, most: usize) -> usize {
    bytes[..end].iter().rev().take(most).take_while(|b| Digit.has(**b)).count()
}

/// Returns the range of the client secret of Microsoft Entra around its `Q~` at `mark`.
pub(super) fn azure_client_secret(bytes: &[u8], mark: usize) -> Option<(usize, usize)> {
    let body = |b: u8| Token.has(b) || matches!(b, b'.' | b'~');
    let start = mark.checked_sub(4)?;
    let before = &bytes[start..mark];
    let length = bytes[mark + 2..].iter().take(40).take_while(|b| body(**b)).count();
    let begins = before[3].is_ascii_digit() && before[..3].iter().all(|b| body(*b));
    let alone = start == 0 || !Word.has(bytes[start - 1]);
    let rest = &bytes[mark + 2..mark + 2 + length];
    let random = (31..=36).contains(&length) && is_mixed(rest) && !is_placeholder(rest, 28, 3.0);
    (begins && alone && random).then_some((start, mark + 2 + length))
}

/// Returns the range of the token of a Discord bot around its first dot. The first part is the
/// number of the bot in base64.
pub(super) fn discord(bytes: &[u8], dot: usize) -> Option<(usize, usize)> {
    let time = run(bytes, dot + 1, 8);
    if time.len() != 6 || bytes.get(dot + 7) != Some(&b'.') {
        return None;
    }
    let length = bytes[..dot].iter().rev().take(31).take_while(|b| Token.has(**b)).count();
    let id = decode(&bytes[dot - length..dot]);
    let last = run(bytes, dot + 8, 64);
    let number = (17..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit);
    let random = (27..=60).contains(&last.len()) && entropy_of(last) >= 3.0 && is_mixed(last);
    (number && random).then_some((dot - length, dot + 8 + last.len()))
}

/// Returns the range of the personal access token of Azure DevOps around its `AZDO` at `mark`. 76
/// letters and digits are before the mark, and four after it.
pub(super) fn azure_devops(bytes: &[u8], mark: usize) -> Option<(usize, usize)> {
    let (start, end) = (mark.checked_sub(76)?, mark + 8);
    let token = bytes.get(start..end)?;
    let alone = [start.checked_sub(1), Some(end)]
        .into_iter()
        .all(|at| at.and_then(|at| bytes.get(at)).is_none_or(|b| !Word.has(*b)));
    let random = alone && is_mixed(token) && !is_placeholder(token, 60, 3.5);
    (random && token.iter().all(|b| Alnum.has(*b))).then_some((start, end))
}

/// Returns the range of the key of Mailchimp before its `-us` at `mark`: 32 hexadecimal digits, and one or
/// two digits after the mark.
pub(super) fn mailchimp(bytes: &[u8], mark: usize) -> Option<(usize, usize)> {
    let start = mark.checked_sub(32)?;
    let digits = bytes[mark + 3..].iter().take(3).take_while(|b| Digit.has(**b)).count();
    let (key, end) = (&bytes[start..mark], mark + 3 + digits);
    let alone = [start.checked_sub(1), Some(end)]
        .into_iter()
        .all(|at| at.and_then(|at| bytes.get(at)).is_none_or(|b| !Token.has(*b)));
    let random = alone && is_mixed(key) && !is_placeholder(key, 28, 2.6);
    (random && matches!(digits, 1..=2) && key.iter().all(|b| LowerHex.has(*b)))
        .then_some((start, end))
}

/// Returns the range of the license key of MaxMind before its `_mmk` at `mark`: six letters and
/// digits, `_`, and 29 letters and digits.
pub(super) fn maxmind(bytes: &[u8], mark: usize) -> Option<(usize, usize)> {
    let (start, end) = (mark.checked_sub(36)?, mark + 4);
    let key = &bytes[start..mark];
    let alone = [start.checked_sub(1), Some(end)]
        .into_iter()
        .all(|at| at.and_then(|at| bytes.get(at)).is_none_or(|b| !Word.has(*b)));
    let shape =
        key.iter().enumerate().all(|(at, b)| if at == 6 { *b == b'_' } else { Alnum.has(*b) });
    let random = alone && shape && is_mixed(key) && !is_placeholder(key, 30, 3.0);
    random.then_some((start, end))
}
