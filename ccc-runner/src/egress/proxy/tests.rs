#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use ccc_core::SystemClock;
use futures_util::future::BoxFuture;
use tokio::io::duplex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::egress::rules::Resolver;

/// A resolver that returns these addresses for every known name. Like a C library, it reads a name
/// only up to the first NUL.
#[derive(Debug)]
struct Everywhere(Vec<SocketAddr>);

impl Resolver for Everywhere {
    fn addresses<'a>(
        &'a self,
        host: &'a str,
        _: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let host = host.split('\0').next().unwrap_or_default();
        let known = host == "evil.example" || host.ends_with("example.org") || host == "127.0.0.1";
        let found = if known { Ok(self.0.clone()) } else { Err(io::ErrorKind::NotFound.into()) };
        Box::pin(std::future::ready(found))
    }
}

struct World {
    egress: EgressProxy,
    _listening: JoinSet<()>,
}

/// Starts a server that answers `reached`, and creates an egress proxy in which the rules `without`
/// are disabled.
async fn world(without: &[EgressRule]) -> World {
    world_with(without, None).await
}

/// Does the same as [`world`], but the resolver also returns the address `also` for every name.
async fn world_with(without: &[EgressRule], also: Option<SocketAddr>) -> World {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let addresses = std::iter::once(address).chain(also).collect();
    let mut listening = JoinSet::new();
    listening.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"reached").await;
        }
    });
    let rules = EgressRules::default().with_resolver(Arc::new(Everywhere(addresses)));
    let rules = without.iter().fold(rules, |rules, rule| rules.dangerously_without(*rule));
    let listed = vec![HostPattern::new("*.example.org").unwrap()];
    World { egress: EgressProxy::new(rules, Arc::new(SystemClock), listed), _listening: listening }
}

async fn ask(egress: &EgressProxy, request: &[u8]) -> String {
    let (mut here, there) = duplex(64 << 10);
    here.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let (served, read) = tokio::join!(egress.serve(there), async {
        let read = here.read_to_end(&mut answer).await;
        drop(here);
        read
    });
    read.unwrap();
    let _ = served;
    String::from_utf8_lossy(&answer).into_owned()
}

fn connect(target: &str) -> Vec<u8> {
    format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn each_bypass_is_refused_and_works_without_its_rule() {
    // spec: X3e
    use EgressRule::{Listed, Named, Port, Public};
    for (target, rule) in [
        ("evil.example\0.example.org:443", Named),
        ("127.0.0.1\0.example.org:443", Named),
        ("evil.example:443", Listed),
        ("example.org:443", Listed),
        ("a.example.org:80", Port),
        ("a.example.org:22", Port),
        ("a.example.org:+443", Port),
        ("a.example.org:00443", Port),
        // The name resolves to this host machine.
        ("a.example.org:443", Public),
    ] {
        // Disable all other rules, so that only this one can refuse.
        let others: Vec<_> =
            [Named, Listed, Port, Public].into_iter().filter(|other| *other != rule).collect();
        // The list stays enabled: without it, every name is permitted.
        let others: Vec<_> = match rule {
            Named => vec![Public],
            _ => others,
        };
        let strict = world(&others).await;
        let answer = ask(&strict.egress, &connect(target)).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{target:?}: {answer}");
        assert_eq!(
            strict.egress.denied_hosts().len(),
            1,
            "the denial of {target:?} is not recorded"
        );
        let all = [others, vec![rule]].concat();
        let answer = ask(&world(&all).await.egress, &connect(target)).await;
        assert!(answer.ends_with("\r\n\r\nreached"), "{target:?} without {rule:?}: {answer}");
    }
}

#[tokio::test]
async fn requests_other_than_connect_to_a_host_name_are_refused() {
    let world = world(&[EgressRule::Public]).await;
    for request in [
        &b"GET http://a.example.org/ HTTP/1.1\r\n\r\n"[..],
        b"connect a.example.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.example.org:443\r\n\r\n",
        b"CONNECT  HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
    ] {
        let answer = ask(&world.egress, request).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    }
    for target in ["a.example.org", ":443", "[::1]:443", "a.example.org:", "\u{ff}:443", "a b:443"]
    {
        let answer = ask(&world.egress, &connect(target)).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{target}: {answer}");
    }
}

#[tokio::test]
async fn a_host_with_one_private_address_is_refused() {
    // spec: X3e
    let public = Some(SocketAddr::from(([1, 1, 1, 1], 443)));
    let request = connect("a.example.org:443");
    let strict = world_with(&[], public).await;
    let answer = ask(&strict.egress, &request).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let weak = world_with(&[EgressRule::Public], public).await;
    assert!(ask(&weak.egress, &request).await.ends_with("reached"));
}

#[tokio::test]
async fn a_request_head_has_a_maximum_length() {
    let world = world(&[EgressRule::Public]).await;
    let head = |length: usize| {
        let mut head = b"CONNECT a.example.org:443 HTTP/1.1\r\nx: ".to_vec();
        head.resize(length - 4, b'a');
        [&head[..], b"\r\n\r\n"].concat()
    };
    assert!(ask(&world.egress, &head(MAX_HEAD)).await.ends_with("reached"));
    assert_eq!(ask(&world.egress, &head(MAX_HEAD + 1)).await, "");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_request_head_times_out() {
    let egress = EgressProxy::new(EgressRules::default(), Arc::new(SystemClock), Vec::new());
    let (mut here, there) = duplex(64);
    here.write_all(b"CONNECT ").await.unwrap();
    let began = tokio::time::Instant::now();
    let error = egress.serve(there).await.unwrap_err();
    assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, TIMEOUT));
}

#[tokio::test]
async fn a_temporary_permission_ends_with_its_program() {
    // spec: X3f
    let world = world(&[EgressRule::Public]).await;
    let hosts = [HostPattern::new("evil.example").unwrap()];
    assert!(ask(&world.egress, &connect("evil.example:443")).await.contains(" 403 "));
    let wider = world.egress.permit(&hosts);
    assert!(ask(&world.egress, &connect("evil.example:443")).await.ends_with("reached"));
    // A connection that is open when the permission ends is closed.
    let (mut here, there) = duplex(64 << 10);
    here.write_all(&connect("evil.example:443")).await.unwrap();
    let client = async {
        let mut first = [0; 4];
        here.read_exact(&mut first).await.unwrap();
        drop(wider);
        let mut rest = Vec::new();
        here.read_to_end(&mut rest).await.unwrap();
    };
    let (served, ()) = tokio::join!(world.egress.serve(there), client);
    served.unwrap();
    assert!(ask(&world.egress, &connect("evil.example:443")).await.contains(" 403 "));
    assert!(ask(&world.egress, &connect("a.example.org:443")).await.ends_with("reached"));
    assert_eq!(world.egress.denied_hosts(), ["evil.example:443"]);
}
