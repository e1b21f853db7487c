//! Tests with a host that has a certificate of a private authority, behind a proxy that requires a
//! password.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use github_emulator::secrecy::ExposeSecret as _;
use github_emulator::{ActorKind, Emulator, EmulatorConfig, Permission};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fixture::{SECRET, ccc, listening};

/// Serves TLS for `localhost`, and forwards the decrypted data. Returns the certificate of the
/// authority.
async fn tls(listener: TcpListener, to: SocketAddr, tasks: &mut JoinSet<()>) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            open.spawn(async move {
                // A client that does not trust the certificate ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    pem
}

/// Serves a proxy that supports CONNECT and requires a password. Returns its address and a record of
/// the requests' heads.
async fn proxy(tasks: &mut JoinSet<()>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            open.spawn(async move {
                let mut head = String::new();
                while !head.contains("Proxy-Authorization: ") {
                    if !head.is_empty() {
                        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n\
                            Proxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\n\r\n";
                        stream.write_all(refusal.as_bytes()).await.unwrap();
                        head.clear();
                    }
                    while !head.ends_with("\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(char::from(byte));
                    }
                }
                let port = head.split([' ', ':']).nth(2).unwrap().parse::<u16>().unwrap();
                seen.lock().unwrap().push(head);
                let mut behind = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    (address, heads)
}

#[tokio::test(flavor = "multi_thread")]
async fn api_and_git_use_the_configured_proxy_and_authority() {
    // spec: G8d
    let mut tasks = JoinSet::new();
    let dir = tempfile::TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public = format!("https://localhost:{}", front.local_addr().unwrap().port());

    std::fs::create_dir(path("seed")).unwrap();
    std::fs::write(path("seed/sum.txt"), "1 + 1 = 3\n").unwrap();
    let mut config = EmulatorConfig::new(path("github"), SECRET.into());
    config.public_url = Some(public.clone());
    let github = Emulator::start(config).await.unwrap();
    let repo = github.add_repository("octo", "hello", &path("seed")).await.unwrap();
    github.add_user("writer", ActorKind::User);
    github.set_permission(&repo, "writer", Permission::Write);
    let ca = tls(front, github.host().parse().unwrap(), &mut tasks).await;
    let (proxy, heads) = proxy(&mut tasks).await;
    let way = format!("http://us:hunter2@{proxy}");
    std::fs::write(path("ca.pem"), ca).unwrap();
    std::fs::write(path("key.pem"), github.private_key_pem().expose_secret()).unwrap();
    std::fs::write(path("secret"), SECRET).unwrap();

    let serve = |data: &str, settings: &[(&str, &str)]| {
        let mut command = ccc();
        command
            .arg("serve")
            .current_dir(dir.path())
            .env("CCC_LISTEN", "127.0.0.1:0")
            .env("CCC_DATA_DIR", path(data))
            .env("CCC_GITHUB__APP_ID", "1")
            .env("CCC_GITHUB__PRIVATE_KEY_FILE", path("key.pem"))
            .env("CCC_GITHUB__WEBHOOK_SECRET_FILE", path("secret"))
            .env("CCC_GITHUB__API_URL", &public)
            .env("CCC_GITHUB__WRITE_SPACING_MS", "0")
            .env("CCC_AGENT__KIND", "command:sed -i s/3/2/ sum.txt")
            .envs(settings.iter().copied());
        listening(command)
    };
    let until = async |what: &str, so: &dyn Fn() -> bool, log: &dyn Fn() -> String| {
        for _ in 0..1_000 {
            if so() {
                return;
            }
            let breath = std::time::Duration::from_millis(20);
            ccc_core::Clock::sleep(&ccc_core::SystemClock, breath).await;
        }
        panic!("timed out: {what}: {}", log());
    };

    // Without `ca_file`, the service does not trust the authority.
    let (service, _) = serve("a", &[]);
    let told = || service.log().contains("cannot get the name of the App");
    until("the refusal", &told, &|| service.log()).await;
    assert!(heads.lock().unwrap().is_empty(), "the proxy was used although it is not configured");
    drop(service);

    let ca = path("ca.pem");
    let named = [("CCC_GITHUB__CA_FILE", ca.to_str().unwrap()), ("CCC_GITHUB__PROXY", &way)];
    let (service, address) = serve("b", &named);
    github.set_webhook_url(format!("http://{address}/webhook/github"));
    github.open_issue(&repo, "writer", "The sum is wrong", "It is 2.").await.unwrap();
    let opened = || !github.pull_requests(&repo).is_empty();
    until("a pull request", &opened, &|| service.log()).await;

    let heads = heads.lock().unwrap().clone();
    let by_git = |head: &&String| head.to_lowercase().contains("user-agent: git/");
    assert!(heads.iter().any(|head| by_git(&head)), "git did not use the proxy: {heads:#?}");
    assert!(
        heads.iter().any(|head| !by_git(&head)),
        "API requests did not use the proxy: {heads:#?}"
    );
    // `us:hunter2` (RFC 7617).
    assert!(heads.iter().all(|head| head.contains("Basic dXM6aHVudGVyMg==")), "{heads:#?}");
    assert!(!service.log().contains("hunter2"), "{}", service.log());
}

#[test]
fn invalid_proxy_and_authority_settings_are_reported_at_the_start() {
    // spec: G8d
    let dir = tempfile::TempDir::new().unwrap();
    let key = dir.path().join("key.pem");
    std::fs::write(&key, include_str!("../../../../ccc-github/emulator/test-key.pem")).unwrap();
    let not_pem = dir.path().join("not.pem");
    std::fs::write(&not_pem, "hello").unwrap();
    for (name, value, expected) in [
        ("CCC_GITHUB__CA_FILE", "/nowhere", "/nowhere, which the setting github.ca_file names"),
        (
            "CCC_GITHUB__CA_FILE",
            not_pem.to_str().unwrap(),
            "certificates of the trusted authorities are not in PEM format",
        ),
        ("CCC_GITHUB__PROXY", "http://us:hunter2@", "the proxy address is invalid"),
        ("CCC_GITHUB__WRITE_SPACING_MS", "soon", "write a number of milliseconds"),
    ] {
        let output = ccc()
            .arg("serve")
            .current_dir(dir.path())
            .env("CCC_DATA_DIR", dir.path().join("data"))
            .env("CCC_GITHUB__APP_ID", "1")
            .env("CCC_GITHUB__PRIVATE_KEY_FILE", &key)
            .env("CCC_GITHUB__WEBHOOK_SECRET", "x")
            .env("CCC_AGENT__KIND", "command:true")
            .env(name, value)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
