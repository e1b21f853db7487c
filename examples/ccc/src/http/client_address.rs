//! The address of the client of a request, behind reverse proxies too.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use crate::config::Network;

/// Returns whether `address` is the address of a trusted proxy.
pub(super) fn is_trusted(proxies: &[Network], address: IpAddr) -> bool {
    proxies.iter().any(|network| network.contains(address))
}

/// The client of a request, as far as the server can verify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// The client has this address.
    Known(IpAddr),
    /// The client is unknown, because a header is malformed or the headers contradict each other. The
    /// trusted proxy with this address is the last known sender of the request.
    Unverified(IpAddr),
}

/// Returns the client of a request with the headers `headers`, which arrived on a connection from
/// `connection`.
///
/// Only a trusted proxy may name another client. Each proxy appends the address from which it
/// received the request, so the client is the last address that is not a trusted proxy (spec:
/// W12d). If the two headers `Forwarded` and `X-Forwarded-For` name different clients, the proxy has
/// checked at most one of them. Such a client is unverified, and not the proxy itself: it must not use
/// up the places of the proxy's own requests.
pub(super) fn client_address(
    proxies: &[Network],
    connection: IpAddr,
    headers: &HeaderMap,
) -> Client {
    let connection = connection.to_canonical();
    if !is_trusted(proxies, connection) {
        return Client::Known(connection);
    }
    let last = |form| last_untrusted(proxies, connection, headers, form);
    match (last(&X_FORWARDED_FOR), last(&FORWARDED)) {
        (Some(one), Some(other)) if one != other => Client::Unverified(connection),
        (one, other) => one.or(other).unwrap_or(Client::Known(connection)),
    }
}

/// A header that names clients.
struct HeaderForm {
    name: HeaderName,
    /// Splits a line of the header into its entries.
    entries: fn(&str) -> Vec<&str>,
    /// Parses an entry, and returns the address that it names.
    address: fn(&str) -> Option<IpAddr>,
}

const X_FORWARDED_FOR: HeaderForm = HeaderForm {
    name: HeaderName::from_static("x-forwarded-for"),
    // The header has no quoted strings. A quote of a client must not hide the entry after it.
    entries: |line| line.split(',').collect(),
    address: plain_address,
};

const FORWARDED: HeaderForm = HeaderForm {
    name: header::FORWARDED,
    entries: |line| split(line, ','),
    address: forwarded_address,
};

/// Returns the client with the last address in the header `form` that is not a trusted proxy, or with
/// the first address if all are trusted. If an entry has no valid address, the client is unverified.
/// Returns `None` if the header is missing.
fn last_untrusted(
    proxies: &[Network],
    connection: IpAddr,
    headers: &HeaderMap,
    form: &HeaderForm,
) -> Option<Client> {
    // An entry that is not ASCII does not hide the entries after it, which a proxy has appended.
    let lines = headers.get_all(&form.name).iter();
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    if lines.is_empty() {
        return None;
    }
    let mut client = connection;
    for entry in lines.iter().rev().flat_map(|line| (form.entries)(line).into_iter().rev()) {
        let Some(before) = (form.address)(entry.trim()) else {
            return Some(Client::Unverified(client));
        };
        client = before.to_canonical();
        if !is_trusted(proxies, client) {
            break;
        }
    }
    Some(Client::Known(client))
}

/// Splits `text` at each `separator` outside of quoted strings, in which a backslash precedes any
/// character (RFC 7239, section 4). If a quoted string has no end, the result ends with an empty part.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(if quoted { "" } else { &text[start..] });
    parts
}

/// Parses an entry of `X-Forwarded-For`: an address, with or without a port.
fn plain_address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

/// Parses an element of `Forwarded` (RFC 7239), and returns the address in its parameter `for`.
fn forwarded_address(element: &str) -> Option<IpAddr> {
    let pairs = split(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (value, again) = (named.next()?.1.trim(), named.next());
    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    if again.is_some() { None } else { plain_address(value) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use axum::http::HeaderValue;

    use super::*;

    /// Checks the client of a request from `connection`. A question mark before the address in `expected`
    /// means an unverified client.
    fn check(connection: &str, headers: &[(&'static str, &str)], expected: &str) {
        let proxies = ["10.0.0.0/8", "2001:db8:ffff::/48"].map(|text| text.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let client = client_address(&proxies, connection.parse().unwrap(), &map);
        let expected = match expected.strip_prefix('?') {
            Some(proxy) => Client::Unverified(proxy.parse().unwrap()),
            None => Client::Known(expected.parse().unwrap()),
        };
        assert_eq!(client, expected, "{connection} {headers:?}");
    }

    #[test]
    fn only_a_trusted_proxy_names_the_client() {
        // spec: W12d
        const XFF: &str = "x-forwarded-for";
        for connection in ["203.0.113.1", "::ffff:203.0.113.1"] {
            check(connection, &[(XFF, "198.51.100.7")], "203.0.113.1");
            check(connection, &[("forwarded", "for=198.51.100.7")], "203.0.113.1");
        }
        for (headers, expected) in [
            (vec![], "10.0.0.1"),
            (vec![(XFF, "198.51.100.7")], "198.51.100.7"),
            (vec![(XFF, "198.51.100.7:4711")], "198.51.100.7"),
            (vec![(XFF, "2001:db8::7")], "2001:db8::7"),
            (vec![(XFF, "[2001:db8::7]:4711")], "2001:db8::7"),
            (vec![(XFF, "::ffff:198.51.100.7")], "198.51.100.7"),
            // A client has written the first address.
            (vec![(XFF, "192.0.2.1, 198.51.100.7")], "198.51.100.7"),
            (vec![(XFF, "192.0.2.1"), (XFF, "198.51.100.7")], "198.51.100.7"),
            (vec![(XFF, "10.9.9.9, 198.51.100.7,10.0.0.2")], "198.51.100.7"),
            // A second trusted proxy, and a client inside the trusted networks.
            (vec![(XFF, "198.51.100.7, 10.0.0.2 , 10.0.0.3")], "198.51.100.7"),
            (vec![(XFF, "10.0.0.2, 10.0.0.3")], "10.0.0.2"),
            // What is not an address hides the entries before it.
            (vec![(XFF, "198.51.100.7, unknown")], "?10.0.0.1"),
            (vec![(XFF, "198.51.100.7, , 10.0.0.3")], "?10.0.0.3"),
            (vec![(XFF, "")], "?10.0.0.1"),
            (vec![("forwarded", "for=198.51.100.7;proto=https")], "198.51.100.7"),
            (vec![("forwarded", "proto=https; For=\"198.51.100.7:99\"")], "198.51.100.7"),
            (vec![("forwarded", "for=\"[2001:db8::7]:99\";by=_x")], "2001:db8::7"),
            (vec![("forwarded", "for=192.0.2.1, for=198.51.100.7, for=10.2.0.1")], "198.51.100.7"),
            (vec![("forwarded", "for=198.51.100.7, for=_hidden")], "?10.0.0.1"),
            (vec![("forwarded", "for=192.0.2.1;for=198.51.100.7")], "?10.0.0.1"),
            (vec![("forwarded", "by=198.51.100.7")], "?10.0.0.1"),
            // Commas and semicolons in quoted strings, as a client can make its proxy quote them.
            (vec![("forwarded", "for=198.51.100.7;host=\"a, for=192.0.2.1\"")], "198.51.100.7"),
            (vec![("forwarded", "for=198.51.100.7;host=\"a;for=192.0.2.1\"")], "198.51.100.7"),
            (vec![("forwarded", "for=198.51.100.7;host=\"\\\", for=192.0.2.1\"")], "198.51.100.7"),
            (vec![("forwarded", "for=192.0.2.1;host=\"a, for=198.51.100.7")], "?10.0.0.1"),
            (vec![("forwarded", "for=192.0.2.1;host=\"a\", for=198.51.100.7")], "198.51.100.7"),
            // Both headers, and a client that wrote the one that its proxy does not check.
            (vec![(XFF, "198.51.100.7"), ("forwarded", "for=198.51.100.7")], "198.51.100.7"),
            (vec![(XFF, "198.51.100.7"), ("forwarded", "for=192.0.2.1")], "?10.0.0.1"),
            (vec![(XFF, "198.51.100.7"), ("forwarded", "for=10.0.0.1")], "?10.0.0.1"),
            (vec![(XFF, "198.51.100.7"), ("forwarded", "")], "?10.0.0.1"),
            (vec![(XFF, ""), ("forwarded", "for=\"")], "?10.0.0.1"),
            // A quote of the client hides no entry of the proxy.
            (vec![(XFF, "\", 198.51.100.7")], "198.51.100.7"),
            (vec![(XFF, "\\\", 198.51.100.7, 10.0.0.3")], "198.51.100.7"),
            (vec![(XFF, "\"a, b\", 198.51.100.7")], "198.51.100.7"),
        ] {
            check("10.0.0.1", &headers, expected);
        }
        // Zones, ports and brackets, which a client has chosen, before the address that its proxy saw.
        for forged in [
            "10.0.0.9",
            "\u{ff}",
            "fe80::1%eth0",
            "[2001:db8::9%25eth0]:1",
            "[2001:db8::9",
            "2001:db8::9]:80",
            "010.0.0.1",
            "0x7f.1",
            "192.0.2.1:99999",
            "192.0.2.1:",
            "for=192.0.2.1",
            "\"192.0.2.1\"",
            "",
            ",,,",
            "unknown, _hidden",
        ] {
            let one = format!("{forged}, 198.51.100.7");
            check("10.0.0.1", &[(XFF, &one)], "198.51.100.7");
            check("10.0.0.1", &[(XFF, forged), (XFF, "198.51.100.7")], "198.51.100.7");
            // If the client's own proxy appends nothing, the client is unverified.
            let two = format!("{forged}, 10.0.0.3");
            let ours = if forged == "10.0.0.9" { "10.0.0.9" } else { "?10.0.0.3" };
            check("10.0.0.1", &[(XFF, &two)], ours);
        }
        let many = "192.0.2.1,".repeat(1_000) + "198.51.100.7";
        check("10.0.0.1", &[(XFF, &many)], "198.51.100.7");
        let proxies = "198.51.100.7".to_owned() + &",10.0.0.2".repeat(1_000);
        check("10.0.0.1", &[(XFF, &proxies)], "198.51.100.7");
        check("2001:db8:ffff::1", &[(XFF, "198.51.100.7")], "198.51.100.7");
    }
}
