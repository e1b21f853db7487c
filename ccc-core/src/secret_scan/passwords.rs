//! Recognition of passwords of logins: in URLs, connection strings and headers.

use super::hosts::Host;
use super::placeholder::{changes_of, entropy_of};
use super::published;

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
    "opensesame",
    "open sesame",
    "toor",
    "hello",
    "world",
];

/// Minimum length of a password that counts for a host without a dot.
const MIN_STRONG: usize = 16;

/// Returns whether `password` is one of a real login. The password of a host of local development or
/// documentation is none. A host without a dot is usually a container of the same machine, so its
/// password counts only if it is random: at least 16 characters of three kinds, or 32 hexadecimal
/// digits.
pub(super) fn is_password(user: &[u8], password: &[u8], host: Host) -> bool {
    match host {
        Host::Development => false,
        Host::Single => is_strong(password) && is_unknown(user, password),
        Host::Other => is_unknown(user, password),
    }
}

fn is_strong(password: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| usize::from(password.iter().any(test));
    let kinds = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(u8::is_ascii_punctuation);
    let hex = password.len() >= 2 * MIN_STRONG && password.iter().all(u8::is_ascii_hexdigit);
    let random = kinds >= 3 && changes_of(password) >= 0.4;
    password.len() >= MIN_STRONG && entropy_of(password) >= 3.2 && (random || hex)
}

/// Returns whether a password is neither weak nor a placeholder or variable.
fn is_unknown(user: &[u8], password: &[u8]) -> bool {
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
        && !is_variable(password)
        && !published::is_marked(password)
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

/// Returns whether a password is a variable of a shell or a template, such as `$TOKEN` or
/// `$db.password`.
fn is_variable(password: &[u8]) -> bool {
    let Some(name) = password.strip_prefix(b"$") else { return false };
    let of = |test: fn(&u8) -> bool| name.iter().all(|b| test(b) || matches!(b, b'_' | b'.'));
    let letters =
        name.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.' | b'>' | b'-'));
    let upper = of(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let lower = of(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    letters || upper || lower
}
