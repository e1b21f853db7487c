//! Rules of the egress proxy.

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// A check that the egress proxy makes before it connects to a host for a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressRule {
    /// The target is a host name that follows the strict grammar of
    /// [`HostName`](ccc_core::egress::HostName). An IP address is refused.
    Named,
    /// The host is on the list of permitted hosts.
    Listed,
    /// The port is 443.
    Port,
    /// All IP addresses of the host are public: none belongs to a private network or to a cloud's
    /// metadata service.
    Public,
}

/// The rules that the egress proxies of all containers enforce, and the resolver of host names.
#[derive(Clone, Debug)]
pub struct EgressRules {
    without: Vec<EgressRule>,
    resolver: Arc<dyn Resolver>,
}

/// A resolver of host names. The egress proxy resolves a name once for each connection, checks the
/// addresses, and connects only to the checked addresses. A later change of the name's addresses
/// has no effect on the connection.
pub trait Resolver: Debug + Send + Sync + 'static {
    /// Resolves `host`, and returns each of the host's IP addresses together with `port`.
    fn addresses<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver, which blocks one thread for each lookup. The semaphore limits
/// the number of concurrent lookups.
#[derive(Debug)]
struct SystemResolver(Arc<Semaphore>);

/// Maximum number of concurrent lookups for all containers together. More lookups would block file
/// operations, because both use the same pool of threads.
const MAX_LOOKUPS: usize = 32;

impl Resolver for SystemResolver {
    fn addresses<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let host = host.to_owned();
            let turn = Arc::clone(&self.0).acquire_owned().await.map_err(io::Error::other)?;
            let asked = tokio::task::spawn_blocking(move || {
                // Held until the thread ends, even if the caller has stopped waiting.
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
            resolver: Arc::new(SystemResolver(Arc::new(Semaphore::new(MAX_LOOKUPS)))),
        }
    }
}

impl EgressRules {
    /// Sets the resolver of host names. The default is the operating system's resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Disables `rule`: **containers can then reach hosts that they must not reach.**
    #[must_use]
    pub fn dangerously_without(mut self, rule: EgressRule) -> Self {
        tracing::warn!(
            ?rule,
            "an egress rule is disabled: containers can reach more hosts than the operator listed"
        );
        self.without.push(rule);
        self
    }

    /// Returns whether `rule` is enabled.
    pub(crate) fn is_enabled(&self, rule: EgressRule) -> bool {
        !self.without.contains(&rule)
    }

    pub(crate) fn resolver(&self) -> &dyn Resolver {
        &*self.resolver
    }
}
