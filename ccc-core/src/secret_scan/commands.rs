//! Secrets in commands: options of programs, variables of shells, SQL, and the file `.netrc`.

use super::assigned::{End, MAX_VALUE, Place, value_at, value_place};
use super::gaps::{count, is_name, opens};
use super::hosts::{Host, host_kind};
use super::names;
use super::passwords::is_password;
use super::placeholder::is_mixed;
use super::random::{MIN_HEX, MIN_RANDOM, is_random_hex, is_secret, is_short_secret};

/// The range of a secret.
pub(super) type Found = Option<(usize, usize)>;

/// Maximum number of bytes of a command before and after an option with a login.
pub(super) const MAX_COMMAND: usize = 256;
/// Maximum length of a name, and of the words before it.
const MAX_NAME: usize = 64;
const MAX_WORDS: usize = 48;
/// Number of passes over a value that decide whether it is a secret.
const JUDGE_PASSES: usize = 12;

/// Words after which a name and its value follow without a mark of assignment.
const SETTERS: &[&[u8]] =
    &[b"env", b"setx", b"set", b"setenv", b"define", b"export", b"config", b"param", b"header"];

/// Returns the first end of a line in `text`, or the index after the last one, at which a command of a
/// shell ends. A command goes on after a backslash and a line break.
pub(super) fn command_end(text: &[u8], last: bool) -> usize {
    let ends = |end: &usize| !text[..*end].trim_ascii_end().ends_with(b"\\");
    let mut breaks = memchr::memchr_iter(b'\n', text).filter(ends);
    if last {
        breaks.next_back().map_or(0, |end| end + 1)
    } else {
        breaks.next().unwrap_or(text.len())
    }
}

/// Returns the place of the value after spaces, as in `ENV TOKEN …`, `setenv TOKEN …`, `set -x TOKEN …`
/// or `--token …`. The name has its known part in the bytes from `start` to `end`.
pub(super) fn value_after_spaces(
    bytes: &[u8],
    start: usize,
    end: usize,
    steps: &mut usize,
) -> Option<Place> {
    let rest = &bytes[end..bytes.len().min(end + MAX_NAME)];
    let name = count(rest, is_name);
    let spaces = count(&rest[name..], |b| matches!(b, b' ' | b'\t'));
    *steps += name + spaces;
    rest.get(name + spaces).filter(|b| spaces > 0 && b.is_ascii_graphic())?;
    let before = &bytes[start.saturating_sub(MAX_NAME + MAX_WORDS)..start];
    *steps += before.len();
    let first = before.iter().rposition(|b| !is_name(*b)).map_or(0, |at| at + 1);
    let place = Place { start: end + name + spaces, quote: None, is_setting: false };
    let is_option = bytes[start - (before.len() - first)..].starts_with(b"-");
    (is_option || is_set(&before[..first])).then_some(place)
}

/// Returns whether the text before a name ends with a command that sets a variable, and with options
/// of the command.
fn is_set(before: &[u8]) -> bool {
    let line = &before[memchr::memrchr(b'\n', before).map_or(0, |at| at + 1)..];
    // The mark of a variable, or a quote.
    let marks = line.iter().rev().take_while(|b| b"$\"'".contains(b)).count();
    let line = &line[..line.len() - marks];
    let words = line.split(|b| matches!(b, b' ' | b'\t' | b'(' | b'#' | b'_'));
    let word = words.rev().find(|word| !word.is_empty() && !word.starts_with(b"-"));
    line.last().is_some_and(|b| matches!(b, b' ' | b'\t' | b'('))
        && word.is_some_and(|word| SETTERS.iter().any(|set| word.eq_ignore_ascii_case(set)))
}

/// Commands, and their options whose argument is a password.
const OPTIONS: &[(&[u8], &[&[u8]])] = &[
    (b"docker login", &[b" -p", b" --password"]),
    (b"podman login", &[b" -p", b" --password"]),
    (b"registry login", &[b" -p", b" --password"]),
    (b"sshpass", &[b" -p"]),
    (b"redis-cli", &[b" -a", b" --pass"]),
    (b"mysql", &[b" -p", b" --password"]),
    (b"mariadb", &[b" -p", b" --password"]),
    (b"mongo", &[b" -p", b" --password"]),
    (b"sqlcmd", &[b" -P"]),
    (b"ldapsearch", &[b" -w"]),
    (b"az login", &[b" -p"]),
];

/// Returns the range of the password after an option of the command in the bytes from `start` to
/// `end`. The password of a server on a host of local development is none.
pub(super) fn option(bytes: &[u8], start: usize, end: usize, steps: &mut usize) -> Found {
    let command = &bytes[start..end];
    let (_, options) = OPTIONS.iter().find(|(name, _)| command.eq_ignore_ascii_case(name))?;
    let line = &bytes[end..bytes.len().min(end + MAX_COMMAND)];
    let line = &line[..command_end(line, false)];
    *steps += line.len() * options.len();
    let value = options.iter().find_map(|option| {
        memchr::memmem::find_iter(line, option).find_map(|at| {
            let from = at + option.len();
            let gap = count(&line[from..], |b| b" =\"'".contains(&b));
            let value = argument(&line[from + gap..]);
            *steps += value.len();
            secret(value, steps).then_some((from + gap, from + gap + value.len()))
        })
    })?;
    let host = [&b" -h"[..], b" --host"].iter().find_map(|option| {
        let host = &line[memchr::memmem::find(line, option)? + option.len()..];
        Some(argument(&host[count(host, |b| b" =\"'".contains(&b))..]))
    });
    let is_local = host.is_some_and(|host| host_kind(host) == Host::Development);
    (!is_local).then_some((end + value.0, end + value.1))
}

/// Returns the argument of a command at the start of `rest`. A variable or template is none.
fn argument(rest: &[u8]) -> &[u8] {
    let length = count(rest, |b| b.is_ascii_graphic() && !b"\"'`;|<>(){}[]".contains(&b));
    &rest[..length.min(MAX_VALUE)]
}

fn secret(value: &[u8], steps: &mut usize) -> bool {
    // Other values are too short, which needs no pass.
    *steps += if value.len() < 16 { 1 } else { value.len() * JUDGE_PASSES };
    !value.starts_with(b"$") && !value.starts_with(b"-") && is_short_secret(value)
}

/// Returns the range of the secret that a command prints, or that is written after `<<<`, for the
/// option in the bytes from `start` to `end`, which reads it.
pub(super) fn piped(bytes: &[u8], start: usize, end: usize, steps: &mut usize) -> Found {
    *steps += 2 * MAX_COMMAND;
    let from = start.saturating_sub(MAX_COMMAND);
    let before = &bytes[from..start];
    let first = command_end(before, true);
    let pipe = memchr::memrchr(b'|', &before[first..]);
    let printed = pipe.and_then(|pipe| {
        let text = before[first..first + pipe].trim_ascii_end();
        let text = text.strip_suffix(b"\"").or(text.strip_suffix(b"'")).unwrap_or(text);
        let value = text.iter().rev().take_while(|b| argument(&[**b]).len() == 1).count();
        let prints = [&b"echo"[..], b"printf"];
        let prints = prints.iter().any(|word| memchr::memmem::find(text, word).is_some());
        let to = from + first + text.len();
        prints.then_some((to - value, to))
    });
    let after = &bytes[end..bytes.len().min(end + MAX_COMMAND)];
    let after = &after[..command_end(after, false)];
    let written = memchr::memmem::find(after, b"<<<").map(|at| {
        let at = at + 3 + count(&after[at + 3..], |b| b" \"'".contains(&b));
        (end + at, end + at + argument(&after[at..]).len())
    });
    [printed, written].into_iter().flatten().find(|(from, to)| secret(&bytes[*from..*to], steps))
}

/// Returns the range of the second argument of a call whose first argument is a user name, if it is a
/// random literal.
pub(super) fn second_argument(bytes: &[u8], _start: usize, end: usize, steps: &mut usize) -> Found {
    let call = &bytes[end..bytes.len().min(end + MAX_COMMAND)];
    let call = &call[..memchr::memchr2(b')', b';', call).unwrap_or(call.len())];
    *steps += call.len();
    let comma = memchr::memchr(b',', call)? + 1;
    let gap = count(&call[comma..], |b| b.is_ascii_whitespace());
    let from = comma + gap + opens(&call[comma + gap..])? + 1;
    let value = argument(&call[from..]);
    secret(value, steps).then_some((end + from, end + from + value.len()))
}

/// Returns the range of the first random value in the arguments `NAME=…` of a command that stores
/// settings of a service.
pub(super) fn setting(bytes: &[u8], _start: usize, end: usize, steps: &mut usize) -> Found {
    let line = &bytes[end..bytes.len().min(end + MAX_COMMAND)];
    let line = &line[..command_end(line, false)];
    *steps += line.len();
    memchr::memchr_iter(b'=', line).find_map(|at| {
        let from = at + 1 + count(&line[at + 1..], |b| b"\"'".contains(&b));
        let value = argument(&line[from..]);
        secret(value, steps).then_some((end + from, end + from + value.len()))
    })
}

/// Returns the range of the password after `IDENTIFIED BY` in SQL.
pub(super) fn sql(bytes: &[u8], _start: usize, end: usize, steps: &mut usize) -> Found {
    let rest = &bytes[end..bytes.len().min(end + MAX_VALUE)];
    let gap = count(rest, |b| b" \t\n\"'".contains(&b));
    let value = argument(&rest[gap..]);
    *steps += gap + value.len();
    let from = end + gap;
    (gap > 0 && secret(value, steps)).then_some((from, from + value.len()))
}

/// Returns the range of the password that a script of PowerShell turns into a secure string.
pub(super) fn secure_string(bytes: &[u8], _start: usize, end: usize, steps: &mut usize) -> Found {
    let line = &bytes[end..bytes.len().min(end + MAX_COMMAND)];
    let line = &line[..command_end(line, false)];
    *steps += line.len();
    let mut at = 0;
    while at < line.len() {
        let value = argument(&line[at..]);
        if secret(value, steps) {
            return Some((end + at, end + at + value.len()));
        }
        at += value.len() + 1;
    }
    None
}

/// Returns the range of the password in an entry of `.netrc`
/// (<https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html>).
pub(super) fn netrc(bytes: &[u8], start: usize, end: usize, steps: &mut usize) -> Found {
    let rest = &bytes[end..bytes.len().min(end + MAX_VALUE)];
    let gap = count(rest, |b| b.is_ascii_whitespace());
    let value = &rest[gap..][..count(&rest[gap..], |b| b.is_ascii_graphic())];
    *steps += gap + value.len();
    if gap == 0 || value.len() < 6 {
        return None;
    }
    let before = &bytes[start.saturating_sub(MAX_COMMAND)..start];
    *steps += before.len() + 4 * value.len();
    let mut words = before.split(u8::is_ascii_whitespace).rev().filter(|word| !word.is_empty());
    let (user, login) = (words.next()?, words.next()?);
    let (host, machine) = (words.next()?, words.next());
    let host = match machine {
        Some(b"machine") => host,
        _ if host == b"default" => &b""[..],
        _ => return None,
    };
    let template = value.iter().any(|b| b"{}<>()$\"'".contains(b));
    let secret = login == b"login" && !template && is_mixed(value);
    let from = end + gap;
    (secret && is_password(user, value, host_kind(host))).then_some((from, from + value.len()))
}

/// Returns the range of the value of an object that has its name in another member, in any order:
/// `{"value": …, "name": "TOKEN"}`.
pub(super) fn member(bytes: &[u8], start: usize, end: usize, steps: &mut usize) -> Found {
    if start > 0 && is_name(bytes[start - 1]) || bytes.get(end).is_some_and(|b| is_name(*b)) {
        return None;
    }
    let place = value_place(bytes, end, steps)?;
    let value = value_at(bytes, place);
    *steps += 1;
    if value.end == End::Open || value.judged.len() < MIN_RANDOM {
        return None;
    }
    *steps += value.judged.len() * JUDGE_PASSES;
    if !is_secret(value.judged) && !is_random_hex(value.judged, MIN_HEX) {
        return None;
    }
    *steps += 4 * MAX_COMMAND;
    let before = &bytes[start.saturating_sub(MAX_COMMAND)..start];
    let before = &before[before.iter().rposition(|b| b"{<(".contains(b)).map_or(0, |at| at + 1)..];
    let is_item = |at: &usize| before[*at..].trim_ascii_start().starts_with(b"-");
    let item = memchr::memrchr_iter(b'\n', before).find(is_item).unwrap_or(0);
    let before = &before[item..];
    let to = place.start + value.judged.len();
    let after = &bytes[to..bytes.len().min(to + MAX_COMMAND)];
    let after = &after[..after.iter().position(|b| b"}>)".contains(b)).unwrap_or(after.len())];
    let is_item = |at: &usize| after[*at..].trim_ascii_start().starts_with(b"-");
    let item = memchr::memchr_iter(b'\n', after).find(is_item).unwrap_or(after.len());
    let named = [before, &after[..item]].into_iter().any(has_name_of_secret);
    named.then_some((place.start, to))
}

/// Returns whether `members` has a member `name` or `key` with the name of a secret.
fn has_name_of_secret(members: &[u8]) -> bool {
    [&b"name"[..], b"key"].iter().any(|word| {
        let lower = members.to_ascii_lowercase();
        memchr::memmem::find_iter(&lower, word).any(|at| {
            let alone = at == 0 || !is_name(members[at - 1]);
            let rest = &members[at + word.len()..];
            let gap = count(rest, |b| b" \t\"':=".contains(&b));
            let name = &rest[gap..][..count(&rest[gap..], is_name)];
            let assigned = rest[..gap].iter().any(|b| matches!(b, b':' | b'='));
            alone && assigned && names::is_secret(name)
        })
    })
}
