//! Logins outside of URLs: headers, options of commands, and the password file of PostgreSQL.

use super::assigned::{MAX_VALUE, long_end, value_place};
use super::base64::decode;
use super::commands::{self, Found, MAX_COMMAND, command_end};
use super::connection;
use super::hosts::{Host, host_kind};
use super::passwords::is_password;
use super::placeholder::is_mixed;
use super::random::{is_random, is_random_hex, is_random_in_one_case};
use super::shape::Class::{Base64, Value};

/// Minimum length of a token in hex in a header.
const MIN_HEX: usize = 32;
/// Maximum length of a line of a password file.
const MAX_LINE: usize = 256;

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take(MAX_VALUE).take_while(|b| belongs(**b)).count()
}

/// A way in which a login is written, with the words that begin it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login {
    pub(super) name: &'static str,
    /// The words, in lower case; the letter case is ignored.
    pub(super) words: &'static [&'static str],
    /// Returns the range of the secret near the word in the bytes from the first to the second index.
    /// Adds the number of bytes that are read to the number of steps.
    pub(super) secret: fn(&[u8], usize, usize, &mut usize) -> Found,
    pub(super) source: &'static str,
}

/// The ways, one per row.
#[rustfmt::skip]
pub(super) const LOGINS: &[Login] = &[
    Login { name: "bearer token", words: &["bearer"], secret: bearer, source: "https://www.rfc-editor.org/rfc/rfc6750" },
    Login { name: "password of Basic authentication", words: &["basic"], secret: basic, source: "https://www.rfc-editor.org/rfc/rfc7617" },
    Login { name: "authorization header", words: &["authorization"], secret: authorization, source: "https://www.rfc-editor.org/rfc/rfc9110#section-11.6.2" },
    Login { name: "login of a registry", words: &["\"auth\"", "'auth'", "_auth"], secret: auth, source: "https://docs.docker.com/reference/cli/docker/login/" },
    Login { name: "password of curl", words: &[" -u", " --user", " --proxy-user"], secret: curl, source: "https://curl.se/docs/manpage.html#-u" },
    Login { name: "password in a connection string", words: &["password", "pwd"], secret: connection::password, source: "https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-string-syntax" },
    Login { name: "password of a command", words: &["docker login", "podman login", "registry login", "az login", "sshpass", "redis-cli", "mysql", "mariadb", "mongo", "sqlcmd", "ldapsearch"], secret: commands::option, source: "https://docs.docker.com/reference/cli/docker/login/" },
    Login { name: "piped password", words: &["--password-stdin", "--passwd-stdin", "--with-token", "--passphrase-fd", "secret put", "secret set", "secret create", "secrets create", "secrets set", "secrets add", "versions add", "kv put"], secret: commands::piped, source: "https://docs.docker.com/reference/cli/docker/login/" },
    Login { name: "password of a call", words: &["networkcredential(", "basicauth(", "basic_auth(", "basicauthentication(", "usernamepasswordcredentials(", "passwordauthentication(", "credentialscache(", ".login(", "auth=("], secret: commands::second_argument, source: "https://learn.microsoft.com/en-us/dotnet/api/system.net.networkcredential" },
    Login { name: "setting of a service", words: &["secrets set", "secret set", "config:set", "secrets:set", "secrets import", "kv put", "variables set", "variable set", "env set"], secret: commands::setting, source: "https://fly.io/docs/flyctl/secrets-set/" },
    Login { name: "password in SQL", words: &["identified by", "password by"], secret: commands::sql, source: "https://dev.mysql.com/doc/refman/8.4/en/create-user.html" },
    Login { name: "password of PowerShell", words: &["convertto-securestring"], secret: commands::secure_string, source: "https://learn.microsoft.com/en-us/powershell/module/microsoft.powershell.security/convertto-securestring" },
    Login { name: "password of .netrc", words: &["password"], secret: commands::netrc, source: "https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html" },
    Login { name: "secret with its name in another member", words: &["value"], secret: commands::member, source: "https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/" },
];

/// Returns the range of the token after the word `Bearer`.
fn bearer(bytes: &[u8], _start: usize, end: usize, steps: &mut usize) -> Found {
    // The word can be a literal or an argument of its own.
    let gap = bytes.get(end..)?.iter().take(6).take_while(|b| b" :,\"'".contains(b)).count();
    (gap > 0).then_some(())?;
    token(bytes, end + gap, steps)
}

/// Returns the range of the token at `start`.
fn token(bytes: &[u8], start: usize, steps: &mut usize) -> Found {
    let length = run(&bytes[start..], |b| Value.has(b));
    let token = &bytes[start..start + length];
    *steps += length * 4;
    let random = is_random(token) || is_random_hex(token, MIN_HEX) || is_random_in_one_case(token);
    let long = random && length == MAX_VALUE;
    let end = if long { long_end(bytes, start) } else { start + length };
    *steps += end - start;
    random.then_some((start, end))
}

/// Returns the range of the user and the password in base64 after the word `Basic`.
fn basic(bytes: &[u8], _start: usize, end: usize, steps: &mut usize) -> Found {
    login(bytes, end + spaces(bytes, end)?, steps)
}

/// Returns the range of the credentials in the header `Authorization`, after the name of any scheme.
fn authorization(bytes: &[u8], _start: usize, end: usize, steps: &mut usize) -> Found {
    let start = value_place(bytes, end, steps)?.start;
    let scheme = bytes[start..].iter().take(16).take_while(|b| b.is_ascii_alphabetic()).count();
    let name = &bytes[start..start + scheme];
    if scheme == 0 || scheme == 16 || bytes.get(start + scheme) != Some(&b' ') {
        return token(bytes, start, steps);
    }
    let secret = if name.eq_ignore_ascii_case(b"basic") { basic } else { bearer };
    secret(bytes, start, start + scheme, steps)
}

/// Returns the range of the user and the password in base64 that are assigned to a name, such as
/// `auth` in a configuration of Docker or `_auth` of npm.
fn auth(bytes: &[u8], _start: usize, end: usize, steps: &mut usize) -> Found {
    login(bytes, value_place(bytes, end, steps)?.start, steps)
}

fn login(bytes: &[u8], start: usize, steps: &mut usize) -> Found {
    let length = run(bytes.get(start..)?, |b| Base64.has(b));
    *steps += 4 * length;
    let decoded = decode(&bytes[start..start + length]);
    let colon = memchr::memchr(b':', &decoded)?;
    let (user, password) = (&decoded[..colon], &decoded[colon + 1..]);
    let text = decoded.iter().all(|b| (b' '..=b'~').contains(b));
    (text && is_password(user, password, Host::Other)).then_some((start, start + length))
}

/// Returns the number of spaces at `at`, if there are any.
fn spaces(bytes: &[u8], at: usize) -> Option<usize> {
    let count = bytes.get(at..)?.iter().take(4).take_while(|b| **b == b' ').count();
    (count > 0).then_some(count)
}

/// Returns the range of the password after an option with a login of the command `curl`. The command
/// can go on after a backslash and a line break.
fn curl(bytes: &[u8], start: usize, end: usize, steps: &mut usize) -> Found {
    let rest = &bytes[end..];
    let gap = rest.iter().take(4).take_while(|b| b" =\"'".contains(b)).count();
    let from = end + gap;
    let login = &bytes[from..];
    let login = &login[..run(login, |b| b.is_ascii_graphic() && !b"\"'`".contains(&b))];
    *steps += login.len() * 4;
    let colon = memchr::memchr(b':', login)?;
    let (user, password) = (&login[..colon], &login[colon + 1..]);
    let template = login.iter().any(|b| b"{}<>()[]/".contains(b));
    if template || !is_password(user, password, Host::Other) {
        return None;
    }
    *steps += 2 * MAX_COMMAND;
    let to = from + login.len();
    let before = &bytes[start.saturating_sub(MAX_COMMAND)..start];
    let before = &before[command_end(before, true)..];
    let after = &bytes[to..bytes.len().min(to + MAX_COMMAND)];
    let after = &after[..command_end(after, false)];
    memchr::memmem::rfind(before, b"curl")?;
    let host = [after, before].into_iter().find_map(|part| {
        let host = &part[memchr::memmem::find(part, b"://")? + 3..];
        Some(&host[..run(host, |b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))])
    });
    let kind = host_kind(host.unwrap_or_default());
    is_password(user, password, kind).then_some((from + colon + 1, to))
}

/// Returns the range of the password in the line of a password file of PostgreSQL
/// (<https://www.postgresql.org/docs/current/libpq-pgpass.html>) whose host ends at `colon`. The line
/// consists of a host, a port, a database, a user and a password.
pub(super) fn pgpass(bytes: &[u8], colon: usize) -> Found {
    let rest = &bytes[colon + 1..bytes.len().min(colon + MAX_LINE)];
    let port = rest.iter().take(6).take_while(|b| b.is_ascii_digit()).count();
    let port = if rest.first() == Some(&b'*') { 1 } else { port };
    let fits = matches!(port, 4..=5) || rest.first() == Some(&b'*');
    if !fits || rest.get(port) != Some(&b':') {
        return None;
    }
    let is_host = |b: &&u8| b.is_ascii_alphanumeric() || b".-_*".contains(b);
    let host = bytes[..colon].iter().rev().take(MAX_LINE).take_while(is_host).count();
    if bytes[..colon - host].last().is_some_and(|b| !b"\n\"'`".contains(b)) {
        return None;
    }
    let line = &rest[port + 1..];
    let line =
        &line[..line.iter().take_while(|b| b.is_ascii_graphic() && !b"\"'`".contains(b)).count()];
    let closed = rest.get(port + 1 + line.len()).is_none_or(|b| b"\n\r\"'`".contains(b));
    let mut fields = line.splitn(3, |b| *b == b':');
    let (database, user, password) = (fields.next()?, fields.next()?, fields.next()?);
    let is_word = |text: &[u8]| {
        text == b"*" || text.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
    };
    let template = password.iter().any(|b| b"{}<>()".contains(b));
    let host = host_kind(&bytes[colon - host..colon]);
    let secret = closed
        && is_word(database)
        && is_word(user)
        && !template
        && is_mixed(password)
        && is_password(user, password, host);
    let end = colon + 1 + port + 1 + line.len();
    secret.then_some((end - password.len(), end))
}
