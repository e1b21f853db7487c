//! The egress proxy of a container: an HTTP proxy that supports only `CONNECT` (spec: X3e).

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccc_core::egress::{HostName, HostPattern};
use ccc_core::untrusted_text::one_line;
use ccc_core::{CancellationToken, Clock};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::egress::public_address::is_public;
use crate::egress::rules::{EgressRule, EgressRules};
use crate::lock::lock;

/// Maximum length of a request head (request line and headers), in bytes.
const MAX_HEAD: usize = 8 << 10;
/// Time limit for receiving a request head. It is also the time limit for resolving a host name and
/// then connecting to the host.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The only port that containers may connect to on a host: the port of HTTPS.
const PORT: u16 = 443;
/// Maximum number of denied targets that are recorded for one container.
const MAX_DENIED: usize = 100;

/// The egress proxy of one container.
#[derive(Debug)]
pub(crate) struct EgressProxy {
    rules: EgressRules,
    clock: Arc<dyn Clock>,
    /// The hosts that every program in the container may reach.
    always: Vec<HostPattern>,
    /// The additional hosts that the currently executing program may reach.
    temporary: Mutex<Temporary>,
    denied: Mutex<Vec<String>>,
}

/// The additional hosts that one program may reach, and a token. The token is cancelled when the
/// permission to reach these hosts ends.
#[derive(Debug, Default)]
struct Temporary {
    hosts: Vec<HostPattern>,
    ended: CancellationToken,
}

/// A permission to reach additional hosts. When this value is dropped, the permission ends, and the
/// connections that depend on the permission are closed.
pub(crate) struct TemporaryPermission<'a>(&'a EgressProxy);

impl Drop for TemporaryPermission<'_> {
    fn drop(&mut self) {
        let mut temporary = lock(&self.0.temporary);
        temporary.hosts.clear();
        temporary.ended.cancel();
    }
}

/// The refusal of a client's request: the HTTP status, and a message for the client.
struct Refusal(&'static str, String);

impl EgressProxy {
    pub(crate) fn new(rules: EgressRules, clock: Arc<dyn Clock>, always: Vec<HostPattern>) -> Self {
        Self { rules, clock, always, temporary: Mutex::default(), denied: Mutex::default() }
    }

    /// Permits connections to `hosts` until the returned value is dropped. These hosts are in
    /// addition to the hosts that are always permitted.
    pub(crate) fn permit(&self, hosts: &[HostPattern]) -> TemporaryPermission<'_> {
        *lock(&self.temporary) =
            Temporary { hosts: hosts.to_vec(), ended: CancellationToken::new() };
        TemporaryPermission(self)
    }

    /// Returns the targets, such as `example.org:443`, to which this proxy refused to connect. Only
    /// the first [`MAX_DENIED`] targets are recorded.
    pub(crate) fn denied_hosts(&self) -> Vec<String> {
        lock(&self.denied).clone()
    }

    fn record_denied(&self, target: &[u8]) {
        let target = one_line(&String::from_utf8_lossy(target), 100);
        let mut denied = lock(&self.denied);
        if denied.len() < MAX_DENIED && !denied.contains(&target) {
            denied.push(target);
        }
    }

    /// Serves one client connection: reads a `CONNECT` request, connects to the target if it is
    /// permitted, and forwards bytes in both directions.
    pub(crate) async fn serve(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let head = tokio::select! {
            head = read_head(&mut stream) => head?,
            () = self.clock.sleep(TIMEOUT) => return Err(io::ErrorKind::TimedOut.into()),
        };
        let target = target(&head);
        let opened = match target {
            Some(target) => self.open(target).await,
            None => Err(Refusal(
                "405 Method Not Allowed",
                "the egress proxy supports only CONNECT requests: use an https:// URL".into(),
            )),
        };
        match opened {
            Ok((mut host, until)) => {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                tokio::select! {
                    carried = copy_bidirectional(&mut stream, &mut host) => carried.map(drop),
                    () = until.cancelled() => Ok(()),
                }
            }
            Err(Refusal(status, line)) => {
                // A permitted host that does not answer was not denied.
                if status.starts_with('4') {
                    self.record_denied(target.unwrap_or(b"a plain HTTP request"));
                }
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
                     connection: close\r\n\r\n{line}\n",
                    line.len() + 1
                );
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await
            }
        }
    }

    /// Connects to `target`, such as `example.org:443`, if every enabled rule permits the
    /// connection. Returns the connection and a token. The token is cancelled when the permission
    /// to reach the host ends.
    async fn open(&self, target: &[u8]) -> Result<(TcpStream, CancellationToken), Refusal> {
        let shown = one_line(&String::from_utf8_lossy(target), 100);
        let unreachable =
            |why: &str| Refusal("502 Bad Gateway", format!("cannot connect to {shown}: {why}"));
        let denied =
            |why: &str| Refusal("403 Forbidden", format!("cannot connect to {shown}: {why}"));
        let text = std::str::from_utf8(target).map_err(|_| denied("the target is not UTF-8"))?;
        let (host, port) = text.rsplit_once(':').ok_or_else(|| denied("the port is missing"))?;
        let port: u16 = port.parse().map_err(|_| denied("the port is not a number"))?;
        let name = HostName::new(host);
        if self.rules.is_enabled(EgressRule::Named) && name.is_err() {
            return Err(denied("the host is not a valid host name"));
        }
        if self.rules.is_enabled(EgressRule::Port) && (port != PORT || !text.ends_with(":443")) {
            return Err(denied("only port 443 is permitted"));
        }
        let until = match name.as_ref().map(|name| self.listed(name)) {
            // `EgressRule::Named` is disabled. No list can contain a name that is not valid.
            Err(_) => CancellationToken::new(),
            Ok(Some(until)) => until,
            Ok(None) if self.rules.is_enabled(EgressRule::Listed) => {
                return Err(denied("the host is not permitted for this container"));
            }
            Ok(None) => CancellationToken::new(),
        };
        let found = async {
            let addresses = self.rules.resolver().addresses(host, port).await;
            let addresses =
                addresses.map_err(|_| unreachable("the host name cannot be resolved"))?;
            let private = |address: &SocketAddr| !is_public(address.ip());
            if self.rules.is_enabled(EgressRule::Public) && addresses.iter().any(private) {
                return Err(denied("the host has an IP address that is not public"));
            }
            let host = TcpStream::connect(&addresses[..]).await;
            host.map_err(|_| unreachable("the host is not reachable, or refused the connection"))
        };
        let host = tokio::select! {
            found = found => found?,
            () = self.clock.sleep(TIMEOUT) => {
                let line = format!("cannot connect to {shown} within {} s", TIMEOUT.as_secs());
                return Err(Refusal("504 Gateway Timeout", line));
            }
            () = until.cancelled() => {
                return Err(denied("the permission to reach the host has ended"));
            }
        };
        let _ = host.set_nodelay(true);
        Ok((host, until))
    }

    /// Returns a token that is cancelled when the permission to reach the host `name` ends, or
    /// `None` if no list of permitted hosts contains the host.
    fn listed(&self, name: &HostName) -> Option<CancellationToken> {
        let listed =
            |patterns: &[HostPattern]| patterns.iter().any(|pattern| pattern.matches(name));
        if listed(&self.always) {
            return Some(CancellationToken::new());
        }
        let temporary = lock(&self.temporary);
        listed(&temporary.hosts).then(|| temporary.ended.clone())
    }
}

/// Reads the request head byte by byte, because the bytes after the head are meant for the target.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the request head is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// Returns the target of a `CONNECT` request, or `None` for any other request. Only the request
/// line is examined.
fn target(head: &[u8]) -> Option<&[u8]> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let rest = line.strip_prefix(b"CONNECT ")?;
    let target = rest.strip_suffix(b" HTTP/1.1").or_else(|| rest.strip_suffix(b" HTTP/1.0"))?;
    (!target.is_empty()).then_some(target)
}

#[cfg(test)]
mod tests;
