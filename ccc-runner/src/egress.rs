//! The way to listed hosts, for containers that have no network: an HTTP proxy that knows `CONNECT` and
//! nothing else (spec: X3e).

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccc_core::egress::{HostName, HostPattern};
use ccc_core::text::one_line;
use ccc_core::{CancellationToken, Clock};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

mod public;

use public::is_public;

/// The longest head of a request, bytes.
const MAX_HEAD: usize = 8 << 10;
/// How long the head may take, and how long a host may take to answer.
const WITHIN: Duration = Duration::from_secs(30);
/// The one port that leads out.
const PORT: u16 = 443;
/// Places that a container was kept from, at most: what is told is for people.
const MAX_KEPT: usize = 100;

/// One thing that the proxy insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressRule {
    /// A host is named, in the strict grammar of [`HostName`].
    Named,
    /// It is listed.
    Listed,
    /// The port is 443.
    Port,
    /// All its addresses are on the internet at large: none of a private network, or a cloud's metadata.
    Public,
}

/// What the proxy insists on, and where it gets addresses.
#[derive(Clone, Debug)]
pub struct EgressRules {
    without: Vec<EgressRule>,
    resolver: Arc<dyn Resolver>,
}

/// Turns a host's name into addresses. The proxy asks once for a connection, looks at what comes, and
/// connects to just that: a name that means something else a moment later changes nothing.
pub trait Resolver: Debug + Send + Sync + 'static {
    /// The addresses of `host`, each with `port`.
    fn addresses<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// Asks the system, which takes a thread for each question.
#[derive(Debug)]
struct System(Arc<Semaphore>);

/// Questions at once, of all containers together: the threads that files are read on are the same.
const QUESTIONS: usize = 32;

impl Resolver for System {
    fn addresses<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let host = host.to_owned();
            let turn = Arc::clone(&self.0).acquire_owned().await.map_err(io::Error::other)?;
            let asked = tokio::task::spawn_blocking(move || {
                // Kept as long as the thread is, whoever has stopped waiting.
                let _turn = turn;
                (host.as_str(), port).to_socket_addrs().map(Iterator::collect)
            });
            asked.await?
        })
    }
}

impl Default for EgressRules {
    fn default() -> Self {
        Self {
            without: Vec::new(),
            resolver: Arc::new(System(Arc::new(Semaphore::new(QUESTIONS)))),
        }
    }
}

impl EgressRules {
    /// Asks this resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Insists on one thing less: **something gets out that should not.**
    #[must_use]
    pub fn dangerously_without(mut self, rule: EgressRule) -> Self {
        tracing::warn!(?rule, "the way out of containers is not as narrow as it could be");
        self.without.push(rule);
        self
    }

    fn insist_on(&self, rule: EgressRule) -> bool {
        !self.without.contains(&rule)
    }
}

/// One container's way out.
#[derive(Debug)]
pub(crate) struct Egress {
    rules: EgressRules,
    clock: Arc<dyn Clock>,
    /// Hosts that all its programs may reach.
    always: Vec<HostPattern>,
    /// Hosts that the program that runs now may reach, and the end of that.
    now: Mutex<(Vec<HostPattern>, CancellationToken)>,
    kept: Mutex<Vec<String>>,
}

/// A wider way out, until it is dropped: connections that took it end then.
pub(crate) struct Wider<'a>(&'a Egress);

impl Drop for Wider<'_> {
    fn drop(&mut self) {
        let mut now = self.0.now();
        now.0.clear();
        now.1.cancel();
    }
}

/// Why a request does not go on: the status, and a line for whoever asked.
struct Refusal(&'static str, String);

impl Egress {
    pub(crate) fn new(rules: EgressRules, clock: Arc<dyn Clock>, always: Vec<HostPattern>) -> Self {
        Self { rules, clock, always, now: Mutex::default(), kept: Mutex::default() }
    }

    fn now(&self) -> MutexGuard<'_, (Vec<HostPattern>, CancellationToken)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets programs reach these hosts as well, until what comes back is dropped.
    pub(crate) fn widen(&self, hosts: &[HostPattern]) -> Wider<'_> {
        *self.now() = (hosts.to_vec(), CancellationToken::new());
        Wider(self)
    }

    /// Where programs wanted to and were not let.
    pub(crate) fn denied_hosts(&self) -> Vec<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, target: &[u8]) {
        let target = one_line(&String::from_utf8_lossy(target), 100);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT && !kept.contains(&target) {
            kept.push(target);
        }
    }

    /// Serves one connection.
    pub(crate) async fn serve(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let head = tokio::select! {
            head = read_head(&mut stream) => head?,
            () = self.clock.sleep(WITHIN) => return Err(io::ErrorKind::TimedOut.into()),
        };
        let target = target(&head);
        let opened = match target {
            Some(target) => self.open(target).await,
            None => Err(Refusal("405 Method Not Allowed", "only CONNECT leads out of here".into())),
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
                // What is allowed and does not answer was kept from nobody.
                if status.starts_with('4') {
                    self.note(target.unwrap_or(b"something by plain HTTP"));
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

    /// Connects to what is named, if everything that we insist on is so.
    async fn open(&self, target: &[u8]) -> Result<(TcpStream, CancellationToken), Refusal> {
        let shown = one_line(&String::from_utf8_lossy(target), 100);
        let gone = |why: &str| Refusal("502 Bad Gateway", format!("no way to {shown}: {why}"));
        let no = |why: &str| Refusal("403 Forbidden", format!("no way to {shown}: {why}"));
        let text = std::str::from_utf8(target).map_err(|_| no("that is no host"))?;
        let (host, port) = text.rsplit_once(':').ok_or_else(|| no("there is no port"))?;
        let port: u16 = port.parse().map_err(|_| no("that is no port"))?;
        let name = HostName::new(host);
        if self.rules.insist_on(EgressRule::Named) && name.is_err() {
            return Err(no("that is no host's name"));
        }
        if self.rules.insist_on(EgressRule::Port) && (port != PORT || !text.ends_with(":443")) {
            return Err(no("only port 443 leads out of here"));
        }
        let until = match name.as_ref().map(|name| self.listed(name)) {
            // Nobody insists on a name, and no list can hold what is none.
            Err(_) => CancellationToken::new(),
            Ok(Some(until)) => until,
            Ok(None) if self.rules.insist_on(EgressRule::Listed) => {
                return Err(no("it is not among the hosts that this container may reach"));
            }
            Ok(None) => CancellationToken::new(),
        };
        let found = async {
            let addresses = self.rules.resolver.addresses(host, port).await;
            let addresses = addresses.map_err(|_| gone("it has no address"))?;
            let private = |address: &SocketAddr| !is_public(address.ip());
            if self.rules.insist_on(EgressRule::Public) && addresses.iter().any(private) {
                return Err(no("its address is not on the internet"));
            }
            let host = TcpStream::connect(&addresses[..]).await;
            host.map_err(|_| Refusal("502 Bad Gateway", format!("{shown} does not answer")))
        };
        let host = tokio::select! {
            found = found => found?,
            () = self.clock.sleep(WITHIN) => {
                return Err(Refusal("504 Gateway Timeout", format!("{shown} does not answer")));
            }
            () = until.cancelled() => return Err(no("the time for that is over")),
        };
        let _ = host.set_nodelay(true);
        Ok((host, until))
    }

    /// Whether the host is listed, and until when.
    fn listed(&self, name: &HostName) -> Option<CancellationToken> {
        let listed =
            |patterns: &[HostPattern]| patterns.iter().any(|pattern| pattern.matches(name));
        if listed(&self.always) {
            return Some(CancellationToken::new());
        }
        let now = self.now();
        listed(&now.0).then(|| now.1.clone())
    }
}

/// The request's head, to its end and no further: byte by byte, because what follows is not ours.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the head is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// What the request wants to be connected to. Nothing else of its head counts.
fn target(head: &[u8]) -> Option<&[u8]> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let rest = line.strip_prefix(b"CONNECT ")?;
    let target = rest.strip_suffix(b" HTTP/1.1").or_else(|| rest.strip_suffix(b" HTTP/1.0"))?;
    (!target.is_empty()).then_some(target)
}

#[cfg(test)]
mod tests;
