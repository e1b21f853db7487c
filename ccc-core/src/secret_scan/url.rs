//! Passwords in URLs.

use super::hosts::host_kind;
use super::passwords::is_password;

/// Maximum length of a scheme, of the user information and of the hosts.
const MAX_SCHEME: usize = 24;
pub(super) const MAX_USER_INFO: usize = 256;
const MAX_HOST: usize = 256;

/// Returns the range of the password of the URL whose `://` begins at `colon`. A password of
/// an example, of a host of local development, or a variable is none.
pub(super) fn password(bytes: &[u8], colon: usize) -> Option<(usize, usize)> {
    let before = &bytes[colon.saturating_sub(MAX_SCHEME)..colon];
    if !before.last()?.is_ascii_alphanumeric() {
        return None;
    }
    let start = colon + 3;
    let rest = &bytes[start.min(bytes.len())..bytes.len().min(start + MAX_USER_INFO)];
    let rest = &rest[..rest.iter().position(|b| !is_user_info(*b)).unwrap_or(rest.len())];
    // A password can contain `@`, so the last one before a host ends it.
    let begins_host = |b: &u8| b.is_ascii_alphanumeric() || *b == b'[';
    let at = memchr::memrchr_iter(b'@', rest)
        .find(|at| bytes.get(start + at + 1).is_some_and(begins_host))?;
    let info = &rest[..at];
    let split = memchr::memchr(b':', info)?;
    let (user, password) = (&info[..split], &info[split + 1..]);
    if is_port(password) {
        return None;
    }
    let host = &bytes[start + at + 1..bytes.len().min(start + at + 1 + MAX_HOST)];
    let host = &host[..host.iter().take_while(|b| is_host(**b)).count()];
    is_password(user, password, host_kind(host)).then_some((start + split + 1, start + at))
}

/// Returns whether `text` is a port and a query or fragment, as in `http://localhost:8080?to=me@a.io`.
fn is_port(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    matches!(digits, 1..=5) && matches!(text.get(digits), Some(b'?' | b'#'))
}

/// Returns whether `byte` can occur in the user information of a URL, or in passwords that were not
/// encoded. Braces and `<` occur in templates and placeholders.
fn is_user_info(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!&'()+,;=:%#^?|$*@".contains(&byte)
}

fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:,[]%".contains(&byte)
}
