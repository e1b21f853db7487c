//! The rules of the egress proxy.

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// A check that the egress proxy makes before it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressRule {
    /// A host is named, in the strict grammar of [`HostName`](ccc_core::egress::HostName).
    Named,
    /// It is listed.
    Listed,
    /// The port is 443.
    Port,
    /// All its addresses are on the internet at large: none of a private network, or a cloud's
    /// metadata.
    Public,
}

/// The rules of the egress proxies, and their resolver.
#[derive(Clone, Debug)]
pub struct EgressRules {
    without: Vec<EgressRule>,
    resolver: Arc<dyn Resolver>,
}

/// Turns a host's name into addresses. The proxy asks once for a connection, looks at what comes,
/// and connects to just that: a name that means something else a moment later changes nothing.
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
struct SystemResolver(Arc<Semaphore>);

/// Questions at once, of all containers together: the threads that files are read on are the same.
const QUESTIONS: usize = 32;

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
                // Held for as long as the thread runs, also when the caller has stopped waiting.
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
            resolver: Arc::new(SystemResolver(Arc::new(Semaphore::new(QUESTIONS)))),
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

    /// Returns whether the rule applies.
    pub(crate) fn insist_on(&self, rule: EgressRule) -> bool {
        !self.without.contains(&rule)
    }

    pub(crate) fn resolver(&self) -> &dyn Resolver {
        &*self.resolver
    }
}
