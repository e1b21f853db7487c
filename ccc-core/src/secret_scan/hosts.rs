//! Hosts of local development and of documentation.

/// The kind of the host that a password belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// This machine, or a name that is reserved for documentation and tests
    /// ([RFC 2606](https://www.rfc-editor.org/rfc/rfc2606),
    /// [RFC 6761](https://www.rfc-editor.org/rfc/rfc6761)).
    Development,
    /// A name without a dot, such as the name of a service of Docker Compose.
    Single,
    /// Any other host, or no host.
    Other,
}

/// Returns the kind of the hosts in `text`, which are separated by commas and may have ports. The hosts
/// are development hosts only if all of them are.
pub(super) fn host_kind(text: &[u8]) -> Host {
    // In a connection string of ADO.NET, a comma is before the port.
    let is_port = |part: &[u8]| part.len() <= 5 && is_number(part);
    let hosts = text.split(|b| *b == b',').enumerate();
    let hosts = hosts.filter(|(index, part)| *index == 0 || !is_port(part));
    let kinds: Vec<Host> = hosts.map(|(_, part)| kind_of_one(part)).collect();
    let all = |kinds_in: &[Host]| kinds.iter().all(|kind| kinds_in.contains(kind));
    if all(&[Host::Development]) {
        Host::Development
    } else if all(&[Host::Development, Host::Single]) {
        Host::Single
    } else {
        Host::Other
    }
}

fn kind_of_one(text: &[u8]) -> Host {
    let host = text.to_ascii_lowercase();
    let host = host.strip_prefix(b"tcp:").unwrap_or(&host);
    let address = host.strip_prefix(b"[").map(|rest| rest.split(|b| *b == b']').next());
    let host = match address.flatten() {
        Some(address) => address,
        None if host.starts_with(b"::1") => b"::1",
        None => host.split(|b| *b == b':').next().unwrap_or_default(),
    };
    let host = host.strip_suffix(b".").unwrap_or(host);
    let labels: Vec<&[u8]> = host.split(|b| *b == b'.').collect();
    let last = labels.last().copied().unwrap_or_default();
    let reserved = [&b"localhost"[..], b"example", b"test", b"invalid"].contains(&last);
    let loopback = labels.len() == 4 && labels[0] == b"127" && is_number(last);
    let named = host == b"::1" || host == b"0.0.0.0" || host == b"host.docker.internal";
    let example = labels.len() > 1 && labels.contains(&&b"example"[..]);
    if host.is_empty() {
        Host::Other
    } else if loopback || named || example || reserved && (labels.len() > 1 || last == b"localhost")
    {
        Host::Development
    } else if labels.len() == 1 && !is_number(last) && !host.contains(&b':') {
        Host::Single
    } else {
        Host::Other
    }
}

fn is_number(label: &[u8]) -> bool {
    !label.is_empty() && label.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_development_are_told_apart_from_others() {
        // spec: X10e
        use Host::{Development, Other, Single};
        for (text, expected) in [
            ("localhost", Development),
            ("localhost:5432", Development),
            ("app.localhost", Development),
            ("127.0.0.1:80", Development),
            ("[::1]:5432", Development),
            ("db.example.com", Development),
            ("example.org", Development),
            ("db.example.co.uk", Development),
            ("db.test", Development),
            ("tcp:localhost", Development),
            ("127.0.0.1,1433", Development),
            ("localhost,2130706433", Other),
            ("db", Single),
            ("postgres:5432", Single),
            ("a,b", Single),
            ("localhost,db", Single),
            ("localhost,db.prod.io", Other),
            ("127.prod.io", Other),
            ("127.0.0.evil", Other),
            ("localhost.evil.io", Other),
            ("notexample.com", Other),
            ("10.0.0.1", Other),
            ("2130706433", Other),
            ("[2001:db8::1]", Other),
            ("", Other),
        ] {
            assert_eq!(host_kind(text.as_bytes()), expected, "{text}");
        }
    }
}
