//! Passwords in URLs.

use super::placeholder::entropy_of;

/// Maximum length of a scheme and of the user information.
const MAX_SCHEME: usize = 24;
pub(super) const MAX_USER_INFO: usize = 256;
const MIN_PASSWORD: usize = 6;

/// Passwords of examples and of local development, in lower case.
const WEAK: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "passw0rd",
    "p4ssw0rd",
    "p@ssw0rd",
    "secret",
    "s3cret",
    "s3cr3t",
    "changeme",
    "postgres",
    "postgresql",
    "mysql",
    "mongodb",
    "mongo",
    "redis",
    "rabbitmq",
    "root",
    "admin",
    "guest",
    "user",
    "username",
    "test",
    "testing",
    "tester",
    "example",
    "dev",
    "develop",
    "development",
    "local",
    "localhost",
    "default",
    "dummy",
    "fake",
    "foobar",
    "hunter2",
    "demo",
    "letmein",
    "qwerty",
    "mysecretpassword",
    "my-secret-pw",
    "mypassword",
    "yourpassword",
    "token",
    "your_password",
    "your-password",
    "mypass",
    "userpass",
    "dbpass",
    "dbpassword",
    "db_password",
    "x-oauth-basic",
    "x-access-token",
    "oauth2",
    "supersecret",
    "sekret",
    "toor",
    "hello",
    "world",
];

/// Returns the range of the password of the URL whose `://` begins at `colon`. A password of
/// an example or a variable is none.
pub(super) fn password(bytes: &[u8], colon: usize) -> Option<(usize, usize)> {
    let before = &bytes[colon.saturating_sub(MAX_SCHEME)..colon];
    if !before.last()?.is_ascii_alphanumeric() {
        return None;
    }
    let start = colon + 3;
    let rest = &bytes[start.min(bytes.len())..bytes.len().min(start + MAX_USER_INFO)];
    let at = rest.iter().position(|b| !is_user_info(*b))?;
    if rest[at] != b'@' {
        return None;
    }
    let info = &rest[..at];
    let split = memchr::memchr(b':', info)?;
    let (user, password) = (&info[..split], &info[split + 1..]);
    let host = bytes.get(start + at + 1).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'[');
    (host && is_password(user, password)).then_some((start + split + 1, start + at))
}

/// Returns whether `byte` can occur in the user information of a URL. Braces, `<`, `$` and `*`
/// occur in templates and placeholders.
fn is_user_info(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!&'()+,;=:%#^?|".contains(&byte)
}

fn is_password(user: &[u8], password: &[u8]) -> bool {
    let lower = password.to_ascii_lowercase();
    // `user123` and `password_1` are as weak as the words.
    let word = lower.trim_ascii_end();
    let word = &word[..word.iter().rposition(|b| b.is_ascii_alphabetic()).map_or(0, |at| at + 1)];
    let listed = |text: &[u8]| WEAK.iter().any(|weak| weak.as_bytes() == text);
    let template = password.starts_with(b"%") && password.len() < 12;
    let words = [&b"example"[..], b"placeholder", b"redacted", b"xxxx", b"your", b"changeme"];
    password.len() >= MIN_PASSWORD
        && !password.eq_ignore_ascii_case(user)
        && !listed(&lower)
        && !listed(word)
        && !template
        && !words.iter().any(|word| memchr::memmem::find(&lower, word).is_some())
        && !is_name(password)
        && entropy_of(password) >= 2.25
}

/// Returns whether a password is a name in one letter case, such as `DB_PASSWORD` or `pass-word`.
fn is_name(password: &[u8]) -> bool {
    let of =
        |test: fn(&u8) -> bool| password.iter().all(|b| test(b) || matches!(b, b'_' | b'-' | b'.'));
    of(u8::is_ascii_uppercase) || (of(u8::is_ascii_lowercase) && password.len() < 16)
}
