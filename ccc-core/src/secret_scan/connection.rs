//! Passwords in connection strings: of ADO.NET
//! (<https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-string-syntax>), libpq
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>) and JDBC.

use super::hosts::{Host, host_kind};
use super::passwords::is_password;

/// Maximum number of bytes of a connection string before and after its password.
const MAX_AROUND: usize = 256;
const MAX_PASSWORD: usize = 128;

/// Keys of the host, in lower case.
const HOSTS: &[&[u8]] = &[
    b"server",
    b"data source",
    b"datasource",
    b"host",
    b"hostname",
    b"hostaddr",
    b"address",
    b"addr",
    b"network address",
    b"endpoint",
];
/// Keys of the user and of the database, in lower case.
const USERS: &[&[u8]] = &[b"user id", b"userid", b"uid", b"user", b"username", b"user name"];
const DATABASES: &[&[u8]] = &[b"database", b"initial catalog", b"dbname", b"db"];

/// Returns the range of the password that is assigned to the key in the bytes from `start` to `end`,
/// if the text around it is a connection string. A password of a host of local development is none.
pub(super) fn password(
    bytes: &[u8],
    start: usize,
    end: usize,
    steps: &mut usize,
) -> Option<(usize, usize)> {
    let rest = bytes.get(end..)?;
    let equals = rest.iter().take(8).take_while(|b| **b == b' ').count();
    if rest.get(equals) != Some(&b'=') || rest.get(equals + 1) == Some(&b'=') {
        return None;
    }
    *steps += 4 * MAX_AROUND;
    let before = &bytes[start.saturating_sub(MAX_AROUND)..start];
    let before = &before[before.iter().rposition(|b| is_border(*b)).map_or(0, |at| at + 1)..];
    let mark = *before.trim_ascii_end().last().unwrap_or(&b'"');
    let spaced = before.ends_with(b" ") && mark != b';';
    let separator = match mark {
        b';' | b'?' | b'&' => mark,
        _ if spaced => b' ',
        _ if before.is_empty() => b';',
        _ => return None,
    };
    let gap = if separator == b' ' {
        0
    } else {
        rest[equals + 1..].iter().take(8).take_while(|b| **b == b' ').count()
    };
    let from = end + equals + 1 + gap;
    let value = &bytes[from..bytes.len().min(from + MAX_PASSWORD)];
    let is_end = |b: u8| {
        is_border(b) || b == b';' || b == b'<' || b == b' ' || b == b'&' && separator != b';'
    };
    let value = &value[..value.iter().take_while(|b| b.is_ascii_graphic() && !is_end(**b)).count()];
    let after = &bytes[from + value.len()..bytes.len().min(from + value.len() + MAX_AROUND)];
    let after = &after[..after.iter().position(|b| is_border(*b)).unwrap_or(after.len())];
    let text = Around { before, after, separator };
    let user = text.value_of(USERS);
    let host = text.host();
    let known = match separator {
        b'?' | b'&' => host.is_some(),
        _ => user.is_some() || host.is_some() && text.value_of(DATABASES).is_some(),
    };
    let code = value.iter().any(|b| b"(){}[]<>\\".contains(b)) || is_path(value);
    let kind = host.map_or(Host::Other, host_kind);
    (known && !code && is_password(user.unwrap_or_default(), value, kind))
        .then_some((from, from + value.len()))
}

fn is_border(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`' | b'\n' | b'\r')
}

/// Returns whether a value is a path of identifiers, such as `config.dbPassword2`.
fn is_path(value: &[u8]) -> bool {
    let begins = |part: &[u8]| part.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    value.contains(&b'.') && value.split(|b| *b == b'.').all(begins)
}

/// The text around a password.
struct Around<'a> {
    before: &'a [u8],
    after: &'a [u8],
    separator: u8,
}

impl<'a> Around<'a> {
    fn pairs(&self) -> impl Iterator<Item = &'a [u8]> {
        let separator = self.separator;
        let ends = move |b: &u8| match separator {
            b'?' | b'&' => matches!(b, b'?' | b'&'),
            other => *b == other,
        };
        self.before.split(ends).chain(self.after.split(ends))
    }

    /// Returns the value of the first pair with one of `keys`.
    fn value_of(&self, keys: &[&[u8]]) -> Option<&'a [u8]> {
        self.pairs().find_map(|pair| {
            let equals = memchr::memchr(b'=', pair)?;
            let key = pair[..equals].trim_ascii().to_ascii_lowercase();
            // A name can be before the first key, as in `Db: Server=…`.
            let is_key = keys.iter().any(|known| {
                key.strip_suffix(*known)
                    .is_some_and(|rest| rest.last().is_none_or(|b| !b.is_ascii_alphanumeric()))
            });
            is_key.then(|| pair[equals + 1..].trim_ascii())
        })
    }

    /// Returns the host: of a pair, or of the URL of a database.
    fn host(&self) -> Option<&'a [u8]> {
        if !matches!(self.separator, b'?' | b'&') {
            return self.value_of(HOSTS);
        }
        let colon = memchr::memmem::rfind(self.before, b"://")?;
        let scheme = self.before[..colon].to_ascii_lowercase();
        let web = scheme.ends_with(b"http") || scheme.ends_with(b"https");
        let host = &self.before[colon + 3..];
        let length = host.iter().take_while(|b| !matches!(b, b'/' | b'?' | b'&')).count();
        (!web).then_some(&host[..length])
    }
}
