//! Benchmark of the responses to `GET /health` and to signed pings while the service is busy: beside
//! a scan, with all threads for blocking work in use, and with a disk that does not respond.

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ccc::{Config, Service};
use ccc_core::CancellationToken;
use ccc_core::testing::{FakeAgent, FakeRunner};
use hmac::{Hmac, KeyInit as _, Mac as _};
use tokio::net::TcpListener;

use support::{Report, Result, Side, Stopwatch};

/// Maximum duration of a response.
const MOST: Duration = Duration::from_secs(1);
/// The time for which requests are sent in each situation.
const PERIOD: Duration = Duration::from_secs(8);
/// The number of threads for blocking work, which is the default of tokio.
const BLOCKING_THREADS: usize = 512;
const SECRET: &str = "It's a Secret to Everybody";
const KEY: &str = include_str!("../../ccc-github/emulator/test-key.pem");

fn main() -> Result<ExitCode> {
    let mut report = Report::new("responsive");
    let dir = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let (address, shutdown) = runtime.block_on(start(&dir.path().join("data")))?;

    let [ping, health] = measure(address, ["ping, idle", "health, idle"])?;
    report.longest(&ping, MOST);
    report.longest(&health, MOST);

    let threads = std::thread::available_parallelism()?.get();
    let ends = Arc::new(AtomicBool::new(false));
    for _ in 0..threads {
        let ends = Arc::clone(&ends);
        runtime.spawn_blocking(move || scan_until(&ends));
    }
    let names = ["ping, beside a busy scan", "health, beside a busy scan"];
    let [ping, health] = measure(address, names)?;
    ends.store(true, Ordering::Relaxed);
    report.longest(&ping, MOST);
    report.longest(&health, MOST);

    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(gate));
    for _ in 0..2 * BLOCKING_THREADS {
        let gate = Arc::clone(&gate);
        runtime.spawn_blocking(move || drop(gate.lock().map(|gate| gate.recv())));
    }
    let names = ["ping, no thread for blocking work", "health, no thread for blocking work"];
    let [ping, health] = measure(address, names)?;
    drop(open);
    report.longest(&ping, MOST);
    report.longest(&health, MOST);

    hang_disk(&dir.path().join("data/health-probe"))?;
    let names = ["ping, the disk hangs", "health, the disk hangs"];
    let [ping, health] = measure(address, names)?;
    report.longest(&ping, MOST);
    report.longest(&health, MOST);
    if !request(address, &get_health())?.contains("the disk does not respond") {
        return Err("the response to /health does not report the disk".into());
    }

    // Proof that the goals matter: the same scan on the threads that answer requests.
    let ends = Arc::new(AtomicBool::new(false));
    for _ in 0..threads {
        let ends = Arc::clone(&ends);
        runtime.spawn(async move { scan_until(&ends) });
    }
    let stops = Arc::clone(&ends);
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(MOST * 2);
        stops.store(true, Ordering::Relaxed);
    });
    let names = ["ping, the scan on the threads that answer", "health, the same"];
    let [ping, _] = measure(address, names)?;
    stopping.join().map_err(|_| "the thread panicked")?;
    report.longest_must_miss(&ping, MOST);

    shutdown.cancel();
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(report.finish())
}

/// Starts a service over fakes. Returns its address, and the token that ends it.
async fn start(data_dir: &Path) -> Result<(SocketAddr, CancellationToken)> {
    let settings = [
        ("CCC_DATA_DIR", data_dir.to_str().ok_or("the path is not UTF-8")?),
        ("CCC_STORE__KIND", "memory"),
        ("CCC_GITHUB__API_URL", "http://127.0.0.1:9"),
        ("CCC_GITHUB__APP_ID", "7"),
        ("CCC_GITHUB__PRIVATE_KEY", KEY),
        ("CCC_GITHUB__WEBHOOK_SECRET", SECRET),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let service = Service::builder(&Config::load(None, settings)?)
        .runner(FakeRunner::default())
        .agent(FakeAgent::default())
        .build()
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, shutdown) = (listener.local_addr()?, CancellationToken::new());
    let (app, ends) = (ccc::router(service.clone()), shutdown.clone());
    #[allow(clippy::disallowed_methods, reason = "a bench is a native program")]
    tokio::spawn(async move { service.serve_http(listener, app, ends).await });
    Ok((address, shutdown))
}

/// Sends pings and requests to `/health` in turn, for [`PERIOD`].
fn measure(address: SocketAddr, names: [&'static str; 2]) -> Result<[Side; 2]> {
    let [mut ping, mut health] = names.map(Side::new);
    let (signed, get) = (ping_request()?, get_health());
    let period = Stopwatch::start();
    while period.elapsed() < PERIOD {
        for (side, head) in [(&mut ping, &signed), (&mut health, &get)] {
            let watch = Stopwatch::start();
            let response = request(address, head)?;
            side.add(watch.elapsed());
            if !response.starts_with("HTTP/1.1 200") && !response.contains("does not respond") {
                return Err(format!("unexpected response: {response}").into());
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok([ping, health])
}

fn request(address: SocketAddr, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

fn get_health() -> String {
    "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned()
}

fn ping_request() -> Result<String> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(b"{}");
    let signature = hex::encode(mac.finalize().into_bytes());
    Ok(format!(
        "POST /webhook/github HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\
         content-type: application/json\r\nx-github-event: ping\r\nx-github-delivery: p\r\n\
         x-hub-signature-256: sha256={signature}\r\n\r\n{{}}"
    ))
}

/// Searches a text again and again until `ends` is true.
fn scan_until(ends: &AtomicBool) {
    let text = "aghp_".repeat(1 << 18);
    while !ends.load(Ordering::Relaxed) {
        std::hint::black_box(std::hint::black_box(&text).matches("ghp_x").count());
    }
}

/// Replaces the file that the health check writes by a named pipe that no process reads. Opening
/// such a pipe for writing does not return, as a write to a disk that hangs.
fn hang_disk(probe: &Path) -> Result<()> {
    std::fs::remove_file(probe)?;
    match std::process::Command::new("mkfifo").arg(probe).status()?.success() {
        true => Ok(()),
        false => Err("cannot create a named pipe".into()),
    }
}
